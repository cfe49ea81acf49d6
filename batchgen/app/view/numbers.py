"""Numbers for images: a browser asks for an image by its number, and never by a path."""

from collections.abc import Iterator
from pathlib import PurePath
from threading import Lock
from typing import NamedTuple

from batchgen.ledger import EarlierRow, ImageRow
from batchgen.model import FileImage
from batchgen.viewer import NoSuchThing


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
    """Gives each image a number, always the same one. May be used by several threads."""

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
