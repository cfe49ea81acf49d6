"""`init --from` turns exports, as shops write them, into manifests that run as they are."""

from pathlib import Path

import pytest
import yaml

from batchgen.manifest import expand, load
from batchgen.manifest.guess import guess
from batchgen.manifest.rows.tables import open_table
from batchgen.model import Job
from tests.cli.conftest import Give, give
from tests.exports.layouts import LAYOUTS, Layout

pytestmark = pytest.mark.sample(4)

__all__ = ["give"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.sample(2)
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_an_export_becomes_images_in_three_commands(give: Give, shop: Path, layout: Layout) -> None:
    """`init --from`, and then `check`, `estimate` and `run` end well and draw each product once."""
    layout.write(shop)
    ended = give("init", "--from", layout.name)
    assert ended.status == 0, ended.err
    (written,) = shop.glob("*.yaml")
    assert "expected" in ended.out
    assert all(f"{role} " in ended.out and column in ended.out for role, column in layout.guessed.items())
    checked = give("check", written.name, "--json")
    assert checked.status == 0, checked.err
    assert checked.json["planned"] == layout.jobs
    assert give("estimate", written.name, "--json").json["images"] == layout.jobs
    assert give("run", written.name, "--provider", "mock").status == 0
    images = list((shop / "output").rglob("images/**/*.webp"))
    assert len(images) == layout.jobs


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_each_guess_is_a_line_of_the_manifest_that_can_be_changed(give: Give, shop: Path, layout: Layout) -> None:
    """Under `columns` stands what was guessed unless the column is called so already; each line says from what."""
    layout.write(shop)
    give("init", "--from", layout.name)
    (written,) = shop.glob("*.yaml")
    text = written.read_text("utf-8")
    columns = yaml.safe_load(text)["jobs"][0].get("columns", {})
    for role, column in layout.guessed.items():
        assert columns.get(role, role) == column
        assert f"# {role}: the column of this name, by its name" in text or f"{role}: " in text
    said = [line for line in text.partition("    columns:")[2].splitlines() if line.split(":")[0].strip() in columns]
    assert all("   # " in line for line in said if "{{" not in line)


def test_photos_are_taken_by_removing_one_mark(give: Give, shop: Path) -> None:
    """The line for reference images stands there as a comment, with the separator that the cells show."""
    LAYOUTS[1].write(shop)
    give("init", "--from", LAYOUTS[1].name)
    (written,) = shop.glob("*.yaml")
    text = written.read_text("utf-8")
    assert "# images: \"{{ photo | split(',') }}\"" in text
    edited = text.replace("# images:", "images:").replace("# images_optional", "images_optional")
    written.write_text(edited, "utf-8")
    assert give("check", written.name).status == 0


def test_photos_that_are_there_make_edits(give: Give, shop: Path, make_image: object) -> None:
    """Where every cell names a file, the manifest draws edits of those."""
    assert callable(make_image)
    make_image(shop / "photos" / "a.png")
    (shop / "export.csv").write_text("sku,title,photo\n1,Lamp,photos/a.png\n2,Vase,\n", "utf-8")
    assert give("init", "--from", "export.csv").status == 0
    (job,) = yaml.safe_load((shop / "export.yaml").read_text("utf-8"))["jobs"]
    assert job["images"] == "{{ photo }}"
    assert job["images_optional"] is True
    assert give("run", "export.yaml").status == 0


def test_rows_that_share_a_number_are_told_apart_by_a_second_column(tmp_path: Path) -> None:
    """An id has two columns where one is not enough."""
    path = tmp_path / "export.csv"
    path.write_text("sku,name,size\n1,Mug,S\n1,Mug,L\n2,Jug,S\n", "utf-8")
    assert guess(open_table(path, "export.csv"), tmp_path).ids == ("sku", "size")


def test_a_title_of_any_name_is_found_by_its_cells(tmp_path: Path) -> None:
    """Without a known name, the column whose cells read like names is the title."""
    path = tmp_path / "export.csv"
    path.write_text("nr,wares,eur\n1,Oak side table,10\n2,Paper pendant lamp,20\n", "utf-8")
    found = {column.role: column.column for column in guess(open_table(path, "export.csv"), tmp_path).columns}
    assert found == {"sku": "nr", "title": "wares"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("export.csv", "sku,price\n1,2\n", "no column names what to draw"),
        ("export.xml", "<products/>", "rows come from"),
        ("export.csv", "", "the file is empty"),
        ("other.csv", "sku,title\n1,x\n", "there is no file"),
    ],
)
def test_what_cannot_be_read_is_told_and_nothing_is_written(
    give: Give, shop: Path, name: str, content: str, said: str
) -> None:
    """An export without names, of no known format, empty or absent ends with 2."""
    (shop / name).write_text(content, "utf-8")
    ended = give("init", "--from", name.replace("other", "export"))
    assert ended.status == 2
    assert said in ended.err
    assert not list(shop.glob("*.yaml"))


