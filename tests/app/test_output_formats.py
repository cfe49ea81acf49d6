"""Animations and SVGs are drawn where they are asked for; what people drew on an image goes along with it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batchgen.app.output import maintain
from batchgen.app.view.page_source import OutputPage
from batchgen.storage import LocalStore
from batchgen.viewer import NoSuchThing
from tests.rehearsal import QUICK, Rehearsal, rehearsal
from tests.script import Script

LOOK = {"model": "gpt-image-2.5-flare", "size": "976x704", "quality": "low"}
OWN = {"gpt-image-2.5-flare": {"per_image": 0.50}}
HOSTILE = (
    b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<svg xmlns="http://www.w3.org/2000/svg" width="97600" height="70400" onload="alert(1)"><script>alert(2)</script>'
    b'<foreignObject><iframe src="javascript:alert(3)"/></foreignObject><image href="file:///etc/passwd"/>&b;</svg>'
)


def test_a_gif_and_an_svg_are_stored_as_they_came(tmp_path: Path) -> None:
    """In base64 and at an address, at the user's own price, and not as events."""
    settings = {"provider": "mock", "defaults": LOOK, "retry": QUICK, "prices": OWN}
    with rehearsal(tmp_path, settings) as stage:
        moving: dict[str, Any] = {"output_format": "gif", "frame_count": 3, "frame_duration_ms": 120}
        lines = {"output_format": "svg", "svg_model": "gpt-5", "svg_effort": "low"}
        there = "A chair [[mock: fault=url_instead]]"
        jobs = [
            {"id": "svg", "prompt": "A lamp", "n": 2, **lines},
            {"id": "gif-there", "prompt": there, **moving},
            {"id": "svg-there", "prompt": there, **lines},
        ]
        path = stage.manifest(jobs, stream=True)
        told = [problem.message for problem in stage.check(path).problems]
        assert sum("comes whole" in one for one in told) == 2
        ended = stage.run(path)
        assert ended.exit == 0, ended.summary
        assert ended.charged == 4 * 500_000
        assert {(row["format"], row["width"], row["height"], row["flags"]) for row in ended.table("images")} == {
            ("gif", "976", "704", ""),
            ("svg", "976", "704", ""),
        }
        with Image.open(ended.image("gif-there")) as image:
            assert (getattr(image, "n_frames", 1), image.info["duration"]) == (3, 120)
        sent = [one["fields"] for one in stage.handle.requests() if one["method"] == "POST"]
        (drawn,) = (one for one in sent if one["output_format"] == "svg" and "chair" in one["prompt"])
        assert drawn["svg"] == {"model": "gpt-5", "reasoning": {"effort": "low"}}
        assert not any("stream" in one for one in sent)
        checked = maintain.verify(ended.folder)
        assert (checked.damaged, checked.missing) == ((), ())


