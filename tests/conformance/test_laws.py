"""The laws that hold for every provider, whatever dialect it speaks."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batchgen.app.output import maintain
from batchgen.app.preview import doctor
from batchgen.errors import Severity
from batchgen.model import Operation
from tests.rehearsal import KEY, QUICK, Ended, Rehearsal

pytestmark = pytest.mark.sample(3)

Start = Callable[..., Rehearsal]
SIZE = (1024, 1024)


def noise(size: tuple[int, int] = SIZE) -> bytes:
    """Return an image that looks like one."""
    out = io.BytesIO()
    Image.effect_noise(size, 40).convert("RGB").save(out, "PNG", compress_level=1)
    return out.getvalue()


PLAIN = noise()


@pytest.fixture
def quick(stage: Start) -> Rehearsal:
    """Return a mock that answers base64 with one ready-made image."""
    return stage(fixed_bytes=PLAIN)


def whole(ended: Ended, stage: Rehearsal) -> None:
    """Everything is stored and decodes, and the ledger says what the provider's bill says."""
    assert ended.exit == 0, (ended.why, ended.summary.get("why"))
    assert ended.charged == stage.billed
    checked = maintain.verify(ended.folder)
    assert (checked.damaged, checked.missing) == ((), ())


def drawing(stage: Rehearsal) -> Iterator[dict[str, Any]]:
    """Return the requests for images as they arrived."""
    return (request for request in stage.handle.requests() if request["method"] == "POST")


