"""Derivatives and measures of stored images, beside a run or after it, in processes of their own."""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from threading import Thread, local
from typing import NamedTuple, Self

from batchgen import manifest as manifests
from batchgen.app.config.locate import kept_path
from batchgen.app.output.derive_worker import Made, Task, Wish, make
from batchgen.errors import InputError, StorageError
from batchgen.imaging.digest import digest
from batchgen.imaging.render import extension
from batchgen.ledger import Ledger
from batchgen.model import NO_CHECKS, Checks, Measured, Recipe
from batchgen.model.plain import dump, load
from batchgen.storage import ImageStore, Workspace
from batchgen.storage.derived import DERIVATIVES, Derived, DerivedList
from batchgen.storage.images.store import IMAGES

NO_PIXELS = "an SVG has no pixels: nothing is made of it, and nothing is measured; ask for output_format png instead"
AHEAD = 2
"""Tasks that wait for each process."""
NEEDED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONHOME")
"""Variables that a process needs to start; no key is among them."""


class Source(NamedTuple):
    """A stored image of which derivatives are made."""

    path: str
    sha256: str


class Reference(Source):
    """A file that an edit was drawn from: how it looks is measured, and nothing is made of it."""


@dataclass(slots=True)
class DeriveResult:
    """What was made and kept, counted by file; what failed, by path and why; and how many files carry a flag.

    `measured` are the images that were measured, by hash, and `unmeasured` those that were looked at for anything else.
    """

    made: int = 0
    kept: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    flagged: int = 0
    measured: dict[str, Measured] = field(default_factory=dict)
    unmeasured: set[str] = field(default_factory=set)


