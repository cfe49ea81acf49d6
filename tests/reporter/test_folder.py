"""The files of a report: complete, put in place together, and in agreement."""

import csv
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from batchgen.errors import Exit, StorageError
from batchgen.ledger import EarlierRow, JobRow
from batchgen.model import FileImage, UrlImage
from batchgen.reporter import frame
from batchgen.reporter.page_data import unfinished
from batchgen.reporter.thumbs import make
from batchgen.runtime.signals import Interrupted
from batchgen.storage import LocalStore, Workspace
from tests.reporter.conftest import ReportRows, write

FOUR = ("confirmed_micro_usd", "estimated_micro_usd", "at_risk_micro_usd", "not_charged_micro_usd")
FILES = {
    "images.csv",
    "jobs.csv",
    "images.parquet",
    "jobs.parquet",
    "usage.parquet",
    "usage.csv",
    "summary.json",
    "moderated.csv",
    "rerun.csv",
    "report.xlsx",
    "report.html",
}
Make = Callable[..., Any]


def cells(path: Path) -> list[dict[str, str]]:
    """Return a CSV file as another program reads it."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_file_is_there(tmp_path: Path, rows: Make, job: Make, image: Make, draw: Make) -> None:
    """The report has its files, the thumbnails and nothing else."""
    draw()
    done = write(rows([image()], [job()]), tmp_path)
    assert {path.name for path in done.files} == FILES
    assert {path.name for path in (tmp_path / "report").iterdir()} == FILES | {"thumbs"}
    assert (done.images, done.jobs, done.image_bytes) == (1, 1, 1000)
    assert done.page == tmp_path / "report" / "report.html"
    assert json.loads((tmp_path / "report" / "summary.json").read_text()) == done.summary


def test_small_files_letter_for_letter(tmp_path: Path, rows: Make, job: Make, image: Make, tagged: Make) -> None:
    """One image and one moderated job, as scripts read them."""
    tags = tagged(category="seating")
    bad = job(
        job_id="hat", job_key="b" * 64, outcome="moderated", stored=0, moderated=1, prompt='A hat, "red"', tags=tags,
        confirmed_micro_usd=0, code="moderation_blocked", categories='["violence"]', moderated_slots="[0]", output=0,
    )  # fmt: skip
    write(rows([image(tags=tags)], [job(tags=tags), bad]), tmp_path)
    report = tmp_path / "report"
    assert (report / "moderated.csv").read_text() == (
        "id,prompt,code,categories,slots,job_key,message\n"
        f'hat,"A hat, ""red""",moderation_blocked,violence,0,{"b" * 64},\n'
    )
    assert (report / "images.csv").read_text().splitlines()[1] == (
        f"chair-oak,{'a' * 64},0,stored,images/chair-oak-0.png,{'ab' * 32},1000,64,64,png,"
        "gpt-image-1,1024x1024,medium,openai,42000,A chair in oak,,,,,,false,seating"
    )
    assert (report / "rerun.csv").read_text() == "job_id,slot,prompt,note,path,job_key,sha256\n"
    assert (report / "usage.csv").read_text() == (
        "model,size,quality,provider,jobs,attempts,retried,asked,images,text_in_tokens,image_in_tokens,output_tokens,"
        "confirmed_micro_usd,estimated_micro_usd,at_risk_micro_usd,not_charged_micro_usd,expected_micro_usd,"
        "accepted,cost_per_accepted_micro_usd,category\n"
        "gpt-image-1,1024x1024,medium,openai,2,2,0,2,1,24,0,1056,42000,0,0,0,84600,0,,seating\n"
    )


money = st.integers(0, 10**14)  # a hundred million dollars: to the micro-dollar also as a spreadsheet's number


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    histories=st.lists(
        st.tuples(money, money, money, money, st.sampled_from("abc"), st.sampled_from("xyz")), max_size=8
    )
)
def test_all_files_agree(histories: list[Any], tmp_path: Path, rows: Make, job: Make, tagged: Make) -> None:
    """CSV, Parquet, XLSX, JSON, the frame and the page say the same money to the micro-dollar."""
    jobs = [
        job(**dict(zip(FOUR, four, strict=True)), model=model, tags=tagged(category=tag))
        for *four, model, tag in histories
    ]
    made = rows([], jobs)
    report = write(made, tmp_path).folder
    truth = [sum(getattr(row, name) for row in jobs) for name in FOUR]
    summary = json.loads((report / "summary.json").read_text())
    parquet = pq.read_table(report / "jobs.parquet").to_pydict()
    book = openpyxl.load_workbook(report / "report.xlsx", read_only=True)
    assert [summary["money"][name] for name in FOUR] == truth
    for name in ("jobs.csv", "usage.csv"):
        assert [sum(int(row[column]) for row in cells(report / name)) for column in FOUR] == truth
    assert [sum(parquet[name]) for name in FOUR] == truth
    assert [int(frame(made, "usage")[name].sum()) for name in FOUR] == truth
    for title in ("Jobs", "Usage"):
        head: Any
        body: list[Any]
        head, *body = book[title].iter_rows(values_only=True)
        places = [head.index(name.replace("_micro_usd", "_usd")) for name in FOUR]
        assert [sum(round(row[place] * 1e6) for row in body) for place in places] == truth
    book.close()