def test_images_come_at_the_price_that_was_said(subject: Any, quick: Rehearsal) -> None:
    """All n of them in as few calls as it takes, within the estimate and near what was expected; once."""
    path = quick.manifest([{"id": "a", "n": 3, "prompt": "A red lamp on a table"}])
    _, estimate = quick.plan(path)
    ended = quick.run(path)
    whole(ended, quick)
    assert len(ended.images("a")) == 3
    assert {(row["width"], row["height"], row["format"], row["flags"]) for row in ended.images("a")} == {
        ("1024", "1024", "png", "")
    }
    assert len(quick.bill) == estimate.calls == -(-3 // subject.most)
    assert estimate.low <= quick.billed <= estimate.high
    assert estimate.expected == pytest.approx(quick.billed, rel=0.05)
    assert quick.run(path).exit == 0
    assert len(quick.bill) == estimate.calls


def test_every_parameter_that_it_takes_is_sent_and_taken(subject: Any, stage: Start) -> None:
    """What the profile lists, the dialect understands; nothing is refused on either side."""
    mock = stage(fixed_bytes=PLAIN)
    values = {
        "size": "1536x1024",
        "quality": "medium",
        "background": "opaque",
        "moderation": "low",
        "output_format": "jpeg",
        "output_compression": "80",
        "user": "team",
        "safety_identifier": "team",
        "style": "photographic",
        "negative_prompt": "people",
        "response_format": "b64_json",
    }
    opened = {name: value for name, value in subject.opened.items() if name not in subject.takes(**values)}
    jobs = [{"id": "all", "prompt": "A lamp", **subject.takes(**values), **opened}]
    ended = mock.run(mock.manifest(jobs))
    assert ended.exit == 0, ended.why
    (request,) = drawing(mock)
    if subject.protocol.name != "images":  # its parameters stand elsewhere in a request
        return
    sent = {name: str(value) for name, value in request["fields"].items()}
    assert {name: sent.get(name) for name in subject.takes(**values)} == subject.takes(**values)
    assert set(sent) - set(values) - set(opened) == {"model", "prompt", "n"}
    assert {name: sent[name] for name in opened} == opened


@pytest.mark.sample(2)
def test_what_it_does_not_take_is_refused_before_anything_is_sent(subject: Any, quick: Rehearsal) -> None:
    """An unknown size, an unknown parameter, a transparent JPEG: exit 2 with the line, no request."""
    own = subject.profile.takes(Operation.GENERATE)
    wrong: list[dict[str, str]] = [{"size": "1000x1000"}, {"size": "huge"}, {"quality": "best"}]
    open_too = {param.name for param in subject.profile.opens}
    wrong += [{name: "x"} for name in ("style", "negative_prompt") if own and name not in own | open_too]
    wrong += [{"background": "transparent", "output_format": "jpeg"}]
    for number, params in enumerate(wrong):
        if subject.model is None and params.keys() <= {"size", "quality"}:
            continue
        path = quick.manifest([{"id": "a", "prompt": "A lamp", **params}], f"m{number}")
        errors = quick.check(path).errors
        assert errors, params
        assert all(error.place and error.place.file.endswith(f"m{number}.yaml") for error in errors)
        assert quick.run(path).exit == 2
    assert not quick.bill


def test_what_restates_a_default_is_left_out_or_sent_and_taken(subject: Any, quick: Rehearsal) -> None:
    """`auto` in `defaults` never stops a manifest from running elsewhere."""
    auto = {"size": "auto", "quality": "auto", **subject.takes(background="auto", moderation="auto")}
    restated = {name: value for name, value in auto.items() if (name, value) in subject.profile.defaults}
    path = quick.manifest([{"id": "a", "prompt": "A lamp"}], defaults=restated)
    assert quick.run(path).exit == 0


def test_a_moderated_prompt_sticks(subject: Any, quick: Rehearsal) -> None:
    """One more try at most; a later run makes no call; the row waits to be reworded."""
    path = quick.manifest([{"id": "a", "prompt": "A [moderated] lamp"}, {"id": "b", "prompt": "A lamp"}])
    ended = quick.run(path)
    assert ended.exit == 3
    assert ended.summary["jobs"]["moderated"] == ended.summary["jobs"]["done"] == 1
    assert [row["id"] for row in ended.table("moderated")] == ["a"]
    calls = len(quick.bill)
    assert calls <= 3
    assert ended.charged + ended.money["at_risk_micro_usd"] >= quick.billed
    assert quick.run(path).exit == 0  # what was told before is no news
    assert len(quick.bill) == calls


def test_images_that_are_left_out_are_asked_for_again(subject: Any, stage: Start) -> None:
    """Only what is missing, at most twice; nothing is paid twice."""
    mock = stage()
    prompt = "A lamp [[mock: fault=fewer_1 times=1]]"
    ended = mock.run(mock.manifest([{"id": "a", "n": 2, "prompt": prompt, **subject.takes(output_format="jpeg")}]))
    whole(ended, mock)
    assert len({row["sha256"] for row in ended.images("a")}) == 2
    assert [entry["n"] for entry in mock.bill] == ([2, 1] if subject.most > 1 else [1, 1])


def test_a_rate_limit_is_waited_out(subject: Any, stage: Start) -> None:
    """A 429 costs neither money nor a try."""
    mock = stage(fixed_bytes=PLAIN, requests_per_minute=1, window_seconds=0.3)
    jobs = [{"id": name, "prompt": f"A lamp {name}"} for name in "ab"]
    ended = mock.run(mock.manifest(jobs, retry={**QUICK_ONCE}))
    whole(ended, mock)
    assert 429 in [entry["status"] for entry in mock.bill]
    assert ended.money["at_risk_micro_usd"] == 0


QUICK_ONCE = {"attempts": 1, "base_seconds": 0.02, "cap_seconds": 0.05}


def test_an_edit_takes_its_images(subject: Any, quick: Rehearsal, tmp_path: Path) -> None:
    """Two images, and a mask where it takes one, reach the provider in its own form and are counted.

    Where edits are unsure, a warning; where no mask is taken, an error before anything is paid.
    """
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(PLAIN)
    mask = Image.new("L", SIZE, 255)
    mask.paste(0, (0, 0, 512, 512))
    mask.save(tmp_path / "m.png")
    job: dict[str, Any] = {"id": "e", "images": ["a.png", "b.png"], "prompt": "Together"}
    masks = subject.masks
    refused = [
        p.message for p in quick.check(quick.manifest([{**job, "mask": "m.png"}])).problems if "mask" in p.message
    ]
    assert bool(refused) != masks
    path = quick.manifest([{**job, "mask": "m.png"} if masks else job])
    unsure = Operation.EDIT not in subject.profile.operations
    assert any("not known to have edit" in p.message for p in quick.check(path).problems) == unsure
    _, estimate = quick.plan(path)
    ended = quick.run(path)
    whole(ended, quick)
    (entry,) = quick.bill
    assert (entry["kind"], entry["image_tokens"] > 0) == (subject.kind("edit"), True)
    assert estimate.expected == pytest.approx(quick.billed, rel=0.05)
    (request,) = drawing(quick)
    names = [part["name"] for part in request.get("parts") or () if part["filename"]]
    asked = ["image[]", "image[]", *(["mask"] if masks else [])]
    assert names == (asked if subject.asked_by_form else [])


def test_an_image_of_another_job_goes_in(subject: Any, stage: Start) -> None:
    """A chain of two runs in its order everywhere."""
    mock = stage()
    jobs: list[dict[str, Any]] = [{"id": "e", "images": ["@a"], "prompt": "At night"}, {"id": "a", "prompt": "A lamp"}]
    ended = mock.run(mock.manifest(jobs))
    whole(ended, mock)
    assert [entry["kind"] for entry in mock.bill] == [subject.kind("generate"), subject.kind("edit")]


def test_results_are_read_in_every_form(subject: Any, stage: Start) -> None:
    """Address, base64, with a data prefix: one generation each, the whole image."""
    mock = stage()
    forms = ("ok", "url_instead", "url_beside_empty", "b64_data_prefix", "data_url")
    looks = subject.takes(output_format="jpeg")
    jobs = [{"id": form, "prompt": f"A lamp [[mock: fault={form}]]", **looks} for form in forms]
    ended = mock.run(mock.manifest(jobs))
    whole(ended, mock)
    assert len(mock.bill) == len(forms)
    for form in forms:
        with Image.open(ended.image(form)) as image:
            assert image.size == SIZE


def test_the_truth_of_a_result_is_told(subject: Any, stage: Start) -> None:
    """The extension is the real format's, and what is not as asked is flagged; the bytes stay as they came."""
    mock = stage()
    asked = subject.takes(output_format="png")
    jobs = [
        {"id": "format", "prompt": "A lamp [[mock: fault=wrong_format]]", **asked},
        {"id": "size", "prompt": "A lamp [[mock: fault=wrong_dimensions]]", **asked},
        {"id": "blank", "prompt": "A lamp [[mock: fault=blank_picture]]", **asked},
    ]
    ended = mock.run(mock.manifest(jobs))
    assert ended.exit == 0
    assert ended.charged == mock.billed
    flags = {name: ended.images(name)[0]["flags"] for name in ("format", "size", "blank")}
    assert flags == {
        "format": "not_as_asked:format" if asked else "",
        "size": "not_as_asked:size" if subject.takes(size="1024x1024") else "",
        "blank": "not_as_asked:blank",
    }
    with Image.open(ended.image("format")) as image:
        real = {"jpeg": "jpg"}.get(str(image.format).lower(), str(image.format).lower())
    assert ended.image("format").suffix == f".{real}" != ended.image("size").suffix


def test_an_answer_without_usage_is_settled_from_the_table(subject: Any, stage: Start) -> None:
    """Never less than the bill, marked as estimated, within what was reserved."""
    mock = stage()
    path = mock.manifest([{"id": "a", "prompt": f"A lamp [[mock: fault={subject.fault('usage_missing')}]]"}])
    _, estimate = mock.plan(path)
    ended = mock.run(path)
    assert ended.exit == 0
    assert mock.billed <= ended.charged <= estimate.high
    assert ended.money["confirmed_micro_usd"] == 0


def test_the_key_is_sent_and_a_wrong_one_stops_the_run(subject: Any, stage: Start) -> None:
    """Exit 5, nothing drawn, and the key is shown nowhere."""
    if subject.profile.key_variable is None:
        pytest.skip("this one needs no key")
    right, wrong = stage(fixed_bytes=PLAIN, key=KEY), stage(fixed_bytes=PLAIN, key="sk-another")
    path = right.manifest([{"id": "a", "prompt": "A lamp"}])
    assert right.run(path).exit == 0
    ended = wrong.run(path, output=right.root / "elsewhere")
    assert ended.exit == 5
    assert wrong.billed == 0
    for file in (right.root / "elsewhere").rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()


def test_the_doctor_spends_nothing(subject: Any, quick: Rehearsal) -> None:
    """Key, model, limits, disk, clock and dialect are looked at; the bill stays empty."""
    found = list(doctor.examine(subject.says, quick.handle.base_url))
    assert found
    assert quick.billed == 0


def test_an_image_at_an_address_is_fetched_until_it_is_here(subject: Any, stage: Start) -> None:
    """A download that fails is tried again, and nothing is drawn again for it."""
    if not subject.gives_addresses:
        pytest.skip("its images come in the answer alone")
    mock = stage(fixed_bytes=PLAIN)
    jobs = [{"id": fault, "prompt": f"A lamp [[mock: fault=download_{fault} reads=2]]"} for fault in ("503", "short")]
    ended = mock.run(mock.manifest(jobs))
    whole(ended, mock)
    assert len(mock.bill) == 2


@pytest.mark.parametrize("look", ["svg", "html"])
def test_what_nobody_asked_for_is_put_aside(subject: Any, stage: Start, look: str) -> None:
    """An SVG with a script or a page in an image's place: charged, told, never an image, never on the page."""
    mock = stage()
    jobs = [{"id": "a", "prompt": f"A lamp [[mock: fault=picture_{look}]]"}]
    ended = mock.run(mock.manifest(jobs, retry={**QUICK, "base_seconds": 0.0005}))
    assert ended.exit == 3
    assert ended.charged >= mock.billed
    assert not list((ended.folder / "images").rglob("*.*"))
    if not any(request["method"] == "GET" for request in mock.handle.requests()):
        assert any(b"alert(1)" in file.read_bytes() for file in (ended.folder / "quarantine").rglob("*.part"))
    assert "alert(1)" not in (ended.folder / "report" / "report.html").read_text("utf-8")


def test_a_chat_model_draws_where_it_is_sold(subject: Any, stage: Start) -> None:
    """The ratio follows the prompt, the image is fetched from the words, a cent a call."""
    if not subject.profile.chat_models:
        pytest.skip("this one sells no images over chat")
    mock = stage()
    name = subject.profile.chat_models[0]
    jobs = [
        {"id": f"r{i}", "model": name, "size": size, "prompt": "A lamp"} for i, size in enumerate(("2:3", "1536x1024"))
    ]
    ended = mock.run(mock.manifest(jobs, defaults={}))
    whole(ended, mock)
    assert {ended.cost(f"r{i}") for i in range(2)} == {10_000}
    assert [(ended.images(f"r{i}")[0]["width"], ended.images(f"r{i}")[0]["height"]) for i in range(2)] == [
        ("1024", "1536"),
        ("1536", "1024"),
    ]


def test_a_variation_is_drawn_where_it_is_served(subject: Any, quick: Rehearsal, tmp_path: Path) -> None:
    """Closed: refused with its day. Not known to be served: tried with a warning. No prompt goes along."""
    if not subject.profile.params:
        pytest.skip("what its models take is not known, so everything is sent")
    (tmp_path / "a.png").write_bytes(PLAIN)
    job = {"id": "v", "operation": "variation", "images": ["a.png"], "n": 1, "model": subject.varies}
    path = quick.manifest([job])
    problems = quick.check(path).problems
    if dict(subject.profile.retired).get(Operation.VARIATION):
        assert any("closed variation on 2026-05-12" in p.message for p in problems if p.severity is Severity.ERROR)
        assert quick.run(path).exit == 2
        return
    unsure = Operation.VARIATION not in subject.profile.operations
    assert any("not known to have variation" in p.message for p in problems) == unsure
    ended = quick.run(path)
    assert ended.exit == 0, ended.summary
    (request,) = drawing(quick)
    assert "prompt" not in {part["name"] for part in request["parts"]}
    assert quick.bill[0]["kind"] == "variation"
