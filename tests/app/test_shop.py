"""The sheet that a shop imports: which images, in which order, under which addresses."""

from urllib.parse import urlsplit

import pytest

from batchgen.app.output import maintain
from tests.rehearsal import Ended, Rehearsal

SHOP = {"sku": "{{ sku }}", "alt": "{{ name }}, {{ colour }}", "url": "https://cdn.example/{{ path }}"}
ROWS = [
    {"sku": "A-1", "name": "Chair", "colour": "oak"},
    {"sku": "B 2", "name": "Lamp\n“low”", "colour": "red"},
    {"sku": "", "name": "Nothing", "colour": "grey"},
]


@pytest.fixture(autouse=True)
def quick(scene: Rehearsal) -> None:
    """Have images drawn in the format that is encoded fastest."""
    scene.settings["defaults"]["output_format"] = "jpeg"


def jobs(**more: object) -> list[dict[str, object]]:
    """Two images of the front and one of the room, for each row."""
    front = {"id": "f-{{ sku }}-{{ name[:4] }}", "rows": ROWS, "prompt": "{{ name }} in {{ colour }}", "n": 2}
    room = {"id": "r-{{ sku }}-{{ name[:4] }}", "rows": ROWS, "prompt": "A room with {{ name }}", "n": 1}
    return [{**front, **more}, room]


def test_images_are_listed_by_unit_and_position(scene: Rehearsal) -> None:
    """All images of a unit stand together and are counted from 1, in the manifest's order; an empty unit has none."""
    ended = scene.run(scene.manifest(jobs(), output={"shop": SHOP, "path": "{{ sku }}/{{ id }}-{{ index }}.{{ ext }}"}))
    table = ended.table("shop")
    assert [(row["sku"], row["position"]) for row in table] == [
        ("A-1", "1"), ("A-1", "2"), ("A-1", "3"), ("B 2", "1"), ("B 2", "2"), ("B 2", "3"),
    ]  # fmt: skip
    assert table[0] == {
        "sku": "A-1",
        "position": "1",
        "image": "https://cdn.example/images/A-1/f-A-1-Chai-0.jpg",
        "alt": "Chair, oak",
    }
    assert table[5]["image"] == "https://cdn.example/images/B%202/r-B%202-Lamp-0.jpg"
    assert table[3]["alt"] == "Lamp “low”, red"


def test_without_an_address_the_file_is_listed(scene: Rehearsal) -> None:
    """The path is that of images.csv, and leads from the output folder to the image; no text is no text."""
    ended = scene.run(scene.manifest(jobs(), output={"shop": {"sku": "{{ id }}"}}))
    table = ended.table("shop")
    assert len(table) == 9
    assert all((ended.folder / row["image"]).is_file() and not row["alt"] for row in table)


def test_only_what_is_stored_and_wanted_is_listed(scene: Rehearsal) -> None:
    """A moderated image, one that is wanted no more, and one whose file is damaged are not for sale."""
    told = jobs()
    first = scene.run(scene.manifest(told, output={"shop": {"sku": "{{ sku }}"}}))
    assert len(first.table("shop")) == 6
    fewer = [{**told[0], "n": 1, "rows": [*ROWS[:1], {"sku": "C", "name": "a nude [block]", "colour": "x"}]}]
    ended = scene.run(scene.manifest(fewer, output={"shop": {"sku": "{{ sku }}"}}))
    assert [row["sku"] for row in ended.table("shop")][:1] == ["A-1"]
    stored = [row for row in ended.images("f-A-1-Chai") if row["state"] == "stored"]
    assert len(stored) == 2, "the second image is kept"
    assert [row["image"] for row in ended.table("shop") if row["sku"] == "A-1"] == [stored[0]["path"]]
    (ended.folder / stored[0]["path"]).write_bytes(b"torn")
    maintain.verify(ended.folder)
    maintain.write_report(ended.folder)
    left = ended.folder / "report" / "shop.csv"
    assert not left.exists() or "A-1" not in left.read_text("utf-8")


def test_a_shop_that_is_configured_later_costs_nothing(scene: Rehearsal) -> None:
    """The sheet appears, changes and goes with the manifest's words alone; no call is made for it."""
    first = scene.run(scene.manifest(jobs()))
    calls = len(scene.bill)
    sheet = first.folder / "report" / "shop.csv"
    assert not sheet.exists()
    assert scene.run(scene.manifest(jobs(), output={"shop": {"sku": "{{ sku }}"}})).exit == 0
    assert sheet.read_text("utf-8").startswith("sku,position,image,alt\nA-1,1,images/f-A-1")
    scene.run(scene.manifest(jobs(), output={"shop": {"sku": "{{ sku }}", "alt": "{{ colour }}"}}))
    assert sheet.read_text("utf-8").splitlines()[1].endswith(",oak")
    scene.run(scene.manifest(jobs()))
    assert not sheet.exists()
    assert len(scene.bill) == calls