def test_a_manifest_that_is_there_is_not_overwritten(give: Give, shop: Path) -> None:
    """The second `init --from` writes nothing."""
    (shop / "export.csv").write_text("sku,title\n1,Oak table\n", "utf-8")
    assert give("init", "--from", "export.csv").status == 0
    before = (shop / "export.yaml").read_bytes()
    assert give("init", "--from", "export.csv").status == 2
    assert (shop / "export.yaml").read_bytes() == before


def test_names_that_templates_and_yaml_take_for_something_else_are_quoted(give: Give, shop: Path) -> None:
    """Quotation marks, colons and other marks in names of columns and values harm nothing."""
    (shop / "e'x\"p: #1.csv").write_text(
        '"Art. ""no""",Name: \'de\',Description,Status\n1,Oak table,x & y,active\n2,Sofa of linen,"",\'draft\'\n',
        "utf-8",
    )
    ended = give("init", "--from", "e'x\"p: #1.csv")
    assert ended.status == 0, ended.err
    (written,) = shop.glob("*.yaml")
    assert give("run", written.name).status == 0


FURTHER = {
    "bigcommerce.csv": (
        (
            "Item Type,Product ID,Product Name,Product Code/SKU,Product Description,Product Visible?,Category\n"
            "Product,12,Desk lamp,DL-1,<p>Metal lamp</p>,Y,Lamps\n  SKU,13,[S]Color=Red,DL-1-R,,,\n"
            "Product,14,Old lamp,DL-0,,N,Lamps\n"
        ),
        "Product Code/SKU",
        ["Desk lamp"],
    ),
    "wix.csv": (
        (
            "handleId,fieldType,name,description,productImageUrl,collection,sku,price,visible\n"
            "P1,Product,Linen cushion,,a.jpg;b.jpg,Textiles,C1,29,true\nP1,Variant,,,,,C1-R,,\n"
            "P2,Product,Throw,,,,C2,59,false\n"
        ),
        "sku",
        ["Linen cushion"],
    ),
    "squarespace.csv": (
        (
            "Product ID [Non Editable],Title,Description,SKU,Option Name 1,Visible,Hosted Image URLs\n"
            "5f1,Oak stool,<p>Oak</p>,SQ1,,Yes,https://img.example/a.jpg\n,,,SQ2,Size,Yes,\n5f2,Blue vase,,SQ3,,No,\n"
        ),
        "SKU",
        ["Oak stool"],
    ),
    "ebay.csv": (
        "*Action(SiteID=US),CustomLabel,*Category,*Title,*Description,PicURL\nAdd,EB-1,3199,Brass lamp,Nice,https://i.example/1.jpg\n",
        "CustomLabel",
        ["Brass lamp"],
    ),
    "meta.csv": (
        "# Required | The unique id,# Required | The title,# Optional\nid,title,description\nFB1,Running shoe,Light\n",
        "id",
        ["Running shoe"],
    ),
    "pim.jsonl": (
        (
            '{"identifier": "a1", "enabled": true, "values": {"name": {"en_US": "Lounge chair"}}}\n'
            '{"identifier": "a2", "enabled": false, "values": {"name": {"en_US": "Old stool"}}}\n'
        ),
        "identifier",
        ["Lounge chair"],
    ),
}


@pytest.mark.parametrize("name", FURTHER)
def test_further_exports_are_understood(give: Give, shop: Path, name: str) -> None:
    """Variants, hidden products, remarks above the names, and names inside objects: one job for each product."""
    text, sku, products = FURTHER[name]
    (shop / name).write_text(text, "utf-8")
    ended = give("init", "--from", name)
    assert ended.status == 0, ended.err
    assert f"sku          {sku}: " in ended.out
    planned = give("plan", f"{Path(name).stem}.yaml", "--json").json["actions"]
    prompts = [job.request.prompt for job in expand(load(f"{Path(name).stem}.yaml")) if isinstance(job, Job)]
    assert len(planned) == len(products)
    assert all(product in prompt for product, prompt in zip(products, prompts, strict=True))