class Deriver:
    """Makes what is missing, and measures what was not.

    `add` may be called while others work; `complete` waits for all of it.
    """

    def __init__(
        self,
        workspace: Workspace,
        store: ImageStore,
        recipes: Sequence[Recipe],
        checks: Checks = NO_CHECKS,
        known: Container[str] = (),
        *,
        workers: int | None = None,
    ) -> None:
        """Read what there is; images whose hash is `known` were measured by these checks before.

        `workers` processes work side by side; by default one for each core.
        """
        self._workspace, self._store = workspace, store
        self._recipes = tuple((recipe, digest(recipe)) for recipe in recipes)
        self._lists = {recipe.name: DerivedList(workspace, recipe.name) for recipe in recipes}
        self._checks, self._known = checks, known
        self._workers = workers or os.cpu_count() or 1
        self._queue: SimpleQueue[Source | Reference | Future[Made] | None] = SimpleQueue()
        self._asked: set[Source] = set()
        self._thread: Thread | None = None
        self._broke: Exception | None = None
        self._complete = False
        self._listener: Callable[[], object] = lambda: None
        self.result = DeriveResult()

    def add(self, source: Source) -> None:
        """Have what is missing of an image made; what was added before is left alone."""
        if not (self._recipes or self._checks) or source in self._asked:
            return
        self._asked.add(source)
        if source.path.endswith(".svg"):
            self.result.unmeasured.add(source.sha256)
            self.result.failed.append((source.path, NO_PIXELS))
            return
        self._start()
        self._queue.put(source)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._work, name="derivatives", daemon=True)
            self._thread.start()

    def _is_known(self, sha256: str) -> bool:
        return sha256 in self._known or sha256 in self.result.measured

    def look_at(self, references: Iterable[Reference]) -> None:
        """Have measured how references look; one that is not there any more is passed over."""
        for one in references:
            if not self._is_known(one.sha256):
                self._start()
                self._queue.put(one)

    def complete(self, stored: Sequence[Source], wanted: Sequence[Source]) -> DeriveResult:
        """Make what is left of the wanted images, remove what was made of images that are not stored any more. Blocks.

        Raises StorageError when the disk refuses.
        """
        self._drain()
        self._tidy({source.path for source in stored})
        self._complete = True
        for source in wanted:
            self.add(source)
        self._drain()
        for derived in self._lists.values():
            derived.close()
        self.result.failed.sort()
        return self.result

    def _drain(self) -> None:
        """Wait until everything that was added is made."""
        self.catch_up()
        if self._broke:
            raise self._broke

    def _tidy(self, there: Container[str]) -> None:
        for derived in self._lists.values():
            gone = [source for source in derived.by_source if source not in there]
            for source in gone:
                derived.forget(source)
            if gone:
                derived.close(compact=True)

    def catch_up(self) -> None:
        """Wait until everything that was added so far is made; what broke is told by `complete`. Blocks."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def listen(self, listener: Callable[[], object]) -> None:
        """Call `listener`, in a thread of its own, whenever an image was looked at."""
        self._listener = listener

    def is_done_with(self, sha256: str) -> bool:
        """Whether nothing more will be measured on an image: it was, or it cannot be."""
        return sha256 in self.result.measured or sha256 in self.result.unmeasured or self._broke is not None

    def _work(self) -> None:
        try:
            with Workers(self._store, self._workers) as workers:
                self._feed(workers)
        except Exception as error:  # noqa: BLE001 - told by `_drain`, in the thread that waits
            self._broke = error
        self._listener()

    def _feed(self, workers: "Workers") -> None:
        """Hand out tasks as processes get free, and write down what they made as soon as they have."""
        backlog, under_way, ends = deque[Source | Reference](), 0, False
        while backlog or under_way or not ends:
            match self._queue.get():
                case Future() as done:
                    under_way -= 1
                    self._note(done.result())
                case None:
                    ends = True
                case source:
                    backlog.append(source)
            while backlog and under_way < AHEAD * self._workers:
                if task := self._task(backlog.popleft()):
                    under_way += 1
                    workers.submit(task).add_done_callback(self._queue.put)

    def _task(self, source: Source | Reference) -> Task | None:
        """Say what is to be made of an image; None when everything is there."""
        if isinstance(source, Reference):
            return Task(str(self._workspace.root), "", source.sha256, (), self._checks, source.path)
        wishes = tuple(wish for recipe, hashed in self._recipes if (wish := self._wish(source, recipe, hashed)))
        checks = NO_CHECKS if self._is_known(source.sha256) else self._checks
        return Task(str(self._workspace.root), *source, wishes, checks) if wishes or checks else None

    def _wish(self, source: Source, recipe: Recipe, hashed: str) -> Wish | None:
        derived = self._lists[recipe.name]
        there = derived.by_source.get(source.path)
        path = place(source.path, recipe)
        is_there = self._workspace.exists(path)
        if there and (there.sha256, there.recipe, there.path) == (source.sha256, hashed, path) and is_there:
            self.result.kept += 1
            self.result.flagged += bool(there.flags)
            return None
        if owner := derived.owners.get(path):
            if owner != source.path:
                self._clash(source, path, owner)
                return None
        elif is_there:
            self.result.failed.append((path, "a file that batchgen did not make stands there: move it away"))
            return None
        if there and there.path != path:
            derived.forget(source.path)
        derived.plan(Derived(recipe.name, hashed, source.path, source.sha256, path, 0, 0, 0))
        return Wish(recipe, hashed, path)

    def _clash(self, source: Source, path: str, owner: str) -> None:
        """Leave a path to its owner; while a run goes on, that may be an image which is about to make room."""
        if self._complete:
            self.result.failed.append((path, f"it is made of {owner} already: give one of them another path"))
        else:
            self._asked.discard(source)

    def _note(self, made: Made) -> None:
        for derived in made.derived:
            self._lists[derived.name].add(derived)
            self.result.made += 1
            self.result.flagged += bool(derived.flags)
        if made.measured:
            self.result.measured[made.sha256] = made.measured
        else:
            self.result.unmeasured.add(made.sha256)
        if made.why and made.source:
            self.result.failed.append((made.source, made.why))
        self._listener()


class Workers:
    """Processes that make derivatives, each started when it is first needed, and gone at the end."""

    def __init__(self, store: ImageStore, count: int) -> None:
        """Have at most so many; each gets images as files of this machine, wherever the store keeps them."""
        self._store = store
        self._threads = ThreadPoolExecutor(count, "derivative")
        self._own = local()
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_told: object) -> None:
        """Wait for what is under way, and let the processes end."""
        self._threads.shutdown()
        for process in self._processes:
            with suppress(OSError):
                process.communicate()

    def submit(self, task: Task) -> Future[Made]:
        """Have a task done by whoever is free."""
        return self._threads.submit(self._fetched, task)

    def _fetched(self, task: Task) -> Made:
        if task.file:
            return self._done(task)
        try:
            file = self._store.local_path(task.source)
        except StorageError as error:
            return Made(task.source, task.sha256, why=str(error))
        if file is None:
            return Made(task.source, task.sha256, why="it is not there any more")
        return self._done(replace(task, file=str(file)))

    def _done(self, task: Task) -> Made:
        """Give a task to this thread's own process; a process that died takes only this image with it."""
        if not sys.executable:
            return make(task)
        process = getattr(self._own, "process", None)
        if process is None or process.poll() is not None:
            process = self._own.process = _started()
            self._processes.append(process)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(dump(task).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = b""
        if not line.endswith(b"\n"):  # a process that is killed may leave half a line
            return Made(task.source, task.sha256, why="the process that worked on it ended")
        return load(Made, line.decode())


def _started() -> subprocess.Popen[bytes]:
    package = str(Path(__file__).parents[3])
    paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    needed = {name: os.environ[name] for name in NEEDED if name in os.environ}
    command = (sys.executable, "-m", "batchgen.app.output.derive_worker")
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**needed, "PYTHONPATH": paths},
    )


