"""What matters first is drawn first, and what a job is does not hang on it."""

from tests.rehearsal import Rehearsal

IDS = {"a": "low", "b": "", "c": "2", "d": "high", "e": "normal", "f": "-3"}
JOBS = [{"id": name, "prompt": f"A {name}", "priority": priority} for name, priority in IDS.items()]


def test_a_limit_ends_behind_the_jobs_of_the_largest_priority(scene: Rehearsal) -> None:
    """Ties go by the manifest; the rest comes with the next run, and changed priorities buy nothing."""
    manifest = scene.manifest(JOBS)
    drawn, exits = [], []
    for _ in range(3):
        ended = scene.run(manifest, max_images=2, concurrency=1)
        exits.append(ended.exit)
        rows, _ = scene.plan(manifest)
        drawn.append({name for name, item in rows.items() if item.action.value == "stored"})
    assert drawn == [{"c", "d"}, {"b", "c", "d", "e"}, set(IDS)]
    assert exits[-1] == 0
    again = scene.manifest([{**job, "priority": "7"} for job in JOBS])
    rows, _ = scene.plan(again)
    assert {item.action.value for item in rows.values()} == {"stored"}