def test_parquet_keeps_text_and_money(tmp_path: Path, rows: Make, job: Make) -> None:
    """Text is raw, money is a 64-bit integer."""
    report = write(rows([], [job(prompt="=1+1", confirmed_micro_usd=2**53 + 1)]), tmp_path).folder
    table = pq.read_table(report / "jobs.parquet")
    assert table["prompt"].to_pylist() == ["=1+1"]
    assert table["confirmed_micro_usd"].to_pylist() == [2**53 + 1]
    assert str(table.schema.field("confirmed_micro_usd").type) == "int64"


def test_an_old_report_stays_when_the_new_one_fails(tmp_path: Path, rows: Make, job: Make) -> None:
    """When rows stop coming nothing of the new report is seen, and nothing is left behind."""

    class Broken(type(rows())):  # type: ignore[misc]
        """Rows that end in an error of the disk."""

        @property
        def report_rows(self) -> ReportRows:
            class Ending(ReportRows):
                def usage(self) -> Any:
                    raise OSError(28, "No space left on device", "usage.csv")

            return Ending(self)

    write(rows([], [job()]), tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "report").glob("*.*")}
    with pytest.raises(StorageError, match=r"usage\.csv: No space left on device"):
        write(Broken((), (job(), job())), tmp_path)
    assert {path: path.read_bytes() for path in (tmp_path / "report").glob("*.*")} == before


def test_a_folder_that_refuses(tmp_path: Path, rows: Make) -> None:
    """A file where the folder should be is named."""
    (tmp_path / "report").write_text("in the way")
    with pytest.raises(StorageError, match=r"report: a file or a symbolic link stands where a folder belongs"):
        write(rows(), tmp_path)


def test_thumbnails_are_made_once(tmp_path: Path, rows: Make, image: Make, draw: Make) -> None:
    """A second report uses what is there, and takes away those that no image on the page needs any more."""
    draw()
    small = tmp_path / "report" / "thumbs" / f"{'ab' * 32}.webp"
    foreign = tmp_path / "report" / "thumbs" / f"{'ab' * 32}.jpg"
    write(rows([image()]), tmp_path)
    first = small.stat().st_mtime_ns
    foreign.touch()
    write(rows([image()]), tmp_path)
    assert small.stat().st_mtime_ns == first
    assert foreign.exists()
    write(rows([]), tmp_path)
    assert not small.exists()


def test_thumbnails_take_no_longer_than_they_may(tmp_path: Path, rows: Make, image: Make, draw: Make) -> None:
    """When time is up the rest is left to the next report, and an image that cannot be read is no rest."""
    images = [
        image(slot=n, path=draw(f"images/{n}.png").relative_to(tmp_path).as_posix(), sha256=f"{n:064x}")
        for n in range(5)
    ]
    torn = image(path="images/torn.png", sha256="f" * 64)
    home, both = tmp_path / "report" / "thumbs", (Workspace(tmp_path), LocalStore(tmp_path))
    ticks = iter(range(100))
    first = make(images, *both, seconds=3.5, now=lambda: next(ticks))
    assert (len(first.there), first.left) == (3, 2)
    assert {path.stem for path in home.iterdir()} == first.there
    second = make([torn, *images], *both)
    assert (len(second.there), second.left) == (5, 0)


