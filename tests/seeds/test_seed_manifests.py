"""The calls of five guides, made in each gateway's dialect: the images they promise, at the prices they print."""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, Decimal
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from PIL import Image

from batchgen.app.output import maintain
from batchgen.errors import Severity
from tests.rehearsal import Ended, Rehearsal

SEEDS = Path(__file__).parents[2] / "manifests" / "seeds"
Gateway = Callable[..., Rehearsal]
Entry = Mapping[str, Any]

SQUARE, TALL, WIDE = SIZES = ("1024x1024", "1024x1536", "1536x1024")
TOKENS = {  # the guide's table
    "low": dict(zip(SIZES, (272, 408, 400), strict=True)),
    "medium": dict(zip(SIZES, (1056, 1584, 1568), strict=True)),
    "high": dict(zip(SIZES, (4160, 6240, 6208), strict=True)),
}
APIYI = {
    "low": dict(zip(SIZES, ("0.005", "0.006", "0.006"), strict=True)),
    "medium": dict(zip(SIZES, ("0.011", "0.015", "0.015"), strict=True)),
    "high": dict(zip(SIZES, ("0.036", "0.052", "0.052"), strict=True)),
}
AIHUBMIX = {
    "low": dict(zip(SIZES, ("0.011", "0.016", "0.016"), strict=True)),
    "medium": dict(zip(SIZES, ("0.042", "0.063", "0.063"), strict=True)),
    "high": dict(zip(SIZES, ("0.167", "0.25", "0.25"), strict=True)),
}


def drawn(entry: Entry) -> int:
    """Tokens of the images of a call, by the guide's table."""
    images: int = entry["pictures"]
    return TOKENS[entry["quality"]][entry["size"]] * images


def by_token(entry: Entry, text: str, image: str, output: str) -> Decimal:
    """Micro-dollars at these prices per million tokens."""
    given: Decimal = entry["text_tokens"] * Decimal(text) + entry["image_tokens"] * Decimal(image)
    return given + drawn(entry) * Decimal(output)


def by_image(entry: Entry, table: Mapping[str, Mapping[str, str]]) -> Decimal:
    """Micro-dollars at these prices per image."""
    images: int = entry["pictures"]
    return Decimal(table[entry["quality"]][entry["size"]]) * 1_000_000 * images


def apiyi(entry: Entry) -> Decimal:
    """Return the cheaper of two printed tables; the smaller model at its official list; Sora Image at a cent a call."""
    if entry["model"] == "sora_image":
        return Decimal(10_000)
    if entry["model"] == "gpt-image-1-mini":
        return by_token(entry, "2", "2.5", "8")
    return min(by_token(entry, "2.50", "2.50", "8.00"), by_image(entry, APIYI))


def official(entry: Entry) -> Decimal:
    """Return the guides without prices: OpenAI's list; Sora Image at a cent a call."""
    return Decimal(10_000) if entry["model"] == "sora_image" else by_token(entry, "5", "10", "40")


def aihubmix(entry: Entry) -> Decimal:
    """Check that the printed table, and "input text tokens are billed separately at $5 per million"."""
    text: int = entry["text_tokens"]
    return by_image(entry, AIHUBMIX) + text * Decimal(5)


PRICES = {
    "apiyi": ("apiyi", apiyi),
    "laozhang": ("laozhang", official),
    "aihubmix": ("aihubmix", aihubmix),
    "openai-guide": ("openai", official),
    "yescale": ("yescale", official),
}


def performed(gateway: Gateway, seed: str) -> tuple[Rehearsal, Ended]:
    """Run a seed's manifest against its gateway; everything is stored, as asked, and nothing is paid twice."""
    dialect, price = PRICES[seed]
    stage = gateway(dialect)
    sample = impatient(stage.root, seed)
    _, estimate = stage.plan(sample)
    ended = stage.run(sample)
    assert ended.exit == 0, ended.summary
    assert {row["state"] for row in ended.table("images")} == {"stored"}
    assert {row["flags"] for row in ended.table("images")} == {""}
    seen = maintain.verify(ended.folder)
    assert (seen.damaged, seen.missing) == ((), ())
    entries = stage.bill
    expected = [int(price(entry).to_integral_value(ROUND_CEILING)) for entry in entries]
    assert [entry["charged_micro_usd"] for entry in entries] == expected
    assert ended.charged == sum(expected)
    assert estimate.expected == pytest.approx(ended.charged, rel=0.05)
    assert estimate.low <= ended.charged <= estimate.high
    calls = len(entries)
    assert stage.run(sample).exit == 0
    assert len(stage.bill) == calls
    return stage, ended


