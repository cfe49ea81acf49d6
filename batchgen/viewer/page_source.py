"""What the server asks of whoever knows the output. Every method blocks, and belongs into a thread."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol


class NoSuchThing(Exception):
    """There is nothing under this number."""


@dataclass(frozen=True, slots=True)
class Found:
    """The bytes of an image, its format, and a name that its contents have and no other contents do."""

    file: BinaryIO
    format: str
    sha256: str
    name: str = ""
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What changed since a moment: where the run stands, and images as the page knows them; `until` is that moment."""

    progress: Mapping[str, Any] | None
    images: Mapping[str, Any] | None
    until: str


Known = dict[tuple[str, int], Any]
"""What somebody was told of images, by key and slot; the source keeps it up to date."""


class PageSource(Protocol):
    """One output, as its page asks for it. Images go by numbers, which mean what the source gave them to."""

    def page(self) -> str:
        """Render the page."""

    def data(self) -> Mapping[str, Any]:
        """Describe every image that the page shows."""

    def news(self, since: str, known: Known | None = None) -> News:
        """Tell what changed since a moment that this source named before; nothing of what is `known` already."""

    def image(self, number: int) -> Found:
        """Open an image that a browser only paints; NoSuchThing for any other number."""

    def thumb(self, number: int) -> Found:
        """Open the small copy of an image, made now where there is none yet; NoSuchThing as before."""

    def ahead(self, goes_on: Callable[[], bool]) -> None:
        """Make small copies before anybody asks for them, as long as the server goes on."""

    def bundle(self, numbers: Sequence[int]) -> Iterator[Found]:
        """Open images of any format, one after the other."""

    def decide(self, decisions: Sequence[Any]) -> Mapping[str, Any]:
        """Keep what a person decided; says of each whether it was taken, or why not."""

    def control(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Steer the run that is at work; says what became of it."""
