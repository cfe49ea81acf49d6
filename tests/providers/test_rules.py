"""What providers and models refuse, ignore or assume: found before the first cent."""

from dataclasses import replace
from typing import Any

import pytest

from batchgen import catalog
from batchgen.errors import Place, Severity
from batchgen.model import FileImage, ImageRequest, Job, JobImage, Operation, Stems
from batchgen.providers import most_per_call, refusals, to_send

PHOTO = FileImage("a.png", "0" * 64, 100, 64, 64)


def job(
    n: int = 1,
    *,
    inherited: tuple[str, ...] = (),
    images: Any = (),
    mask: Any = None,
    markup: Any = None,
    **params: str,
) -> Job:
    """Return a job with these parameters; images make it an edit."""
    files = (("markup", markup),) if markup else ()
    params |= {name: file.path for name, file in files}
    operation = Operation(params.pop("operation", "edit" if images or mask else "generate"))
    request = ImageRequest(
        operation, "x", params.pop("model", None), tuple(sorted(params.items())), images, mask, files
    )
    place = Place("m.yaml", 7)
    return Job("id", "k" * 64, request, n, Stems(("*",)), (), place, inherited=frozenset(inherited))


def said(wanted: Job, provider: str, **changes: Any) -> list[tuple[str, str]]:
    """Every problem as (severity, message)."""
    asked = replace(catalog.provider(provider), **changes)
    model = catalog.find_model(wanted.request.model or asked.default_model)
    problems = list(refusals(wanted, asked, model))
    assert all(p.place == wanted.place for p in problems)
    return [(p.severity.value, p.message) for p in problems]


def sent(wanted: Job, provider: str) -> dict[str, str]:
    """Return the parameters that go out."""
    asked = catalog.provider(provider)
    model = catalog.find_model(wanted.request.model or asked.default_model)
    return dict(to_send(wanted.request, asked, model, wanted.inherited))


FINE = [
    (
        "openai",
        job(size="1024x1024", quality="max", output_format="webp", output_compression="80"),
    ),
    ("openai", job(size="auto", quality="auto", moderation="low", background="transparent")),
    ("openai", job(size="1920x1088", model="gpt-image-2")),
    ("openai", job(complexity="low", model="gpt-image-2.6-flare")),
    ("openai", job(input_fidelity="high", model="gpt-image-1.5", images=(PHOTO,))),
    ("openai", job(images=(PHOTO, JobImage("cat")), mask=JobImage("hat", 0))),
    ("openai", job(images=(PHOTO,), markup=PHOTO)),
    ("openai", job(images=(JobImage("cat"),), markup=PHOTO, model="gpt-image-2.6-sunburst")),
    ("apiyi", job(response_format="b64_json", size="auto")),
    ("apiyi", job(model="sora_image", size="2:3")),
    ("apiyi", job(model="sora_image", size="1024x1536")),
    ("laozhang", job(quality="hd", style="vivid", negative_prompt="blur")),
    ("aihubmix", job(moderation="low", size="1536x1024")),
    ("yescale", job(quality="high")),
    ("mock", job(n=10)),
]


@pytest.mark.parametrize(("provider", "wanted"), FINE, ids=range(len(FINE)))
def test_what_is_taken_is_taken_without_a_word(provider: str, wanted: Job) -> None:
    """Legal jobs cause no words, and everything they set is sent."""
    assert said(wanted, provider) == []
    assert sent(wanted, provider) == dict(wanted.request.params)