def test_the_latest_thumbnails_come_first_and_a_signal_ends_the_making_alone(
    tmp_path: Path, rows: Make, image: Make, draw: Make
) -> None:
    """Who does not want to wait has a report all the same; the rest is made by the next one."""
    images = [
        image(
            slot=n,
            path=draw(f"images/{n}.png").relative_to(tmp_path).as_posix(),
            sha256=f"{n:064x}",
            changed=f"2026-11-0{n + 1}T00:00:00+00:00",
        )
        for n in range(5)
    ]

    class Store(LocalStore):
        opened: ClassVar[list[str]] = []

        def open(self, path: str) -> BinaryIO:
            self.opened.append(path)
            if len(self.opened) == 3:
                raise Interrupted(Exit.SIGINT)
            return super().open(path)

    made = make(images, Workspace(tmp_path), Store(tmp_path))
    assert Store.opened[0] == "images/4.png"
    assert len(made.there) + made.left == 5
    assert made.left > 0
    assert make(images, Workspace(tmp_path), LocalStore(tmp_path)).left == 0


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_thumbnails_of_every_kind_of_image(mode: str, tmp_path: Path, rows: Make, image: Make, draw: Make) -> None:
    """Grey, transparent and indexed images have a small WebP too."""
    draw(colour="white", mode=mode)
    write(rows([image()]), tmp_path)
    with Image.open(tmp_path / "report" / "thumbs" / f"{'ab' * 32}.webp") as small:
        assert (small.format, small.size) == ("WEBP", (64, 48))


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, None])
def test_a_image_that_cannot_be_read(content: bytes | None, tmp_path: Path, rows: Make, image: Make) -> None:
    """A torn or missing file has no thumbnail, and the report is written all the same."""
    if content is not None:
        (tmp_path / "images").mkdir()
        (tmp_path / "images" / "chair-oak-0.png").write_bytes(content)
    html = write(rows([image()]), tmp_path).page.read_text()
    assert '"thumb":[0]' in html


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "images/../../x"])
def test_a_recorded_path_cannot_leave_the_folder(path: str, tmp_path: Path, rows: Make, image: Make) -> None:
    """No file outside the output folder is opened for a thumbnail."""
    write(rows([image(path=path)]), tmp_path)
    assert list((tmp_path / "report" / "thumbs").iterdir()) == []


def test_the_frame_has_the_columns_of_the_file(
    tmp_path: Path, rows: Make, image: Make, job: Make, tagged: Make
) -> None:
    """From Python the report is the same table, with whole numbers."""
    tags = tagged(category="seating")
    made = rows(
        [image(tags=tags), image(slot=1, state="moderated", path=None, bytes=None, tags=tags)], [job(tags=tags)]
    )
    write(made, tmp_path)
    table = frame(made)
    assert list(table.columns) == list(cells(tmp_path / "report" / "images.csv")[0])
    assert table["cost_micro_usd"].sum() == 84_000
    assert str(table["bytes"].dtype) == "Int64"


def test_jobs_for_a_person_to_look_at(job: Make) -> None:
    """Failed, held and partial jobs are listed, and what waits for a failed input; what merely waits is not."""
    states = [
        ("done", ""),
        ("moderated", "x"),
        ("not_started", ""),
        ("not_started", "input_failed"),
        ("held", ""),
        ("failed", ""),
    ]
    found: list[JobRow] = [r for r in (job(outcome=o, code=c) for o, c in states) if unfinished(r)]
    assert [(r.outcome, r.code) for r in found] == [("not_started", "input_failed"), ("held", ""), ("failed", "")]


def test_what_belongs_beside_an_image_is_there(tmp_path: Path, rows: Make, image: Make, draw: Make) -> None:
    """A reference that still is what was sent and the image before a redraw have thumbnails; a changed one has none."""
    draw()
    before, lamp, gone = (
        draw(f"{name}.png", colour) for name, colour in (("b", "red"), ("lamp", "blue"), ("x", "tan"))
    )
    hashes = {path: sha256(path.read_bytes()).hexdigest() for path in (before, lamp, gone)}
    files = [FileImage(str(path), hashes[path], path.stat().st_size, 64, 48) for path in (lamp, gone)]
    gone.write_bytes(b"another one")
    key = image().job_key
    sent = [(key, files[0]), (key, files[1]), (key, UrlImage("https://shop.example/x.png"))]
    earlier = [EarlierRow(key, 0, "b.png", hashes[before], "png")]
    html = write(rows([image()], earlier=earlier, sent=sent), tmp_path).page.read_text("utf-8")
    data = json.loads(html.partition('id="data">')[2].partition("</script>")[0])
    shown = [data["files"][number] for number in (*data["columns"]["sent"][0], data["columns"]["before"][0])]
    assert [(file["name"], file["thumb"], file["href"]) for file in shown] == [
        ("lamp.png", 1, ""),
        ("x.png", 0, ""),
        ("https://shop.example/x.png", 0, ""),
        ("b.png", 1, "../b.png"),
    ]
