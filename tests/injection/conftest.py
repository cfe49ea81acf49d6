"""One run against a server that puts a payload into everything it says, from a manifest that does the same."""

import base64
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any
from unicodedata import category

import pytest
import yaml
from PIL import Image

from batchgen.app.config.options import Options
from batchgen.app.review import decisions
from batchgen.app.run import start
from batchgen.app.watch import Unwatched
from tests.injection.hostile import as_json, hostile, one_line
from tests.injection.payloads import ALL

REFUSE = " (refuse)"
TAG_NAMES = 24
COMPARED = 8
FEW = 9
DRAWN = len(ALL) + 2 * len(ALL[::COMPARED])


@dataclass(frozen=True)
class Attacked:
    """What is there after the run: the manifest, the output folder and the server's address."""

    manifest: Path
    folder: Path
    base_url: str
    summary: Mapping[str, Any]


def dot() -> str:
    """Return a small image, as an answer carries it."""
    out = io.BytesIO()
    Image.new("RGB", (48, 32), "teal").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


IMAGE = dot()


def says(request: Mapping[str, Any], _headers: Mapping[str, str]) -> bytes:
    """Repeat the prompt wherever an answer has room for words."""
    word = request["prompt"].removesuffix(REFUSE)
    headers = {"x_request_id": word, "server": word, "openai_version": word, "x_ratelimit_limit_requests": word}
    headers[f"x-ratelimit-{one_line(word).encode('ascii', 'ignore').decode().replace(':', '')[:20].strip() or 'x'}"] = (
        word
    )
    if request["prompt"].endswith(REFUSE):
        error = {"message": word, "type": word, "param": word, "code": "moderation_blocked"}
        error["moderation_details"] = {"moderation_stage": word, "categories": [word]}
        return as_json({"error": {**error, "safety_violations": [word]}}, 400)
    usage = {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18, "note": word, word: word}
    echo = dict.fromkeys(("model", "size", "quality", "output_format", "background"), word)
    entry = {"b64_json": IMAGE, "revised_prompt": word, word: word}
    return as_json({"created": 1, "data": [entry], "usage": usage, **echo, word: word})


def written(folder: Path, words: Sequence[str]) -> Path:
    """Return a manifest with each of these words in every place that takes it."""
    rows = []
    for number, word in enumerate(words):
        shown = word.isprintable() and not word.startswith("@") and word.strip()
        # Ids are told apart by what comes last, so that a word's first character stays first.
        row = {"p": word, "name": f"{word[:150]} {number}" if shown else f"job {number}"}
        row["model"] = word if shown and len(word) < 100 else "plain"
        rows.append(row)
    common: dict[str, Any] = {"rows": rows, "model": "{{ model }}"}
    common["tags"] = dict.fromkeys(words[:: len(words) // TAG_NAMES], "{{ p }}")
    drawn: dict[str, Any] = {"id": "{{ name }}", "prompt": "{{ p }}", "quality": "low"}
    # A template of which most are refused is given up after ten: these have fewer each, told apart by their blanks.
    refuse = " p }}" + REFUSE
    refused: list[dict[str, Any]] = [
        {
            "id": "{{ name }} r",
            "prompt": "{{" + " " * first + refuse,
            "quality": "low",
            "rows": rows[first : first + FEW],
        }
        for first in range(0, len(rows), FEW)
    ]
    ways: dict[str, Any] = {
        "id": "{{ name }} {{ way }}",
        "prompt": "{{ p }}",
        "quality": "{{ way }}",
        "rows": rows[::COMPARED],
    }
    ways["matrix"] = {"way": ["low", "high"]}
    jobs = [{**common, **one} for one in (drawn, *refused, ways)]
    document = {
        "name": "attacked",
        "provider": "openai",
        "prices": {row["model"]: {"per_image": "0.01"} for row in rows},
        "limits": {"max_cost": "100", "concurrency": "8"},
        "retry": {"attempts": "1", "base_seconds": "0.01", "cap_seconds": "0.01"},
        "output": {
            "path": "{{ p }}/{{ id }}-{{ index }}.{{ ext }}",
            "shop": {"sku": "{{ p }}", "alt": "{{ p }}"},
            "sidecars": "true",
        },
        "jobs": jobs,
    }
    path = folder / "attacked.yaml"
    path.write_text(yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False), "utf-8")  # without aliases
    return path


def noted(folder: Path, output: Path, words: Sequence[str]) -> Path:
    """Return a review that approves every image, with one of the words as the note; without those no note may hold."""
    with (output / "report" / "images.csv").open(encoding="utf-8", newline="") as file:
        stored = [row for row in csv.DictReader(file) if row["state"] == "stored"]
    notes = cycle(word for word in words if not any(category(sign) in {"Cc", "Cs"} for sign in " ".join(word.split())))
    decisions = [
        {"job": word, "key": row["job_key"], "slot": int(row["slot"]), "sha256": row["sha256"], "decision": "approved"}
        | {"note": note}
        for row, note, word in zip(stored, notes, cycle(words), strict=False)
    ]
    path = folder / "review.json"
    path.write_text(json.dumps({"batchgen_review": 1, "decisions": decisions}), "utf-8")
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """Give a key that is none, for a whole module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-security-0123456789abcdef")
        yield patch


def attack(folder: Path, base_url: str, words: Sequence[str]) -> Attacked:
    """Run a manifest of these words against a server that repeats them."""
    manifest, output = written(folder, words), folder / "out" / "put"
    result = start.run_manifest(manifest, Options(base_url=base_url, output=output), Unwatched())
    decisions.review(noted(folder, output, words), output)
    return Attacked(manifest, output, base_url, result.summary)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory, world: pytest.MonkeyPatch) -> Iterator[Attacked]:
    """Every payload in every field."""
    with hostile(says) as base_url:
        yield attack(tmp_path_factory.mktemp("attacked"), base_url, ALL)


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory, world: pytest.MonkeyPatch) -> Iterator[Attacked]:
    """Return a smaller run of the same form, with harmless words instead."""
    with hostile(says) as base_url:
        yield attack(tmp_path_factory.mktemp("harmless"), base_url, [f"word {n:02}" for n in range(TAG_NAMES)])
