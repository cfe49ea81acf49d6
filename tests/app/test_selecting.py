"""`--only`, `--first` and `--sample` choose jobs, always the same ones."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from batchgen.errors import Exit, InputError
from tests.rehearsal import Rehearsal

JOBS = [{"id": f"{kind}-{index}", "prompt": f"A {kind} {index}"} for kind in ("sofa", "lamp") for index in range(6)]


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("choice", "ids"),
    [
        ({"only": ("sofa-*",)}, {f"sofa-{i}" for i in range(6)}),
        ({"only": ("sofa-1", "lamp-[23]")}, {"sofa-1", "lamp-2", "lamp-3"}),
        ({"first": 2}, {"sofa-0", "sofa-1"}),
        ({"only": ("sofa-*",), "first": 10**30}, {f"sofa-{i}" for i in range(6)}),
        ({"only": ("lamp-*",), "first": 1}, {"lamp-0"}),
    ],
)
def test_a_choice_is_exact(scene: Rehearsal, choice: Mapping[str, Any], ids: set[str]) -> None:
    """Plan and run are about the chosen jobs only; the summary still tells of the whole manifest."""
    manifest = scene.manifest(JOBS)
    rows, estimate = scene.plan(manifest, **choice)
    assert rows.keys() == ids
    ended = scene.run(manifest, **choice)
    assert ended.exit == 0
    assert len(scene.bill) == len(ids) == estimate.calls
    assert ended.summary["jobs"]["total"] == len(JOBS)
    assert ended.summary["jobs"]["not_started"] == len(JOBS) - len(ids)


def test_a_sample_does_not_depend_on_the_order_of_rows(scene: Rehearsal) -> None:
    """The same jobs are drawn when the rows are shuffled."""
    straight, _ = scene.plan(scene.manifest(JOBS), sample=3)
    turned, _ = scene.plan(scene.manifest(JOBS[::-1]), sample=3)
    assert len(straight) == 3
    assert straight.keys() == turned.keys()


def test_a_pattern_that_nothing_matches_is_a_mistake(scene: Rehearsal) -> None:
    """A mistyped pattern must not pass for a run that had nothing to do."""
    manifest = scene.manifest(JOBS)
    only, told = ("lamp-*", "soffa-*"), "no job has an id that matches --only 'soffa-*'"
    with pytest.raises(InputError, match=re.escape(told)):
        scene.plan(manifest, only=only)
    refused = scene.run(manifest, only=only)
    assert refused.exit == Exit.INPUT
    assert told in refused.why
    assert not scene.bill
