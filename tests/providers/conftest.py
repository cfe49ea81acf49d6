"""Parts in memory, and the ways to feed a decoder."""

import itertools
from collections.abc import Iterable
from typing import Any

import pytest

from batchgen.providers.base64_span import DecodeError, Parts
from batchgen.providers.decode import Decoder, Document
from batchgen.providers.images import FIELDS


class Memory:
    """Parts that only remember."""

    def __init__(self) -> None:
        self.parts: dict[int, bytearray] = {}

    def open(self, index: int) -> "MemoryPart":
        """Return a new part."""
        assert index not in self.parts
        self.parts[index] = bytearray()
        return MemoryPart(self.parts[index])


class MemoryPart:
    """One part."""

    def __init__(self, data: bytearray) -> None:
        self.data = data

    def write(self, *pieces: bytes) -> None:
        """Add bytes."""
        self.data += b"".join(pieces)

    def close(self) -> None:
        """No more come."""


class Decoded:
    """What a decoder made of some chunks."""

    def __init__(self, chunks: Iterable[bytes], *, buffer: bytearray | None = None, **options: Any) -> None:
        memory = Memory()
        decoder = Decoder(Parts(memory.open, options.pop("cap", 1 << 20)), FIELDS, **options)
        self.error: str | None = None
        try:
            for chunk in chunks:
                if buffer is None:
                    decoder.feed(chunk)
                    continue
                buffer[:] = chunk + b'Zg"]}' * (1 + len(buffer) // 5)
                decoder.feed(buffer, len(chunk))
                buffer[:] = b"A" * len(buffer)
        except DecodeError as error:
            self.error = error.code
        self.document: Document = decoder.close()
        self.parts = memory.parts

    @property
    def whole(self) -> list[bytes]:
        """The bytes of every whole image."""
        return [bytes(self.parts[r.part]) for r in self.document.runs if r.state == "whole" and r.part is not None]

    @property
    def view(self) -> tuple[Any, ...]:
        """Everything that must not depend on where the chunks were cut."""
        states = tuple(run.state for run in self.document.runs)
        return self.document.value, self.document.whole, self.document.kind, states, self.whole, self.error


@pytest.fixture(scope="session")
def decoded() -> type[Decoded]:
    """Decode chunks."""
    return Decoded


@pytest.fixture(scope="session")
def cut() -> Any:
    """Cut bytes at places."""

    def cut_at(data: bytes, places: Iterable[int]) -> list[bytes]:
        edges = [0, *sorted({p % (len(data) + 1) for p in places}), len(data)]
        return [data[a:b] for a, b in itertools.pairwise(edges)]

    return cut_at