REFUSED = [
    ("openai", job(size="1920x1080", model="gpt-image-2"), "1920x1088"),
    ("openai", job(size="512x512"), "nearest size"),
    ("openai", job(size="1792x1024", model="gpt-image-1"), "1536x1024"),
    ("openai", job(size="big"), "size"),
    ("openai", job(quality="hd"), "quality"),
    ("openai", job(quality="max", model="gpt-image-2"), "quality"),
    ("openai", job(background="transparent", output_format="jpeg"), "png or webp"),
    ("openai", job(output_compression="50"), "jpeg and webp"),
    ("openai", job(output_compression="50", output_format="png"), "jpeg and webp"),
    ("openai", job(output_compression="101", output_format="jpeg"), "0 to 100"),
    ("openai", job(output_compression="-1", output_format="jpeg"), "0 to 100"),
    ("openai", job(output_compression="high", output_format="jpeg"), "0 to 100"),
    ("openai", job(output_format="bmp"), "output_format"),
    ("openai", job(style="vivid"), "style"),
    ("openai", job(qualty="low"), "did you mean quality"),
    ("openai", job(response_format="b64_json"), "response_format"),
    ("openai", job(stream="true"), "whole ones"),
    ("openai", job(moderation="low", images=(PHOTO,)), "moderation"),
    ("openai", job(input_fidelity="high", images=(PHOTO,)), "always high"),
    ("openai", job(input_fidelity="high", model="gpt-image-1-mini", images=(PHOTO,)), "input_fidelity"),
    ("openai", job(complexity="low"), "complexity"),
    ("openai", job(mask=PHOTO), "give images"),
    ("openai", job(images=(PHOTO,), markup=PHOTO, mask=PHOTO), "leave one out"),
    ("openai", job(images=(PHOTO,), markup=PHOTO, model="gpt-image-2"), "since gpt-image-2.5"),
    ("openai", job(images=(PHOTO,), markup=replace(PHOTO, width=32)), "the markup is 32x64"),
    ("openai", job(markup=PHOTO, operation="edit"), "give images"),
    ("azure", job(images=(PHOTO,), markup=PHOTO, model="gpt-image-2.5-flare"), "takes no markup on edit"),
    ("apiyi", job(model="sora_image", images=(PHOTO,), markup=PHOTO), "only size"),
    ("openai", job(output_format="gif", frame_count="1"), "from 2 to 16"),
    ("openai", job(output_format="gif", frame_duration_ms="655351"), "from 10 to 655350"),
    ("openai", job(output_format="gif", output_compression="80"), "jpeg and webp"),
    ("openai", job(output_format="gif", images=(PHOTO,), mask=PHOTO), "leave one out"),
    ("openai", job(output_format="svg", background="transparent"), "png or webp"),
    ("openai", job(frame_count="4"), "output_format gif"),
    ("openai", job(svg_model="gpt-5", output_format="gif"), "output_format svg"),
    ("azure", job(output_format="svg"), "png, jpeg, webp"),
    ("openai", job(operation="edit"), "at least one image"),
    ("openai", job(operation="generate", images=(PHOTO,)), "takes no images"),
    ("openai", job(images=(PHOTO,) * 17), "at most 16"),
    ("openai", job(operation="variation", images=(PHOTO,)), "2026-05-12"),
    ("apiyi", job(model="sora_image", size="16:9"), "2:3"),
    ("apiyi", job(model="sora_image", quality="high"), "only size"),
    ("apiyi", job(model="sora_image", images=(PHOTO,), mask=PHOTO), "no mask"),
    ("laozhang", job(model="gpt-image-2", size="1024x1024"), "takes no size"),
    ("laozhang", job(background="transparent"), "background"),
    ("aihubmix", job(size="auto"), "leave size out"),
    ("aihubmix", job(moderation="low", images=(PHOTO,)), "moderation"),
    ("yescale", job(size="auto"), "size"),
    ("yescale", job(quality="auto"), "quality"),
    ("yescale", job(output_format="webp"), "output_format"),
]


