"""Prompts go to the provider's free moderation endpoint before anything is paid; what it flags is not sent, or told."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from batchgen import catalog
from batchgen.app.preview.precheck import Precheck, Prechecked
from batchgen.ledger import Ledger
from batchgen.runtime.clock import SystemClock
from tests.offloading import in_place
from tests.rehearsal import KEY, Rehearsal

JOBS: list[dict[str, Any]] = [
    {"id": "lamp", "prompt": "A lamp"},
    {"id": "war", "prompt": "A field of gore", "n": 2},
    {"id": "pair", "prompt": "Two lamps"},
]


def asked(scene: Rehearsal) -> int:
    """Count the requests to the endpoint."""
    return sum(request["path"] == "/v1/moderations" for request in scene.handle.requests())


def test_a_flagged_prompt_is_moderated_without_a_call(scene: Rehearsal) -> None:
    """With the code `precheck` and its categories, for nothing; no prompt is asked about twice."""
    path = scene.manifest(JOBS, moderation_check=True)
    ended = scene.run(path)
    assert (ended.exit, sorted(call["prompt"] for call in scene.bill)) == (3, ["A lamp", "Two lamps"])
    row = ended.jobs["war"]
    assert (row["state"], row["code"], row["attempts"]) == ("moderated", "precheck", "0")
    assert [(one["id"], one["code"], one["categories"]) for one in ended.table("moderated")] == [
        ("war", "precheck", "violence/graphic")
    ]
    again = scene.run(scene.manifest([*JOBS, {"id": "new", "prompt": "A chair"}], moderation_check=True))
    assert (again.exit, len(scene.bill)) == (0, 3)
    assert asked(scene) == 2
    assert scene.run(scene.root / "scene.yaml").exit == 0
    assert (asked(scene), len(scene.bill)) == (2, 3)


def test_other_words_or_another_choice_let_a_flagged_job_be_drawn(scene: Rehearsal) -> None:
    """Reworded as after moderation; with `warn` it is told and sent."""
    ended = scene.run(scene.manifest(JOBS, moderation_check=True))
    told = scene.root / "moderated.csv"
    told.write_text(
        (ended.folder / "report/moderated.csv").read_text("utf-8").replace("of gore", "of poppies"), "utf-8"
    )
    assert scene.run(scene.root / "scene.yaml", reworded=told).exit == 0
    assert scene.bill[-1]["prompt"] == "A field of poppies"
    other = scene.manifest([{"id": "sea", "prompt": "A sea of gore"}], name="other", moderation_check=True)
    assert scene.run(other).exit == 3
    ended = scene.run(scene.manifest([{"id": "sea", "prompt": "A sea of gore"}], name="other", moderation_check="warn"))
    assert (ended.exit, scene.bill[-1]["prompt"]) == (0, "A sea of gore")
    assert any("flagged before it is sent" in problem.message for problem in ended.problems)


def test_chained_jobs_are_asked_about_too(scene: Rehearsal) -> None:
    """Their inputs are drawn, they are not."""
    edit = {"id": "edit", "prompt": "The lamp in gore", "images": ["@lamp"]}
    ended = scene.run(scene.manifest([JOBS[0], edit], moderation_check=True))
    assert (ended.exit, len(scene.bill), ended.jobs["edit"]["code"]) == (3, 1, "precheck")


def looked(folder: Path, base_url: str, prompts: Iterable[str], **more: Any) -> Prechecked:
    """Look at prompts at an address."""
    provider = catalog.provider("openai", base_url)
    clock = SystemClock()
    with Ledger.open(folder / "ledger.db", ".", clock=clock) as ledger:
        return asyncio.run(Precheck(provider, ledger, clock, KEY, **more).look(iter(prompts), in_place))


def test_an_endpoint_that_fails_is_told_and_asked_no_more(scene: Rehearsal) -> None:
    """What it is no endpoint of, and what refuses the key: nothing is flagged, and the run goes on."""
    prompts = [f"Gore {number}" for number in range(100)]
    found = looked(scene.root, f"{scene.handle.base_url}/nowhere", prompts)
    assert (found.prompts, found.flagged, found.trouble) == (0, {}, "it answers 404")
    assert len(looked(scene.root, scene.handle.base_url, prompts).flagged) == 100
    assert asked(scene) == 4