def test_an_address_is_always_an_address(scene: Rehearsal) -> None:
    """Blanks, quotes and letters of other scripts in names are percent-encoded, in the path and around it."""
    row = [{"sku": "Ä", "name": "x", "colour": 'a "b" <c>?#%'}]
    told = [{"id": "{{ sku }} {{ name }}", "rows": row, "prompt": "{{ colour }}"}]
    ended = scene.run(scene.manifest(told, output={"shop": {"sku": "s", "url": "//x.example/{{ sku }} é/{{ path }}"}}))
    (listed,) = ended.table("shop")
    assert listed["image"] == "//x.example/%C3%84%20%C3%A9/images/%C3%84%20x-0.jpg"


# ---- the sheets that platforms import --------------------------------------------------------------------------------

IMPORTED = {**SHOP, "handle": "chairs-and-{{ name[:2] }}", "url": "https://cdn.example/a b/{{ path }}"}


def read_as(platform: str, ended: Ended) -> list[dict[str, str]]:
    """Read the sheet as the platform does: UTF-8, one header, the same cells in every row, whole addresses."""
    rows = ended.table("shop")
    addresses = {"shopify": "Product image URL", "matrixify": "Image Src", "woocommerce": "Images"}[platform]
    for row in rows:
        assert None not in row
        assert None not in row.values()
        for address in row[addresses].split(", "):
            parts = urlsplit(address)
            assert (parts.scheme, parts.netloc) == ("https", "cdn.example")
            assert " " not in address
            assert "," not in address
    return rows


def test_shopify_gets_its_columns_and_one_row_an_image(scene: Rehearsal) -> None:
    """Rows of one product stand together, positions count from 1, the first image of a unit is its variant's."""
    rows = read_as("shopify", scene.run(scene.manifest(jobs(), output={"shop": {**IMPORTED, "platform": "shopify"}})))
    assert list(rows[0]) == [
        "URL handle", "SKU", "Product image URL", "Image position", "Image alt text", "Variant image URL",
    ]  # fmt: skip
    assert [(row["URL handle"], row["SKU"], row["Image position"]) for row in rows] == [
        ("chairs-and-Ch", "A-1", "1"), ("chairs-and-Ch", "", "2"), ("chairs-and-Ch", "", "3"),
        ("chairs-and-La", "B 2", "1"), ("chairs-and-La", "", "2"), ("chairs-and-La", "", "3"),
    ]  # fmt: skip
    assert [bool(row["Variant image URL"]) for row in rows] == [True, False, False] * 2


def test_units_of_one_product_share_its_positions(scene: Rehearsal) -> None:
    """Two colours of one chair are two variants of it."""
    shop = {**IMPORTED, "platform": "matrixify", "handle": "one"}
    rows = read_as("matrixify", scene.run(scene.manifest(jobs(), output={"shop": shop})))
    assert [row["Image Position"] for row in rows] == list("123456")
    assert [row["Variant SKU"] for row in rows] == ["A-1", "", "", "B 2", "", ""]
    assert {row["Image Command"] for row in rows} == {"MERGE"}
    assert [row["Variant Command"] for row in rows] == ["UPDATE", "", "", "UPDATE", "", ""]


def test_woocommerce_gets_one_row_a_unit(scene: Rehearsal) -> None:
    """With all its addresses in one cell; a comma in one does not end it."""
    shop = {**SHOP, "platform": "woocommerce", "url": "https://cdn.example/a,b/{{ path }}"}
    rows = read_as("woocommerce", scene.run(scene.manifest(jobs(), output={"shop": shop})))
    assert [row["SKU"] for row in rows] == ["A-1", "B 2"]
    assert [len(row["Images"].split(", ")) for row in rows] == [3, 3]
    assert "a%2Cb" in rows[0]["Images"]


def test_a_derivative_is_listed_for_its_image(scene: Rehearsal) -> None:
    """Where it could not be made, the image itself is."""
    shop = {**IMPORTED, "platform": "shopify", "image": "web"}
    told = scene.manifest(jobs(), output={"shop": shop}, derivatives={"web": {"max_edge": 64, "format": "webp"}})
    rows = read_as("shopify", scene.run(told))
    assert all("/derivatives/web/" in row["Product image URL"] for row in rows)
    assert all(row["Product image URL"].endswith(".webp") for row in rows)


@pytest.mark.parametrize(
    ("shop", "said"),
    [
        ({"sku": "x", "platform": "shopify", "url": "https://a/{{ path }}"}, "finds products by their handle"),
        ({"sku": "x", "platform": "woocommerce"}, "fetches images by address"),
        ({"sku": "x", "image": "web"}, "there is no derivative 'web'"),
        ({"sku": "x", "platform": "magento"}, "magento"),
    ],
)
def test_a_sheet_that_could_not_be_imported_is_an_error_with_its_place(
    scene: Rehearsal, shop: dict[str, str], said: str
) -> None:
    """Before anything is sent."""
    ended = scene.run(scene.manifest(jobs(), output={"shop": shop}))
    assert ended.exit == 2
    assert said in ended.why
    assert "scene.yaml:" in ended.why
