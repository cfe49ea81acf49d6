"""What the live page asks of an output: what is there, what is new, and images by number alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batchgen.app.output.maintain import opened
from batchgen.app.view.page_source import OutputPage
from batchgen.storage import sha256_of
from batchgen.viewer import NoSuchThing
from batchgen.viewer.page_source import Known
from tests.rehearsal import Ended, Rehearsal

JOBS = [{"id": f"lamp-{number}", "prompt": f"Lamp {number}"} for number in range(3)]


def page_of(folder: Path) -> OutputPage:
    """Return the source of a folder."""
    with opened(folder, readonly=True) as (_, workspace, store):
        return OutputPage(workspace.root, store)


def rows(data: Mapping[str, Any], *names: str) -> list[tuple[Any, ...]]:
    """Return columns side by side, texts as they read."""
    worded = [
        [data["texts"][one] for one in data["columns"][name]] if name in data["worded"] else data["columns"][name]
        for name in names
    ]
    return list(zip(*worded, strict=True))


@pytest.fixture
def ended(scene: Rehearsal) -> Ended:
    """Return a run with three images."""
    return scene.run(scene.manifest(JOBS))


def said(data: Mapping[str, Any], place: int, decision: str) -> dict[str, Any]:
    """Say something of an image of the page."""
    ((key, slot, sha256),) = rows(data, "key", "slot", "sha256")[place : place + 1]
    return {"key": key, "slot": slot, "sha256": sha256, "decision": decision, "note": ""}


def test_images_come_by_number_and_as_small_copies(ended: Ended) -> None:
    """Each is the file that is stored; its small copy is made once, for the report, too."""
    source = page_of(ended.folder)
    for thumb in (ended.folder / "report" / "thumbs").iterdir():
        thumb.unlink()
    for href, sha256 in rows(source.data(), "href", "sha256"):
        number = int(href.removeprefix("/image/"))
        with source.image(number).file as whole, source.thumb(number).file as small:
            assert sha256_of(whole) == sha256
            assert max(Image.open(small).size) < 1024
        assert (ended.folder / "report" / "thumbs" / f"{sha256}.webp").exists()
    with pytest.raises(NoSuchThing):
        source.image(10_000)


def test_small_copies_are_made_ahead_until_the_server_ends(ended: Ended) -> None:
    """What was told of has one before anybody asks; a server that ends makes no more."""
    source, home = page_of(ended.folder), ended.folder / "report" / "thumbs"
    for thumb in home.iterdir():
        thumb.unlink()
    source.data()
    source.ahead(iter([True, False]).__next__)
    assert len(list(home.iterdir())) == 1
    again = page_of(ended.folder)
    again.data()
    again.ahead(lambda: True)
    assert len(list(home.iterdir())) == 3


def test_only_what_is_new_is_told_and_once(ended: Ended) -> None:
    """A decision, of whoever it is, is news; what was told is not told again, and nothing is read where nothing is."""
    source, known = page_of(ended.folder), Known()
    data = source.data()
    first = source.news(data["as_of"], known)
    again = source.news(first.until, known)
    assert again.images is None
    page_of(ended.folder).decide([said(data, 1, "approved")])
    news = source.news(again.until, known)
    assert news.images is not None
    assert rows(news.images, "id", "review") == [("lamp-1", 1)]
    assert source.news(news.until, known).images is None
    source.decide([said(data, 1, "")])
    taken_back = source.news(news.until, known)
    assert taken_back.images is not None
    assert rows(taken_back.images, "id", "review") == [("lamp-1", 0)]
    assert rows(source.data(), "review") == [(0,)] * 3
    assert source.news("no moment", None).images is None


def test_the_page_is_told_where_the_whole_output_stands(ended: Ended) -> None:
    """What the run last said of itself, and the sums of the ledger beside it."""
    progress = page_of(ended.folder).news("", None).progress
    assert progress is not None
    assert (progress["state"], progress["exit_code"], progress["images"]["stored"]) == ("ended", 0, 3)
    assert progress["money"]["confirmed_micro_usd"] == ended.money["confirmed_micro_usd"]
    json.dumps(progress)


def test_the_next_run_tells_of_decisions_in_its_report(scene: Rehearsal, ended: Ended) -> None:
    """Also when the viewer was killed before it wrote one, and nothing else is new."""
    source = page_of(ended.folder)
    source.decide([said(source.data(), 2, "rejected")])
    assert ended.table("rerun") == []
    again = scene.run(scene.manifest(JOBS))
    assert [row["job_id"] for row in again.table("rerun")] == ["lamp-2"]


def test_an_archive_is_looked_at_without_a_word_written(ended: Ended) -> None:
    """Where the folder cannot be written to, small copies are made for each who asks."""
    for thumb in (ended.folder / "report" / "thumbs").iterdir():
        thumb.unlink()
    (ended.folder / "report" / "thumbs").rmdir()
    (ended.folder / "report" / "thumbs").write_text("in the way")
    source = page_of(ended.folder)
    source.data()
    with source.thumb(0).file as small:
        assert Image.open(small).format == "WEBP"
