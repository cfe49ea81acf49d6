"""What prune takes away: old runs, quarantine and superseded images, and nothing that somebody may still need."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.app.output import maintain
from batchgen.app.output.prune import Keep, old_asides, old_quarantine, old_runs, prune
from batchgen.ledger import Aside
from batchgen.model import AttemptState
from batchgen.storage import StoredFile
from tests.rehearsal import Rehearsal

NOW = datetime(2026, 11, 30, tzinfo=UTC)
DAYS = st.integers(-5, 5).map(lambda days: NOW + timedelta(days=days))
NAMES = st.sampled_from("abcdef")


def made(**facts: Any) -> Any:
    """Return something with these facts, as the ledger gives it."""
    return SimpleNamespace(**facts)


@given(st.dictionaries(NAMES, st.tuples(DAYS, st.none() | DAYS)), st.sets(NAMES), st.sets(NAMES))
def test_an_old_run_goes_unless_it_is_the_latest_or_has_calls_in_doubt(
    known: dict[str, tuple[datetime, datetime | None]], left: set[str], doubted: set[str]
) -> None:
    """A run that was killed is as old as its beginning; what left nothing is not told."""
    runs = [made(run_id=name, started=started, ended=ended) for name, (started, ended) in known.items()]
    found = {one.path.removeprefix("runs/"): one.keep for one in old_runs(runs, left, doubted, NOW)}
    assert found.keys() == {run.run_id for run in runs if (run.ended or run.started) < NOW} & left
    gone = {name for name, keep in found.items() if keep is None}
    assert not gone & doubted
    assert not gone & {run.run_id for run in runs[:1]}
    assert gone == found.keys() - doubted - {run.run_id for run in runs[:1]}


@given(
    st.dictionaries(NAMES, st.tuples(st.sampled_from(AttemptState), st.none() | DAYS, NAMES)),
    st.lists(st.sampled_from(("a", "b", "b.2", "z")), unique=True),
    st.sets(NAMES),
)
def test_a_quarantined_answer_goes_when_its_call_ended_long_ago_and_nothing_of_it_is_in_doubt(
    attempts: dict[str, tuple[AttemptState, datetime | None, str]], names: list[str], doubted: set[str]
) -> None:
    """What no ledger knows stays."""
    rows = {name: made(state=state, ended=ended, job_key=key) for name, (state, ended, key) in attempts.items()}
    for one in old_quarantine(names, rows.get, doubted, NOW):
        attempt = rows.get(one.path.removeprefix("quarantine/").partition(".")[0])
        assert (attempt is None) == (one.keep is Keep.UNKNOWN)
        if one.keep is None and attempt:
            assert attempt.ended < NOW
            assert attempt.state is not AttemptState.AT_RISK
            assert attempt.job_key not in doubted


@given(st.dictionaries(NAMES, DAYS), st.dictionaries(NAMES, st.builds(Aside, NAMES, st.booleans())), st.sets(NAMES))
def test_a_superseded_image_goes_when_it_is_known_and_neither_approved_nor_in_doubt(
    files: dict[str, datetime], known: dict[str, Aside], doubted: set[str]
) -> None:
    """Its age is since when it lies there."""
    listed = [StoredFile(name, 1, since=since.timestamp()) for name, since in files.items()]
    found = {one.path: one for one in old_asides(listed, known, doubted, NOW)}
    assert found.keys() == {name for name, since in files.items() if since < NOW}
    for name, one in found.items():
        aside = known.get(name)
        free = aside is not None and not aside.approved and aside.job_key not in doubted
        assert (one.keep is None) == free


@pytest.fixture
def old(scene: Rehearsal) -> Callable[..., Any]:
    """Return what prunes an output of two runs, of which the second drew all anew, a year later."""
    job = {"id": "{{ a }}", "matrix": {"a": ["lamp", "sofa"]}}
    for words in ("A {{ a }}", "A blue {{ a }}"):
        ended = scene.run(scene.manifest([{**job, "prompt": words}]))
        assert ended.exit == 0
    year = datetime.now(UTC) + timedelta(days=365)
    return lambda **more: prune(scene.root / "output" / "scene", 86_400 * 90, now=year, **more)


def test_nothing_is_missed_afterwards_and_what_strangers_put_there_stays(
    scene: Rehearsal, old: Callable[..., Any]
) -> None:
    """A dry run removes nothing and says the same; images in their places, ledger and sums stay."""
    folder = scene.root / "output" / "scene"
    first = min((folder / "runs").iterdir(), key=lambda run: run.stat().st_mtime_ns)
    (first / "notes.md").write_text("mine")
    (folder / "superseded" / "mine.png").write_bytes(b"mine")
    (folder / "quarantine" / "mine").mkdir(parents=True)
    before = {path for path in folder.rglob("*") if path.is_file()}
    told = old(dry_run=True)
    assert before <= set(folder.rglob("*"))
    done = old()
    assert told.superseded == done.superseded
    assert [one.path.rpartition(".")[2] for one in done.superseded] == ["webp", "webp"]
    assert done.runs == ()
    assert sorted(first.iterdir()) == [first / "notes.md"]
    assert (folder / "superseded" / "mine.png").read_bytes() == b"mine"
    assert {one.keep for one in done.kept} == {Keep.FOREIGN, Keep.LATEST, Keep.UNKNOWN}
    assert len([path for path in (folder / "images").rglob("*") if path.is_file()]) == 2
    found = maintain.verify(folder)
    assert (found.images, found.damaged, found.missing) == (2, (), ())
    assert old().removed == ()


def test_what_was_pruned_is_paid_again_on_request_only(scene: Rehearsal, old: Callable[..., Any]) -> None:
    """The job is known to be drawn, and its files are known to be gone."""
    old()
    back = scene.manifest([{"id": "{{ a }}", "matrix": {"a": ["lamp", "sofa"]}, "prompt": "A {{ a }}"}])
    calls = len(scene.bill)
    assert {item.gone for item in scene.plan(back)[0].values()} == {1}
    scene.run(back)
    assert len(scene.bill) == calls
    ended = scene.run(back, regenerate_missing=True)
    assert (ended.exit, len(scene.bill)) == (0, calls + 2)
    assert maintain.verify(ended.folder).missing == ()
