"""Whatever people do, in whatever order: approved images stay as they are, and the bill is the ledger's."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from batchgen.app.output.maintain import opened
from batchgen.app.output.prune import prune
from tests.rehearsal import Ended
from tests.review.conftest import Looked

POINTS = (
    "ledger.reserve.after_commit",
    "storage.finish.after_answer",
    "storage.publish.after_aside",
    "storage.publish.after_sync",
    "ledger.settle.before_commit",
    "ledger.settle.after_commit",
    "ledger.remember.after_commit",
    "ledger.moved.before_commit",
    "ledger.cleared.before_commit",
)


class Died(BaseException):
    """The run ends here, as if killed."""


@dataclass
class History:
    """What one person does with a catalogue; `frozen` are the bytes of what was approved, by place."""

    looked: Looked
    chance: Random
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    path: str = "{{ id }}-{{ index }}.{{ ext }}"
    frozen: dict[str, bytes] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("lamp", "chair", "stool"):
            self.jobs[name] = {"id": name, "prompt": f"A {name}", "n": 2, "rows": [{"sku": name[:2]}]}

    @property
    def manifest(self) -> Any:
        """The manifest as it is now."""
        return self.looked.manifest(list(self.jobs.values()), output={"path": self.path})

    def step(self) -> None:
        """Do one thing, then look."""
        acts = (self.edit, self.edit, self.review, self.review, self.run, self.redraw, self.die, self.prune)
        act = self.chance.choice(acts)
        self.told.append(act.__name__)
        act()
        now = self.looked.images()
        for place, data in self.frozen.items():
            assert now.get(place) == data, f"{place} after {self.told}"

    def edit(self) -> None:
        """Change one thing of one job, or where all images go."""
        job = self.jobs[self.chance.choice(list(self.jobs))]
        change = self.chance.choice(("prompt", "quality", "output_format", "id", "n", "path"))
        self.told.append(change)
        if change == "path":
            self.path = self.chance.choice(("{{ id }}-{{ index }}.{{ ext }}", "{{ sku }}-{{ index }}.{{ ext }}"))
            return
        values: dict[str, tuple[Any, ...]] = {
            "prompt": (f"A {job['rows'][0]['sku']}", f"A small {job['rows'][0]['sku']}"),
            "quality": ("low", "medium"),
            "output_format": ("webp", "png"),
            "id": (f"{job['rows'][0]['sku']}-one", f"{job['rows'][0]['sku']}-two"),
            "n": (1, 2, 3),
        }
        job[change] = self.chance.choice(values[change])

    def review(self) -> None:
        """Decide about some images of the last report."""
        ended = Ended(0, {}, self.looked.folder)
        if not (ended.folder / "report" / "images.csv").exists():
            return
        rows = [row for row in ended.table("images") if row["state"] == "stored"]
        for row in self.chance.sample(rows, min(len(rows), 2)):
            decision = self.chance.choice(("approved", "rejected"))
            told = {"job": row["job_id"], "key": row["job_key"], "slot": int(row["slot"]), "sha256": row["sha256"]}
            note = self.chance.choice(("", "blue", "green"))
            result = self.looked.review({**told, "decision": decision, "note": note})
            place = row["path"].removeprefix("images/")
            if result.approved:
                self.frozen[place] = (ended.folder / row["path"]).read_bytes()
            elif result.rejected:
                self.frozen.pop(place, None)

    def run(self, **options: Any) -> Ended:
        """Run; once more is free of charge, and tells nothing that is old."""
        ended = self.looked.run(self.manifest, **options)
        assert ended.exit in {0, 3, 7}, (ended.exit, ended.why or ended.summary.get("why"), self.told)
        calls = len(self.looked.bill)
        again = self.looked.run(self.manifest, **options)
        assert again.exit in {ended.exit, 0 if ended.exit == 3 else ended.exit}, self.told
        assert len(self.looked.bill) == calls, self.told
        at_risk = int(again.summary["money"]["at_risk_micro_usd"])
        assert again.charged <= self.looked.billed <= again.charged + at_risk, self.told
        return ended

    def redraw(self) -> None:
        """Draw what was rejected."""
        self.run(rejected=True)

    def prune(self) -> None:
        """Remove what is old, which is everything after a year: no sum changes, and nothing is missed or in doubt."""
        folder = self.looked.folder
        before = self.books()
        result = prune(folder, 3600, now=datetime.now(UTC) + timedelta(days=365))
        after = self.books()
        assert after == before, self.told
        left = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
        assert not left & {one.path for one in result.removed}
        with opened(folder, readonly=True) as output:
            for orphan in output.ledger.attempts.orphans():
                assert f"runs/{orphan.run_id}" in left, self.told
        again = prune(folder, 3600, now=datetime.now(UTC) + timedelta(days=365))
        assert (again.removed, again.kept) == ((), result.kept)

    def books(self) -> tuple[object, ...]:
        """Every sum, every fault of the books, and every image that is missed."""
        with opened(self.looked.folder, readonly=True) as output:
            accounts = output.ledger.accounts
            sums = (accounts.totals(), accounts.waste(), accounts.audit())
            there = [
                (image.path, output.store.head(image.path) is not None)
                for image in output.ledger.images.stored()
                if not image.path.startswith("superseded/")
            ]
        return sums, there

    def die(self) -> None:
        """Check that a run that may be killed, of either kind."""
        point, passing = self.chance.choice(POINTS), self.chance.randint(1, 2)
        count = 0

        def at(name: str) -> None:
            nonlocal count
            count += name == point
            if count >= passing and name == point:
                raise Died(name)

        try:
            self.looked.run(self.manifest, at=at, rejected=self.chance.random() < 0.5)
        except BaseException as error:
            if not (point in repr(error) or "unhandled" in str(error)):
                raise


def lived(looked: Looked, seed: int, steps: int) -> None:
    """Live through a history, and end it."""
    history = History(looked, Random(seed))
    history.run()
    for _ in range(steps):
        history.step()
    history.run()


def test_a_short_history(looked: Looked) -> None:
    """Edits, decisions, runs, redraws and deaths."""
    lived(looked, 4, 8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_long_histories(looked: Looked, seed: int) -> None:
    """The same with more steps and seeds."""
    lived(looked, seed, 25)
