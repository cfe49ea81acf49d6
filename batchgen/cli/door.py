"""What the command line asks of `batchgen.app`, and what it reads in the answers: the only door downstairs.

`batchgen.app` itself is a `Door`; tests pass another. Answers are described by what is read from them, so that the
rooms below may return their own types.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from batchgen.app.config.options import Options
from batchgen.errors import Exit, Problem
from batchgen.model.job import Job
from batchgen.model.provider import Model, Provider
from batchgen.money import MicroUSD


class ManifestSummary(Protocol):
    """The accounting line of a manifest: rows read = planned + skipped + rejected; images wanted.

    `more` counts errors that are not told, as there are too many.
    """

    @property
    def rows(self) -> int: ...
    @property
    def planned(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def images(self) -> int: ...
    @property
    def more(self) -> int: ...


class CheckResult(Protocol):
    """Every problem found, errors and warnings, at most 50; what the manifest holds."""

    @property
    def problems(self) -> Sequence[Problem]: ...
    @property
    def census(self) -> ManifestSummary: ...


class Costs(Protocol):
    """What something may cost, in micro-dollars; `high` is an upper bound."""

    @property
    def low(self) -> MicroUSD: ...
    @property
    def expected(self) -> MicroUSD: ...
    @property
    def high(self) -> MicroUSD: ...


class CostRow(Costs, Protocol):
    """One line of the cost table: what the jobs of one kind may cost. `size` and `quality` may be `auto`."""

    @property
    def model(self) -> str: ...
    @property
    def size(self) -> str: ...
    @property
    def quality(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def jobs(self) -> int: ...
    @property
    def images(self) -> int: ...


class TagRow(Costs, Protocol):
    """What the jobs that carry one value of one tag may cost."""

    @property
    def tag(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def jobs(self) -> int: ...
    @property
    def images(self) -> int: ...


class CompareRow(Protocol):
    """The same manifest elsewhere: its price, None when there is none; `refused` says why, or what would not run.

    `route` is `sync`, or `batch` for the vendor's Batch API.
    """

    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def quality(self) -> str: ...
    @property
    def route(self) -> str: ...
    @property
    def expected(self) -> MicroUSD | None: ...
    @property
    def refused(self) -> Sequence[str]: ...


class Estimate(Costs, Protocol):
    """What is left to do and what it may cost; what is stored already is not counted. `wall_seconds` is a guess.

    `later` is what waits for somebody's approval, and in no other number.
    """

    @property
    def jobs(self) -> int: ...
    @property
    def images(self) -> int: ...
    @property
    def calls(self) -> int: ...
    @property
    def wall_seconds(self) -> float: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def rows(self) -> Sequence[CostRow]: ...
    @property
    def later(self) -> Sequence[CostRow]: ...
    @property
    def tags(self) -> Sequence[TagRow]: ...
    @property
    def warnings(self) -> Sequence[Problem]: ...


class EstimateResult(Estimate, Protocol):
    """An estimate; with `compare`, the same manifest on every other provider."""

    @property
    def compare(self) -> Sequence[CompareRow]: ...


class Planned(Protocol):
    """One job, what would happen to it (a word of `batchgen plan --help`), why, and to which slots."""

    @property
    def job(self) -> Job: ...
    @property
    def action(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def slots(self) -> Sequence[int]: ...
    @property
    def quote(self) -> Costs | None: ...


class PlanResult(Protocol):
    """A stream of planned jobs; `estimate` is complete once `rows()` has been walked to its end."""

    def rows(self) -> Iterator[Planned]: ...

    @property
    def estimate(self) -> Estimate: ...


class Progress(Protocol):
    """Where a run stands; `jobs_total` is None while the manifest is still being read, `cap` None without a limit."""

    @property
    def jobs_done(self) -> int: ...
    @property
    def jobs_total(self) -> int | None: ...
    @property
    def images_stored(self) -> int: ...
    @property
    def images_wanted(self) -> int: ...
    @property
    def spent(self) -> MicroUSD: ...
    @property
    def cap(self) -> MicroUSD | None: ...
    @property
    def images_per_minute(self) -> float: ...
    @property
    def eta_seconds(self) -> float | None: ...
    @property
    def retries(self) -> int: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def state(self) -> str: ...


class RunResult(Protocol):
    """How a run ended. `summary` is the object of `run --json`.

    It is empty when a lock was skipped, and has no `run_id` when the run could not even be written down. `problems` are
    what the user should know, warnings among them; `report` is the page, None when none was written.
    """

    @property
    def summary(self) -> Mapping[str, Any]: ...
    @property
    def exit(self) -> Exit: ...
    @property
    def problems(self) -> Sequence[Problem]: ...
    @property
    def output(self) -> Path | None: ...
    @property
    def report(self) -> Path | None: ...


class VerifyResult(Protocol):
    """Stored images read again: how many, how many bytes; the damaged (path, what is wrong) and the missing."""

    @property
    def images(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def damaged(self) -> Sequence[tuple[str, str]]: ...
    @property
    def missing(self) -> Sequence[str]: ...


class ReconcileResult(Protocol):
    """A bill against the ledger, in micro-dollars.

    `settled` was counted before; of what was at risk, `confirmed` is on the bill, `cleared` is not and `at_risk` stays
    open. `unexplained` is the rest of the bill, negative when the bill is below what is settled.
    """

    @property
    def billed(self) -> MicroUSD: ...
    @property
    def settled(self) -> MicroUSD: ...
    @property
    def confirmed(self) -> MicroUSD: ...
    @property
    def cleared(self) -> MicroUSD: ...
    @property
    def at_risk(self) -> MicroUSD: ...
    @property
    def unexplained(self) -> MicroUSD: ...


class Held(Protocol):
    """A job that waits for a decision, with the money that may have been spent on it."""

    @property
    def job_id(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def at_risk(self) -> MicroUSD: ...


class ReviewResult(Protocol):
    """What a file of decisions came to; `left_out` are images that are others by now, or unknown."""

    @property
    def approved(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def left_out(self) -> Sequence[Problem]: ...


class AdoptResult(Protocol):
    """A ledger rebuilt: jobs and images found again, and files that nobody can explain (relative paths)."""

    @property
    def jobs(self) -> int: ...
    @property
    def images(self) -> int: ...
    @property
    def unknown(self) -> Sequence[str]: ...


class Finding(Protocol):
    """One thing the doctor looked at: `level` is ok, warn or bad; `exit` is what a bad one leads to."""

    @property
    def name(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def exit(self) -> Exit: ...


class Watch(Protocol):
    """What a run tells while it works, and asks before it starts; called from the run's own thread.

    `attended` says that a person sits at a terminal. `on_note` takes a line worth attention; an urgent one (draining
    after a signal) is shown even when quiet. `ask` answers True without asking under `--yes`, False when nobody is
    there.
    """

    @property
    def attended(self) -> bool: ...

    def on_progress(self, progress: Progress, /) -> None: ...

    def on_note(self, text: str, /, *, urgent: bool = False) -> None: ...

    def ask(self, question: str, /) -> bool: ...


class Door(Protocol):
    """One function for each command. All of them raise `BatchgenError`."""

    def check(self, manifest: Path, options: Options, /) -> CheckResult: ...

    def plan(self, manifest: Path, options: Options, /) -> PlanResult: ...

    def estimate(self, manifest: Path, options: Options, /, *, compare: bool) -> EstimateResult: ...

    def run(self, manifest: Path, options: Options, watch: "Watch", /) -> RunResult: ...

    def early_end(self, manifest: Path, options: Options, status: Exit, why: str, /) -> Mapping[str, Any]:
        """The object of `run --json` when `run` has none; writes nothing and raises nothing."""

    def status(self, output: Path | None, /) -> Mapping[str, Any]: ...

    def report(self, output: Path | None, /) -> Iterable[Path]: ...

    def verify(self, output: Path | None, /) -> VerifyResult: ...

    def reconcile(self, output: Path | None, /, *, billed: MicroUSD, since: date | None) -> ReconcileResult: ...

    def resolve(self, output: Path | None, /, *, decision: str | None, only: tuple[str, ...]) -> Sequence[Held]:
        """Held jobs that match; with a decision (`retry` or `fail`), those that were decided."""

    def review(self, path: Path, output: Path | None, /) -> ReviewResult: ...

    def adopt(self, output: Path | None, /) -> AdoptResult: ...

    def doctor(self, provider: str | None, base_url: str | None, /) -> Iterable[Finding]: ...

    def models(self) -> Sequence[Model]: ...

    def providers(self) -> Sequence[Provider]: ...

    def schema(self) -> Mapping[str, Any]: ...

    def secrets(self) -> Sequence[str]:
        """Values that must never be shown, such as API keys of the environment; never raises."""

    def open_output(self) -> Path | None:
        """Folder of the run that was begun, where a traceback may be left; None without one; never raises."""
