"""The columns that ten kinds of export have, in their order, with a few invented products each."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

Products = Sequence[Mapping[str, str]]

SHOPIFY = (  # noqa: SIM905
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option1 Linked To,"
    "Option2 Name,Option2 Value,Option2 Linked To,Option3 Name,Option3 Value,Option3 Linked To,Variant SKU,"
    "Variant Grams,Variant Inventory Tracker,Variant Inventory Policy,Variant Fulfillment Service,Variant Price,"
    "Variant Compare At Price,Variant Requires Shipping,Variant Taxable,Variant Barcode,Image Src,Image Position,"
    "Image Alt Text,Gift Card,SEO Title,SEO Description,Variant Image,Variant Weight Unit,Variant Tax Code,"
    "Cost per item,Status"
).split(",")
WOOCOMMERCE = [
    *("ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Is featured?", "Visibility in catalog"),
    *("Short description", "Description", "Date sale price starts", "Date sale price ends", "Tax status", "Tax class"),
    *("In stock?", "Stock", "Low stock amount", "Backorders allowed?", "Sold individually?", "Weight (kg)"),
    *("Allow customer reviews?", "Purchase note", "Sale price", "Regular price", "Categories", "Tags"),
    *("Shipping class", "Images", "Download limit", "Download expiry days", "Parent", "Grouped products", "Upsells"),
    *("Cross-sells", "External URL", "Button text", "Position", "Attribute 1 name", "Attribute 1 value(s)"),
    *("Attribute 1 visible", "Attribute 1 global"),
]
MAGENTO = (  # noqa: SIM905
    "sku,store_view_code,attribute_set_code,product_type,categories,product_websites,name,description,"
    "short_description,weight,product_online,tax_class_name,visibility,price,special_price,url_key,meta_title,"
    "meta_keywords,meta_description,base_image,base_image_label,small_image,thumbnail_image,created_at,updated_at,"
    "additional_attributes,qty,is_in_stock,related_skus,additional_images,configurable_variations"
).split(",")
PRESTASHOP = [
    *("Product ID", "Active (0/1)", "Name *", "Categories (x,y,z...)", "Price tax excluded", "Tax rules ID"),
    *("On sale (0/1)", "Reference #", "Supplier", "Manufacturer", "EAN13", "Quantity", "Summary", "Description"),
    *("Meta title", "URL rewritten", "Available for order (0 = No, 1 = Yes)", "Image URLs (x,y,z...)", "Feature"),
]
AKENEO = (  # noqa: SIM905
    "uuid;sku;categories;enabled;family;parent;groups;name-en_US;name-de_DE;description-en_US-ecommerce;"
    "description-de_DE-ecommerce;color;picture;price-EUR"
).split(";")
MERCHANT = (  # noqa: SIM905
    "id\ttitle\tdescription\tavailability\tcondition\tprice\tlink\timage link\tadditional image link\tbrand\tgtin\tmpn"
    "\tgoogle product category\tproduct type\tcolor\titem group id"
).split("\t")
AMAZON = (  # noqa: SIM905
    "item-name\titem-description\tlisting-id\tseller-sku\tprice\tquantity\topen-date\timage-url\titem-is-marketplace"
    "\tproduct-id-type\tzshop-shipping-fee\titem-note\titem-condition\tzshop-category1\tzshop-browse-path"
    "\tzshop-storefront-feature\tasin1\tasin2\tasin3\twill-ship-internationally\texpedited-shipping\tzshop-boldface"
    "\tproduct-id\tbid-for-featured-placement\tadd-delete\tpending-quantity\tfulfillment-channel\tmerchant-shipping-group"
    "\tstatus"
).split("\t")
ETSY = (  # noqa: SIM905
    "TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,TAGS,MATERIALS,IMAGE1,IMAGE2,IMAGE3,IMAGE4,IMAGE5,IMAGE6,IMAGE7,"
    "IMAGE8,IMAGE9,IMAGE10,VARIATION 1 TYPE,VARIATION 1 NAME,VARIATION 1 VALUES,VARIATION 2 TYPE,VARIATION 2 NAME,"
    "VARIATION 2 VALUES,SKU"
).split(",")
SHEETS = ["SKU", "Product name", "Colour", "Photo URL", ""]
EXCEL = ["Article no.", "Designation", "Farbe", "Price", "Category"]


@dataclass(frozen=True)
class Layout:
    """One kind of export: its file, what it should be guessed to be, and how many of its rows are products."""

    name: str
    columns: Sequence[str]
    products: Products
    guessed: Mapping[str, str]
    jobs: int
    delimiter: str = ","
    encoding: str = "utf-8"

    def write(self, folder: Path) -> Path:
        """Write the file as the shop would."""
        path = folder / self.name
        if path.suffix == ".xlsx":
            return self._workbook(path)
        text = StringIO()
        writer = csv.DictWriter(text, self.columns, delimiter=self.delimiter, restval="")
        writer.writeheader()
        writer.writerows(self.products)
        path.write_bytes(text.getvalue().encode(self.encoding))
        return path

    def _workbook(self, path: Path) -> Path:
        from openpyxl import Workbook

        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.append(["Price list autumn"])
        sheet.append([])
        sheet.append(list(self.columns))
        for product in self.products:
            sheet.append([product.get(name) for name in self.columns])
        book.save(path)
        return path


HTML = "<p>Solid <b>oak</b>, oiled &amp; polished.</p>"
LAYOUTS = (
    Layout(
        "products_export.csv",
        SHOPIFY,
        (
            {
                "Handle": "oak-table",
                "Title": "Oak table",
                "Body (HTML)": HTML,
                "Vendor": "Fjord",
                "Type": "Table",
                "Published": "true",
                "Variant SKU": "T-1",
                "Image Src": "https://cdn.example/t.jpg",
                "Option1 Name": "Size",
                "Option1 Value": "S",
                "Status": "active",
            },
            {
                "Handle": "oak-table",
                "Option1 Value": "L",
                "Variant SKU": "T-2",
                "Image Src": "https://cdn.example/u.jpg",
            },
            {"Handle": "lamp", "Title": "Paper lamp", "Published": "true", "Variant SKU": "L-1", "Status": "active"},
            {"Handle": "old", "Title": "Old lamp", "Published": "false", "Variant SKU": "L-0", "Status": "draft"},
        ),
        {
            "sku": "Variant SKU",
            "title": "Title",
            "description": "Body (HTML)",
            "category": "Type",
            "photo": "Image Src",
        },
        2,
    ),
    Layout(
        "wc-product-export.csv",
        WOOCOMMERCE,
        (
            {
                "ID": "11",
                "Type": "simple",
                "SKU": "MUG-1",
                "Name": "Enamel mug",
                "Published": "1",
                "Short description": "A mug",
                "Description": HTML,
                "Categories": "Kitchen, Kitchen > Mugs",
                "Images": "https://shop.example/a.jpg, https://shop.example/b.jpg",
            },
            {"ID": "12", "Type": "variable", "SKU": "SHIRT", "Name": "Linen shirt", "Published": "1"},
            {"ID": "13", "Type": "variation", "SKU": "SHIRT-S", "Name": "Linen shirt - S", "Parent": "SHIRT"},
            {"ID": "14", "Type": "simple", "SKU": "MUG-0", "Name": "Old mug", "Published": "-1"},
        ),
        {"sku": "SKU", "title": "Name", "description": "Description", "category": "Categories", "photo": "Images"},
        2,
    ),
    Layout(
        "catalog_product.csv",
        MAGENTO,
        (
            {
                "sku": "24-MB01",
                "product_type": "simple",
                "name": "Duffle bag",
                "description": HTML,
                "product_online": "1",
                "visibility": "Catalog, Search",
                "base_image": "/m/b/mb01.jpg",
                "categories": "Default Category/Gear,Default Category/Gear/Bags",
            },
            {"sku": "24-MB01", "store_view_code": "de", "name": "Sporttasche"},
            {
                "sku": "24-MB02-S",
                "product_type": "simple",
                "name": "Backpack S",
                "product_online": "1",
                "visibility": "Not Visible Individually",
            },
            {"sku": "24-MB02", "product_type": "configurable", "name": "Backpack", "product_online": "1"},
            {"sku": "24-MB03", "product_type": "simple", "name": "Old bag", "product_online": "2"},
        ),
        {"sku": "sku", "title": "name", "description": "description", "category": "categories", "photo": "base_image"},
        2,
    ),
    Layout(
        "product.csv",
        PRESTASHOP,
        (
            {
                "Product ID": "1",
                "Active (0/1)": "1",
                "Name *": "Hummingbird t-shirt",
                "Reference #": "demo_1",
                "Categories (x,y,z...)": "Men,Clothes",
                "Description": HTML,
                "Image URLs (x,y,z...)": "https://shop.example/1.jpg,https://shop.example/2.jpg",
            },
            {"Product ID": "2", "Active (0/1)": "1", "Name *": "Framed poster", "Reference #": "demo_6"},
            {"Product ID": "3", "Active (0/1)": "0", "Name *": "Old poster", "Reference #": "demo_7"},
        ),
        {"sku": "Reference #", "title": "Name *", "description": "Description", "photo": "Image URLs (x,y,z...)"},
        2,
        ";",
    ),
    Layout(
        "export_product_csv.csv",
        AKENEO,
        (
            {
                "uuid": "3c1a",
                "sku": "chair_01",
                "enabled": "1",
                "family": "chairs",
                "name-en_US": "Lounge chair",
                "name-de_DE": "Sessel",
                "description-en_US-ecommerce": HTML,
                "color": "green",
                "picture": "files/chair_01/picture/chair.jpg",
            },
            {
                "uuid": "3c1b",
                "sku": "chair_02",
                "enabled": "1",
                "family": "chairs",
                "name-en_US": "Stool",
                "color": "red",
            },
            {"uuid": "3c1c", "sku": "chair_03", "enabled": "0", "family": "chairs", "name-en_US": "Old stool"},
        ),
        {"sku": "sku", "title": "name-en_US", "description": "description-en_US-ecommerce", "photo": "picture"},
        2,
        ";",
    ),
    Layout(
        "merchant-feed.tsv",
        MERCHANT,
        (
            {
                "id": "0012",
                "title": "Trail shoe",
                "description": "Light shoe, 38 to 47",
                "brand": "Fell",
                "color": "blue",
                "image link": "https://shop.example/s.jpg",
                "availability": "in stock",
            },
            {"id": "0013", "title": "Water bottle", "description": "0.7 l", "availability": "out of stock"},
        ),
        {"sku": "id", "title": "title", "description": "description", "colour": "color", "photo": "image link"},
        2,
        "\t",
    ),
    Layout(
        "All Listings Report.tsv",
        AMAZON,
        (
            {
                "item-name": "Café cup, 4 pcs",
                "item-description": "Porcelain",
                "listing-id": "0101X",
                "seller-sku": "CUP-4",
                "asin1": "B000000001",
                "status": "Active",
            },
            {"item-name": "Notebook A5", "listing-id": "0102X", "seller-sku": "NB-5", "status": "Active"},
            {"item-name": "Old cup", "listing-id": "0103X", "seller-sku": "CUP-0", "status": "Inactive"},
        ),
        {"sku": "seller-sku", "title": "item-name", "description": "item-description"},
        2,
        "\t",
        "cp1252",
    ),
    Layout(
        "EtsyListingsDownload.csv",
        ETSY,
        (
            {
                "TITLE": "Ceramic plant pot",
                "DESCRIPTION": "Hand-thrown &amp; glazed",
                "TAGS": "pot,plant",
                "IMAGE1": "https://i.example/1.jpg",
                "IMAGE2": "https://i.example/2.jpg",
            },
            {"TITLE": "Linen tote bag", "DESCRIPTION": "With two handles", "SKU": "TOTE"},
        ),
        {"sku": "TITLE", "title": "TITLE", "description": "DESCRIPTION", "photo": "IMAGE1"},
        2,
    ),
    Layout(
        "Price list.xlsx",
        EXCEL,
        (
            {"Article no.": "0071", "Designation": "Desk lamp", "Farbe": "white", "Price": "89", "Category": "Lamps"},
            {"Article no.": "0072", "Designation": "Wall shelf", "Farbe": "oak", "Price": "45", "Category": "Shelves"},
        ),
        {"sku": "Article no.", "title": "Designation", "colour": "Farbe", "category": "Category"},
        2,
    ),
    Layout(
        "Autumn - Sheet1.csv",
        SHEETS,
        (
            {"SKU": "0007", "Product name": "Side table", "Colour": "oak", "Photo URL": "https://p.example/7.png"},
            {"SKU": "0012", "Product name": "Linen sofa", "Colour": "sage green"},
        ),
        {"sku": "SKU", "title": "Product name", "colour": "Colour", "photo": "Photo URL"},
        2,
    ),
)
