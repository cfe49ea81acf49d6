"""The parts of one answer while it arrives: opened as they are needed, closed together, described by their facts."""

from batchgen.storage import Part, PartFacts, Spool


class Intake:
    """Opens numbered parts in one spool. Its methods raise StorageError when the disk refuses."""

    def __init__(self, spool: Spool) -> None:
        """Make nothing yet: an answer without pictures leaves no folder behind."""
        self.spool = spool
        self.facts: dict[int, PartFacts] = {}
        self._open: dict[int, Part] = {}
        self._count = 0

    @property
    def last(self) -> int:
        """The number of the newest part."""
        return self._count - 1

    def open(self, index: int) -> Part:
        """A part by the number that a decoder gives it."""
        self._count = max(self._count, index + 1)
        part = self._open[index] = self.spool.part(index)
        return part

    def next(self) -> Part:
        """A part after all others."""
        return self.open(self._count)

    def write_text(self, text: bytes) -> None:
        """Keep text as a part of its own."""
        part = self.next()
        part.write(text)
        self.close()

    def close(self) -> None:
        """No more bytes come for what is open now."""
        while self._open:
            index, part = self._open.popitem()
            self.facts[index] = part.close()