def place(source: str, recipe: Recipe) -> str:
    """Name the file of a derivative: the image's own path, below the recipe's folder."""
    inside = PurePosixPath(*PurePosixPath(source).parts[1:])
    kind = extension(recipe, inside.suffix.removeprefix("."))
    return str(PurePosixPath(DERIVATIVES, recipe.name, inside.with_name(f"{inside.stem}.{kind}")))


def sources(ledger: Ledger, only: Sequence[str] = ()) -> list[Source]:
    """List the stored images, of the jobs that match when patterns are given."""
    stored = ledger.images.stored()
    wanted = (image for image in stored if not only or any(fnmatchcase(image.job_id, one) for one in only))
    return [Source(image.path, image.sha256) for image in wanted if image.path.startswith(f"{IMAGES}/")]


def derive_output(output: Path, manifest: Path | None = None, only: Sequence[str] = ()) -> DeriveResult:
    """Make what is missing in an output, by the recipes of its latest run's manifest, or of another one. Blocks.

    Raises InputError when there is no such manifest, or it has no recipe.
    """
    from batchgen.app.output.maintain import opened

    with opened(output, readonly=True) as (ledger, workspace, store):
        recipes = _recipes(manifest or manifest_of(ledger, workspace.root))
        with workspace.lock():
            return derive(workspace, store, ledger, recipes, only)


def manifest_of(ledger: Ledger, output: Path) -> Path:
    """Return the manifest that the latest run read."""
    for run in ledger.runs.latest_first():
        with suppress(ValueError):
            if path := json.loads(run.command).get("manifest"):
                return kept_path(path, output)
    raise InputError("no run of this folder says which manifest it read: name one with --manifest FILE")


def _recipes(path: Path) -> tuple[Recipe, ...]:
    recipes = manifests.load(path).settings.derivatives
    if not recipes:
        raise InputError(f"{path} has no `derivatives`: add some, such as derivatives: {{web: {{max_edge: 1600}}}}")
    return recipes


def derive(
    workspace: Workspace, store: ImageStore, ledger: Ledger, recipes: Sequence[Recipe], only: Sequence[str] = ()
) -> DeriveResult:
    """Make the derivatives of an output that are missing or whose recipe or image changed."""
    return Deriver(workspace, store, recipes).complete(sources(ledger), sources(ledger, only))