def impatient(root: Path, seed: str) -> Path:
    """Return a copy of a seed's manifest that keeps no pace, as the mock asks for none."""
    sample = copytree(SEEDS, root / "seeds") / f"{seed}.yaml"
    text = sample.read_text("utf-8")
    sample.write_text(text.replace("images_per_minute: 50", "images_per_minute: 50000"), "utf-8")
    return sample


def looks(ended: Ended, job_id: str) -> tuple[tuple[int, int], str | None, str]:
    """Size, format and mode of a job's first image, from its bytes."""
    with Image.open(ended.image(job_id)) as image:
        image.load()
        return image.size, image.format, image.mode


def test_apiyi(gateway: Gateway) -> None:
    """Addresses fetched at once, JPEG at 85 %, a wide cut-out, WebP at 50 %, Sora's ratios in the prompt."""
    stage, ended = performed(gateway, "apiyi")
    assert looks(ended, "lake") == ((1024, 1024), "PNG", "RGB")
    assert looks(ended, "garden-wide")[:2] == ((1536, 1024), "JPEG")
    assert looks(ended, "cut-out") == ((1536, 1024), "PNG", "RGBA")
    assert looks(ended, "inline")[:2] == ((1024, 1024), "WEBP")
    sizes = {ratio: looks(ended, f"sora-{ratio}")[0] for ratio in ("2x3", "3x2", "1x1")}
    assert sizes == {"2x3": (1024, 1536), "3x2": (1536, 1024), "1x1": (1024, 1024)}
    for quality, row in APIYI.items():
        for size, price in row.items():
            assert ended.cost(f"table-{quality}-{size}") <= Decimal(price) * 1_000_000
    asked = stage.handle.requests()
    assert Counter(r["method"] for r in asked)["GET"] == 25  # one is inline
    bodies = [r["fields"] for r in asked if r.get("fields")]
    assert [b["response_format"] for b in bodies if "response_format" in b] == ["b64_json"]
    said = [b["messages"][0]["content"] for b in bodies if b.get("model") == "sora_image"]
    assert sorted(text[-5:] for text in said) == ["【1:1】", "【2:3】", "【3:2】"]


def test_laozhang(gateway: Gateway) -> None:
    """Its own words on the wire, the reference image as base64, one image a call."""
    stage, ended = performed(gateway, "laozhang")
    bodies = [r["fields"] for r in stage.handle.requests() if r.get("fields")]
    car = next(b for b in bodies if b.get("quality") == "hd")
    assert car["style"] == "photographic"
    assert next(b for b in bodies if "negative_prompt" in b)["negative_prompt"].startswith("people, clutter")
    room = next(b for b in bodies if "reference_image" in b)
    photo = b64encode((SEEDS / "pictures" / "bedroom.jpg").read_bytes())
    assert room["reference_image"] == f"<{len(photo)} characters, sha256 {sha256(photo).hexdigest()}>"
    hotel = next(entry for entry in stage.bill if entry["prompt"].startswith("Transform this bedroom"))
    assert hotel["image_tokens"] == 65 + 129 * 2
    assert len([entry for entry in stage.bill if entry["prompt"].startswith("Product photograph")]) == 3
    assert ended.cost("sora") == 10_000


def test_aihubmix(gateway: Gateway) -> None:
    """The poster at $0.25 and its words beside; no moderation on the edit, and its upload re-encoded."""
    stage, ended = performed(gateway, "aihubmix")
    assert looks(ended, "poster") == ((1024, 1536), "PNG", "RGB")
    assert ended.cost("poster") == 250_000 + 5 * (27 + 6)  # the prompt has 27 tokens
    assert looks(ended, "cut-out")[2] == "RGBA"
    (edit,) = [r for r in stage.handle.requests() if r.get("parts")]
    assert "moderation" not in {part["name"] for part in edit["parts"]}
    generations = [r["fields"] for r in stage.handle.requests() if r.get("fields") and not r.get("parts")]
    assert {body["moderation"] for body in generations} == {"low"}
    assert not [body for body in generations if body.get("size") == "auto"]


def test_yescale(gateway: Gateway) -> None:
    """The sample's usage, 95 tokens in and 4160 out, at the official list: quality high when nothing is said."""
    stage, ended = performed(gateway, "yescale")
    assert ended.cost("teenagers") == 95 * 5 + 4160 * 40
    (first,) = [entry for entry in stage.bill if entry["prompt"].endswith("--ar 16:9")]
    assert (first["text_tokens"], first["output_tokens"]) == (95, 4160)
    assert looks(ended, "teenagers-wide")[0] == (1536, 1024)
    assert looks(ended, "cut-out-low")[2] == "RGBA"


