"""One output as its page asks for it: read from the ledger as it is now, and decisions written into it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import takewhile
from pathlib import Path, PurePath
from threading import Lock
from typing import Any, NamedTuple

from batchgen import reporter
from batchgen.app.config.locate import find_ledger
from batchgen.app.control.control import control, user
from batchgen.app.control.orders import Answer, By, Do, Order
from batchgen.app.output.maintain import live_status, opened
from batchgen.app.review.decisions import decide
from batchgen.errors import StorageError
from batchgen.ledger import EarlierRow, ImageRow
from batchgen.model import FileImage
from batchgen.money import MicroUSD, from_usd
from batchgen.reporter import beside, live, thumbs
from batchgen.reporter.gallery import PAINTED
from batchgen.reporter.page_data import PageData
from batchgen.storage import ImageStore, Workspace
from batchgen.viewer import Found, News, NoSuchThing
from batchgen.viewer.page_source import Known

LATE = timedelta(seconds=5)
"""What is written down may be seen so much later: several calls share a transaction."""
SHARE = 20
"""What took a second of a processor is done again after so many seconds."""
Mark = tuple[tuple[int, int], ...]


class Numbered(NamedTuple):
    """What is known of an image: one that is stored, or a file that was sent."""

    path: str
    sha256: str
    format: str
    sent: bool = False

    @classmethod
    def of(cls, image: ImageRow | EarlierRow | FileImage) -> "Numbered":
        """Describe an image."""
        if isinstance(image, FileImage):
            return cls(image.path, image.sha256, PurePath(image.path).suffix.lower().removeprefix("."), sent=True)
        return cls(image.path or "", image.sha256 or "", image.format or "")


class Numbers:
    """Gives each image a number, always the same one: a browser asks for an image by it, and never by a path.

    May be used by several threads.
    """

    def __init__(self) -> None:
        self._one_at_a_time = Lock()
        self._numbers: dict[Numbered, int] = {}
        self._images: list[Numbered] = []
        self._told = 0

    def give(self, one: ImageRow | EarlierRow | FileImage) -> int:
        """Return the number of an image."""
        image = Numbered.of(one)
        with self._one_at_a_time:
            if image not in self._numbers:
                self._numbers[image] = len(self._images)
                self._images.append(image)
            return self._numbers[image]

    def new(self) -> Iterator[int]:
        """Go through the numbers that were given since this was last asked; the latest first."""
        with self._one_at_a_time:
            since, self._told = self._told, len(self._images)
        return reversed(range(since, self._told))

    def find(self, number: int) -> Numbered:
        """Return the image of a number; NoSuchThing when none has it."""
        with self._one_at_a_time:
            if not 0 <= number < len(self._images):
                raise NoSuchThing
            return self._images[number]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look at the whole output found; it may be shown until a moment, though the ledger changes."""

    mark: Mark
    kept: PageData
    as_of: str
    until: float


