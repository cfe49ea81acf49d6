"""The parts of one answer while it arrives: opened as they are needed, closed together, described by their facts.

A disk that fills up while a paid answer arrives does not cost the answer: with a second folder on another disk, what
came moves there and the rest follows.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock

from batchgen.errors import StorageError
from batchgen.storage import Part, PartFacts, Spool, Workspace

_PIECE = 1024 * 1024
_ONE_AT_A_TIME = Lock()


class FailoverPart:
    """A part that moves to the second spool when the first one refuses its bytes."""

    def __init__(self, intake: "PartWriter", index: int) -> None:
        """Open the part."""
        self._intake = intake
        self._index = index
        self.part = intake.begin(index)

    def write(self, *pieces: bytes) -> None:
        """Add bytes; StorageError when both spools refuse them."""
        try:
            self.part.write(*pieces)
        except StorageError as error:
            self.part = self._intake.move(self._index, self.part, error)
            self.part.write(*pieces)

    def close(self) -> None:
        """No more bytes come."""
        self._intake.end(self._index)


class PartWriter:
    """Opens numbered parts in one spool. Its methods raise StorageError when the disk refuses and none is to spare."""

    def __init__(self, spool: Spool, spare: Spool | None = None) -> None:
        """Make nothing yet: an answer without images leaves no folder behind."""
        self.spool = spool
        self.spare = spare
        self.refused: StorageError | None = None
        self.facts: dict[int, PartFacts] = {}
        self._open: dict[int, FailoverPart] = {}
        self._count = 0

    @property
    def last(self) -> int:
        """The number of the newest part."""
        return self._count - 1

    def open(self, index: int) -> FailoverPart:
        """Return a part by the number that a decoder gives it."""
        self._count = max(self._count, index + 1)
        part = self._open[index] = FailoverPart(self, index)
        return part

    def next(self) -> FailoverPart:
        """Return a part after all others."""
        return self.open(self._count)

    def write_text(self, text: bytes) -> None:
        """Keep text as a part of its own."""
        self.next().write(text)
        self.close()

    def close(self) -> None:
        """No more bytes come for what is open now."""
        for index in tuple(self._open):
            self.end(index)

    def end(self, index: int) -> None:
        """No more bytes come for one part."""
        if safe := self._open.pop(index, None):
            self.facts[index] = safe.part.close()

    def drop(self, index: int) -> None:
        """Forget a part that nobody wants. Blocks."""
        self.end(index)
        if facts := self.facts.pop(index, None):
            facts.path.unlink(missing_ok=True)

    def begin(self, index: int) -> Part:
        """Open a part where there is room."""
        if self.refused is None:
            try:
                return self.spool.part(index)
            except StorageError as error:
                self.give_up(error)
        return self._other().part(index)

    def move(self, index: int, part: Part, error: StorageError) -> Part:
        """Take what a part holds to the second spool."""
        good = part.bytes
        part.close()
        self.give_up(error)
        moved = self._other().part(index)
        _copy(part.path, moved, good)
        return moved

    def rescue(self, answer: Mapping[str, object]) -> None:
        """Finish the whole answer in the second spool; StorageError, the first one's, where there is none."""
        other = self._other()
        for index, facts in self.facts.items():
            if facts.path.parent != other.path:
                part = other.part(index)
                _copy(facts.path, part, facts.bytes)
                part.close()
        other.finish(answer)

    def give_up(self, error: StorageError) -> None:
        """Return the first spool refuses: from now on the second one takes everything, if there is one."""
        self.refused = self.refused or error
        if self.spare is None:
            raise error

    def _other(self) -> Spool:
        if self.spare is None:
            raise self.refused or StorageError(f"{self.spool.path}: no room")
        return self.spare


def bring_home(away: Workspace, home: Workspace) -> tuple[str, ...]:
    """Move answers that were saved to a second folder into the spool of their own; returns their attempts. Blocks.

    Called before recovery, which then finishes them like any other. StorageError while there is still no room: nothing
    is lost then. Doing it again after a crash is harmless; executors of several providers do it one after the other.
    """
    with _ONE_AT_A_TIME:
        return tuple(_brought_home(away, home))


def _brought_home(away: Workspace, home: Workspace) -> Iterator[str]:
    for attempt_id in away.spools():
        source, target = away.spool(attempt_id), home.spool(attempt_id)
        answer = source.read()
        if answer is None:
            source.discard()
            continue
        if target.read() is None:
            if target.path.exists():
                target.discard()
            for path in sorted(source.path.glob("*.part")):
                part = target.part(int(path.stem))
                _copy(path, part, path.stat().st_size)
                part.close()
            target.finish(answer)
        source.remove()
        yield attempt_id


def _copy(source: Path, part: Part, size: int) -> None:
    with source.open("rb") as file:
        while size > 0 and (piece := file.read(min(_PIECE, size))):
            part.write(piece)
            size -= len(piece)