@pytest.mark.parametrize("by_address", [False, True])
def test_a_hostile_svg_is_kept_and_never_shown(tmp_path: Path, monkeypatch: Any, *, by_address: bool) -> None:
    """Asked for, so it is stored byte for byte; nothing is made of it, and no page holds or serves it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-rehearsal-0123456789abcdef")
    script = Script((500, {}, {}))
    try:
        image = {"url": f"{script.base_url}/p.svg"} if by_address else {"b64_json": base64.b64encode(HOSTILE).decode()}
        script.image, script.answers = HOSTILE, [(200, {}, {"created": 1, "data": [image]})]
        stage = Rehearsal(tmp_path, script, {"provider": "openai", "prices": OWN})  # type: ignore[arg-type]
        job = {"id": "a", "prompt": "A lamp", **LOOK, "output_format": "svg"}
        checks = {"background": {"color": "#ffffff", "tolerance": 8}}
        ended = stage.run(stage.manifest([job], derivatives={"web": {"max_edge": 200}}, checks=checks))
    finally:
        script.stop()
    assert ended.exit == 0, ended.summary
    assert any("an SVG has no pixels" in problem.message for problem in ended.problems)
    assert not list(ended.folder.rglob("derivatives/**/*.png"))
    assert ended.image("a").read_bytes() == HOSTILE
    assert ended.image("a").suffix == ".svg"
    assert ended.images("a")[0]["flags"] == ""
    html = (ended.folder / "report" / "report.html").read_text("utf-8")
    assert "alert(" not in html
    assert not list((ended.folder / "report" / "thumbs").glob("*"))
    assert maintain.verify(ended.folder).damaged == ()
    source = OutputPage(ended.folder, LocalStore(ended.folder))
    assert source.data()["columns"]["href"] == [""]
    for number in range(3):
        with pytest.raises(NoSuchThing):
            source.image(number)
        with pytest.raises(NoSuchThing):
            source.thumb(number)


def test_an_svg_that_a_style_decides_is_asked_for_without_being_sent(tmp_path: Path, monkeypatch: Any) -> None:
    """A gateway's vector model knows no output_format: the file keeps it here, and the job says what is wanted."""
    monkeypatch.setenv("YESCALE_API_KEY", "sk-rehearsal-0123456789abcdef")
    rules = "{unsent: [output_format], params: {generate: [style]}}"
    file = f"like: yescale\nname: vectors\nfor_models: {{'recraftv3*': {rules}}}\n"
    (tmp_path / "vectors.yaml").write_text(file, "utf-8")
    image = {"b64_json": base64.b64encode(HOSTILE).decode()}
    script = Script((200, {}, {"created": 1, "data": [image]}))
    try:
        settings = {"provider": "./vectors.yaml", "prices": {"recraftv3": {"per_image": 0.08}}}
        stage = Rehearsal(tmp_path, script, settings)  # type: ignore[arg-type]
        job = {"id": "a", "prompt": "A lamp", "model": "recraftv3", "style": "vector_illustration"}
        ended = stage.run(stage.manifest([{**job, "output_format": "svg"}]))
        ((_, sent),) = script.asked
    finally:
        script.stop()
    assert (ended.exit, ended.image("a").read_bytes()) == (0, HOSTILE)
    assert json.loads(sent).keys() == {"model", "prompt", "n", "style"}


def test_without_a_price_of_its_own_nothing_is_drawn(tmp_path: Path) -> None:
    """What a preview costs is not published: an error at its place, and no call."""
    with rehearsal(tmp_path, {"provider": "mock", "defaults": LOOK}) as stage:
        path = stage.manifest([{"id": kind, "prompt": "A lamp", "output_format": kind} for kind in ("gif", "svg")])
        errors = stage.check(path).errors
        assert ["per_image: 0.50" in one.message and one.place is not None for one in errors] == [True, True]
        assert stage.run(path).exit == 2
        assert stage.bill == []


def test_what_people_drew_on_an_image_goes_out_with_it(tmp_path: Path) -> None:
    """As a part of the form, as large as the image goes out; another markup is another job."""
    Image.new("RGB", (1024, 768), "navy").save(tmp_path / "a.png")
    for name, colour in (("one", (255, 0, 0, 0)), ("two", (0, 255, 0, 0))):
        Image.new("RGBA", (1024, 768), colour).save(tmp_path / f"{name}.png")
    with rehearsal(tmp_path, {"provider": "mock", "defaults": LOOK}) as stage:
        job = {"id": "a", "images": ["a.png"], "prompt": "As drawn"}
        assert stage.run(stage.manifest([{**job, "markup": "one.png"}])).exit == 0
        shrunk = stage.run(stage.manifest([{**job, "markup": "two.png"}], prepare={"max_edge": 512}))
        assert shrunk.exit == 0, shrunk.summary
        parts = [one["parts"] for one in stage.handle.requests() if one["method"] == "POST"]
        names = [[part["name"] for part in each if part["filename"]] for each in parts]
        assert names == [["image", "markup"], ["image", "markup"]]
        assert len(stage.bill) == 2, "another markup under the same id is drawn anew"


CHAINED = [
    ("svg", {}, "is an SVG, which no edit takes"),
    ("gif", {}, "give prepare: {format: png}"),
    ("gif", {"prepare": {"format": "png"}}, ""),
]


@pytest.mark.parametrize(("kind", "settings", "word"), CHAINED)
def test_what_no_edit_takes_is_refused_before_it_is_drawn(
    tmp_path: Path, kind: str, settings: dict[str, Any], word: str
) -> None:
    """An image of another job that cannot be sent along: an error of check."""
    with rehearsal(tmp_path, {"provider": "mock", "defaults": LOOK, "prices": OWN}) as stage:
        jobs: list[dict[str, Any]] = [
            {"id": "a", "prompt": "A lamp", "output_format": kind},
            {"id": "b", "images": ["@a"], "prompt": "At night"},
        ]
        errors = [one.message for one in stage.check(stage.manifest(jobs, **settings)).errors]
        assert [word in one for one in errors] == ([True] if word else [])