@dataclass
class OutputPage:
    """The output of one folder. Every method may be called by several threads at once."""

    root: Path
    store: ImageStore
    numbers: Numbers = field(default_factory=Numbers)
    decided: bool = False
    """Whether the report, which is a file, says less than the ledger."""
    _making: Lock = field(default_factory=Lock)
    _seen: "_Seen | None" = None
    _sums: tuple[Mark, Sequence[str], Mapping[str, Any]] | None = None
    _withdrawn: list[tuple[str, int]] = field(default_factory=list)
    _sums_until: float = 0.0
    _quiet: tuple[str, Mark] = ("", ())

    def page(self) -> str:
        return live.page(self._look().kept)

    def data(self) -> Mapping[str, Any]:
        seen = self._look()
        return {**live.data(seen.kept, self.numbers.give), "as_of": seen.as_of}

    def news(self, since: str, known: Known | None = None) -> News:
        told = {} if known is None else known
        now, mark = datetime.now(UTC).isoformat(), self._mark()
        moment = _moment(since)
        waits = known is not None and bool(self._withdrawn)
        if moment is None or (known is not None and self._quiet == (since, mark) and not waits):
            rows, before = list[ImageRow](), dict[tuple[str, int], EarlierRow]()
        else:
            count = 0 if known is None else len(self._withdrawn)  # those who connect find them in the data
            rows, before = self._changed(moment - LATE, told, self._withdrawn[:count])
            del self._withdrawn[:count]
        if not rows:
            self._quiet = (now, mark)
        told.update({(row.job_key, row.slot): _version(row) for row in rows})
        blocks = self._seen.kept.blocks.of if self._seen else {}
        images = live.described(rows, self.numbers.give, blocks=blocks, before=before) if rows else None
        return News(self._progress(mark), images, now)

    def image(self, number: int) -> Found:
        image = self.numbers.find(number)
        if image.format not in PAINTED:
            raise NoSuchThing
        return self._open(image)

    def thumb(self, number: int) -> Found:
        image = self.numbers.find(number)
        if image.format not in PAINTED:
            raise NoSuchThing
        path, workspace = f"{thumbs.HOME}/{image.sha256}.webp", Workspace(self.root)
        with suppress(StorageError):
            if workspace.exists(path):
                return Found(workspace.open(path), "webp", image.sha256)
        return self._made(image, path)

    def ahead(self, goes_on: Callable[[], bool]) -> None:
        for number in takewhile(lambda _: goes_on(), self.numbers.new()):
            with suppress(NoSuchThing, StorageError):
                self.thumb(number).file.close()

    def bundle(self, numbers: Sequence[int]) -> Iterator[Found]:
        for number in dict.fromkeys(numbers):
            with suppress(NoSuchThing, StorageError):  # one that is gone keeps nobody from the others
                yield self._open(self.numbers.find(number))

    def decide(self, decisions: Sequence[Any]) -> Mapping[str, Any]:
        why = decide(self.root, decisions)
        self.decided = self.decided or not all(why)
        taken = (one for one, out in zip(decisions, why, strict=True) if not out)
        # What was taken back leaves nothing in the ledger that others could see as news.
        self._withdrawn += [(one["key"].strip(), int(one["slot"])) for one in taken if not one.get("decision")]
        if self._seen:
            self._seen = replace(self._seen, until=0.0)  # who loads the page again sees what was decided
        return {"taken": sum(not one for one in why), "left_out": why}

    def control(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            asked = Order(Do(order.get("do", "")), order.get("concurrency"), _money(order), By.PAGE, user())
        except ValueError as error:
            return asdict(Answer(taken=False, why=str(error)))
        return asdict(control(self.root, asked))

    def _look(self) -> "_Seen":
        """Look at the whole output; an earlier look will do where nothing has changed, or where it took long.

        What has changed since then comes as news, as the page says of when it is.
        """
        with self._making:
            seen, mark = self._seen, self._mark()
            if seen is None or (seen.mark != mark and time.monotonic() >= seen.until):
                began, as_of = time.thread_time(), datetime.now(UTC).isoformat()
                with opened(self.root, readonly=True) as (ledger, workspace, _):
                    kept = live.look(ledger, workspace.root)
                until = time.monotonic() + SHARE * (time.thread_time() - began)
                seen = self._seen = _Seen(mark, kept, as_of, until)
            return seen

    def _mark(self) -> Mark:
        """Say what changes whenever the ledger does: size and time of its files."""
        ledger = find_ledger(self.root)
        return tuple(map(_looks, (ledger, ledger.with_name(f"{ledger.name}-wal"))))

    def _changed(
        self, since: datetime, told: Known, withdrawn: Sequence[tuple[str, int]]
    ) -> tuple[list[ImageRow], dict[tuple[str, int], EarlierRow]]:
        """Find images that changed, with what stood in their places before."""
        with opened(self.root, readonly=True) as (ledger, _, _), ledger.snapshot():
            changed = (*ledger.report_rows.images_since(since), *ledger.report_rows.images_of(withdrawn))
            found = {(row.job_key, row.slot): row for row in changed}
            rows = [
                row
                for row in found.values()
                if not row.superseded and told.get((row.job_key, row.slot)) != _version(row)
            ]
            return rows, beside.before(ledger, {row.job_key for row in rows}) if rows else {}

    def _progress(self, mark: Mark) -> Mapping[str, Any]:
        """Say where the run and the whole output stand.

        Sums are made again when the ledger has changed, and so that they take a small part of a processor at most.
        """
        if self._sums is None or (self._sums[0] != mark and time.monotonic() >= self._sums_until):
            began = time.thread_time()
            with opened(self.root, readonly=True) as (ledger, _, _):
                runs = tuple(run.run_id for run in ledger.runs.latest_first())
                sums = reporter.summary(ledger)
            self._sums = (mark, runs, {name: sums[name] for name in ("jobs", "images", "money", "waste")})
            self._sums_until = time.monotonic() + SHARE * (time.thread_time() - began)
        _, known, whole = self._sums
        return {**(live_status(Workspace(self.root), known, datetime.now(UTC)) or {}), **whole}

    def _open(self, image: Numbered) -> Found:
        if image.sent:
            return Found(thumbs.sent(Path(image.path), image.sha256), image.format, image.sha256)
        there = self.store.head(image.path)
        return Found(
            self.store.open(image.path),
            image.format,
            image.sha256,
            image.path.partition("/")[2],
            there.bytes if there else None,
        )

    def _made(self, image: Numbered, path: str) -> Found:
        """Make the small copy of an image; where that cannot be done, the image stands for itself."""
        original = self._open(image)
        with original.file:
            small = thumbs.thumbnail(original.file)
        if small is None:
            return self._open(image)
        with suppress(StorageError):  # an archive that cannot be written to is looked at all the same
            workspace = Workspace(self.root)
            workspace.make(thumbs.HOME)
            workspace.write(path, small, durable=False)
        return Found(BytesIO(small), "webp", image.sha256, bytes=len(small))


def _money(order: Mapping[str, Any]) -> MicroUSD | None:
    """Read an amount of dollars as a person wrote it."""
    amount = order.get("max_cost")
    return None if amount is None else from_usd(str(amount))


def _looks(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_size, found.st_mtime_ns)


def _version(row: ImageRow) -> tuple[Any, ...]:
    return (row.state, row.attempt_id, row.changed, row.review, row.note)


def _moment(text: str) -> datetime | None:
    """Read a moment that a page was told; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