def test_openai_guide(gateway: Gateway) -> None:
    """The guide's token table, its chained example and its mask; nothing in the requests that OpenAI would refuse."""
    stage, ended = performed(gateway, "openai-guide")
    for quality, row in TOKENS.items():
        for size, tokens in row.items():
            assert ended.jobs[f"table-{quality}-{size}"]["output_tokens"] == str(tokens)
    assert looks(ended, "pixel-cat")[:2] == ((1024, 1536), "JPEG")
    assert looks(ended, "rocket") == ((1024, 1024), "WEBP", "RGBA")
    assert looks(ended, "hat")[2] == "RGBA"
    assert looks(ended, "cat-with-hat")[0] == (1024, 1536)
    assert not [r for r in stage.handle.requests() if "response_format" in (r.get("fields") or {})]


REFUSED = {
    "apiyi": {
        13: "a transparent background needs output_format png or webp",
        16: "output_compression is for jpeg and webp",
        19: "the prompt has 1,101 characters; apiyi takes at most 1,000",
        31: "not 'standard': standard was DALL-E's word for medium",
        35: "sora_image draws the ratios 1:1, 2:3, 3:2",
    },
    "laozhang": {
        9: "the nearest size that gpt-image-1 draws is 1024x1024",
        12: "the nearest size that gpt-image-1 draws is 1536x1024",
        16: "laozhang takes no size for gpt-image-2: leave it out",
        17: "laozhang takes no quality for gpt-image-2: leave it out",
        20: "laozhang takes no background on generate: leave it out",
    },
    "aihubmix": {
        10: "aihubmix refuses size: auto; leave size out",
        14: "aihubmix takes no moderation on edit: leave it out",
    },
    "yescale": {
        9: "yescale takes size: 1024x1024, 1536x1024, 1024x1536; not 'auto'",
        12: "yescale takes quality: high, medium, low; not 'auto'",
        15: "yescale takes no output_format on generate: leave it out",
        18: "yescale takes no output_format on generate: leave it out",
        19: "a transparent background needs output_format png or webp",
    },
    "openai-guide": {
        9: "openai takes no response_format on generate: leave it out",
        12: "openai takes no style on generate: leave it out",
        15: "not 'hd': hd was DALL-E's word for high",
        20: "the nearest size that gpt-image-1 draws is 1024x1536",
        23: "openai closed variation on 2026-05-12; use an edit with images instead",
        28: "there is no file 'pictures/glorptak.png'",
        29: "there is no file 'pictures/glorptak_mask_alpha.png'",
    },
}


@pytest.mark.parametrize("seed", REFUSED)
def test_what_a_guide_asks_in_vain(gateway: Gateway, seed: str) -> None:
    """An error of check at the line of what is wrong, with what to do; the run refuses with nothing sent."""
    stage = gateway(PRICES[seed][0])
    sample = SEEDS / f"{seed}-refused.yaml"
    errors: dict[int, list[str]] = {}
    for problem in stage.check(sample).errors:
        assert problem.place
        errors.setdefault(problem.place.line, []).append(problem.message)
    assert errors.keys() == REFUSED[seed].keys()
    for line, words in REFUSED[seed].items():
        assert any(words in message for message in errors[line]), (line, errors[line])
    assert stage.run(sample).exit == 2
    assert not stage.bill


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("apiyi", "gpt-image-1 was shut down on 2026-10-23; use gpt-image-2.5-flare instead"),
        ("apiyi", "gpt-image-1-mini will be shut down on 2026-12-01"),
        ("laozhang", "priced at its official list: the provider states no price of its own (assumed)"),
        ("laozhang", "n 3 takes 3 calls"),
        ("aihubmix", "moderation from defaults is left out there"),
        ("aihubmix-refused", "naming a living artist ('Hayao Miyazaki') is likely to be moderated"),
        ("yescale", "`--ar` belongs to another tool"),
        ("openai-guide", "gpt-image-1 was shut down"),
    ],
)
def test_what_is_doubtful_is_a_warning(gateway: Gateway, manifest: str, words: str) -> None:
    """With the line, and nothing that stops a run by itself."""
    stage = gateway("openai")
    warnings = [p for p in stage.check(SEEDS / f"{manifest}.yaml").problems if p.severity is Severity.WARNING]
    assert any(words in warning.message and warning.place for warning in warnings), warnings