@pytest.mark.parametrize(("provider", "wanted", "word"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_is_an_error_with_its_fix(provider: str, wanted: Job, word: str) -> None:
    """One error, at the job's place, that names what to do."""
    problems = said(wanted, provider)
    assert [severity for severity, _ in problems if severity == Severity.ERROR] == ["error"], problems
    assert word in next(message for severity, message in problems if severity == "error")


def test_a_default_that_restates_the_providers_is_left_out() -> None:
    """`size: auto` from `defaults` is not sent where it is refused, with a warning; on the job it is an error."""
    mild = job(size="auto", inherited=("size",))
    ((severity, message),) = said(mild, "aihubmix")
    assert severity == "warning"
    assert "left out" in message
    assert sent(mild, "aihubmix") == {}
    assert sent(job(size="auto", inherited=("size",)), "openai") == {"size": "auto"}


def test_a_default_that_an_operation_lacks_is_left_out_there() -> None:
    """`moderation` from `defaults` goes with generations and not with edits."""
    edit = job(moderation="low", images=(PHOTO,), inherited=("moderation",))
    ((severity, message),) = said(edit, "openai")
    assert severity == "warning"
    assert "moderation" in message
    assert sent(edit, "openai") == {}
    assert sent(job(moderation="low", inherited=("moderation",)), "openai") == {"moderation": "low"}
    ((severity, _),) = said(job(input_fidelity="high", inherited=("input_fidelity",)), "openai")
    assert severity == "warning"


def test_a_default_that_the_provider_never_takes_is_refused() -> None:
    """`style` in `defaults` is a mistake at a provider that has no such thing."""
    ((severity, _),) = said(job(style="vivid", inherited=("style",)), "openai")
    assert severity == "error"
    ((severity, _),) = said(job(quality="hd", inherited=("quality",)), "openai")
    assert severity == "error"


def test_what_is_ignored_is_a_warning_and_sent() -> None:
    """A provider that does nothing with a parameter is named."""
    wanted = job(complexity="low", model="gpt-image-1")
    ((severity, message),) = said(wanted, "apiyi")
    assert severity == "warning"
    assert "does nothing" in message
    assert sent(wanted, "apiyi") == {"complexity": "low"}


def test_an_endpoint_that_is_not_known_is_used_with_a_warning() -> None:
    """A gateway that does not list edits gets them all the same."""
    ((severity, message),) = said(job(images=(PHOTO,)), "gemini-openai")
    assert severity == "warning"
    assert "edit" in message


def test_more_than_one_call_takes_is_split_and_said() -> None:
    """`n` above what one call draws is no error."""
    ((severity, message),) = said(job(n=12), "openai")
    assert severity == "warning"
    assert "2 calls" in message
    assert most_per_call(catalog.provider("openai"), "gpt-image-2") == 10
    assert most_per_call(catalog.provider("apiyi"), "gpt-image-2.6-all") == 4
    assert most_per_call(catalog.provider("apiyi"), "sora_image") == 1
    assert most_per_call(catalog.provider("laozhang"), "gpt-image-2-vip") == 1


def test_a_preview_is_doubted_and_an_svg_drawn_one_a_call() -> None:
    """The project needs access to it; four of them are four calls."""
    doubts = said(job(4, output_format="svg"), "openai")
    assert {severity for severity, _ in doubts} == {"warning"}
    assert "needs access" in doubts[0][1]
    assert "n 4 takes 4 calls" in doubts[1][1]
    assert len(said(job(4, output_format="gif"), "openai")) == 1
    assert said(job(4, output_format="svg", model="recraft-v3"), "yescale") == [
        ("warning", "yescale draws at most 1 a call for recraft-v3: n 4 takes 4 calls")
    ]


def test_what_a_gateway_draws_as_a_closed_model_is_its_own_affair() -> None:
    """DALL-E's sizes are doubted where a page says nothing of it, and refused at the vendor."""
    wide = job(model="dall-e-3", size="1280x720", quality="hd", style="vivid")
    ((severity, message),) = said(wide, "yescale")
    assert severity == "warning"
    assert "may draw it all the same" in message
    assert sent(wide, "yescale")["size"] == "1280x720"
    assert "error" in dict(said(wide, "openai"))


def test_an_unknown_model_is_not_second_guessed() -> None:
    """What the catalogue does not know is left to the provider."""
    assert said(job(model="gpt-image-9", size="999x1", quality="ultra"), "openai") == []


@pytest.mark.parametrize("provider", [p.name for p in catalog.providers()])
def test_every_provider_takes_its_own_defaults(provider: str) -> None:
    """What a provider assumes is either taken or left out; from `defaults` it is never an error."""
    asked = catalog.provider(provider)
    for name, value in asked.defaults:
        extra = {"output_format": "jpeg"} if name == "output_compression" else {}
        wanted = job(1, inherited=(name, *extra), **{name: value, **extra})
        assert not [m for severity, m in said(wanted, provider) if severity == "error" and name in m]
