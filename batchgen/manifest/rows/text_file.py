"""Text files as lines: which encoding they have, and lines of bounded length."""

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.names import shown

MAX_LINE = 4_000_000
"""Longest line of a row file, in characters."""
CHUNK = 1 << 20

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOTHING_TO_TELL = frozenset({"utf-8", "utf-8-sig"})
# A character of several bytes; text in another encoding hardly ever holds such bytes in a row.
_SEVERAL_BYTES = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_NOT_CP1252 = re.compile(rb"[\x00\x81\x8d\x8f\x90\x9d]")
# Words of languages that cp1252 is made for have few letters in a row with marks, and no such signs between letters:
# Greek, Cyrillic and East Asian texts, and cp1250, would be drawn as letter salad.
_NO_WORDS = re.compile(
    rb"([\xc0-\xff])(?!\1{3})[\xc0-\xff]{3}|[a-z][\xa3\xa5\xa6\xac\xaf\xb1\xb3\xb6\xb8\xb9\xbc\xbe\xbf][a-z]"
)


class BadLineError(ValueError):
    """A line after which a file cannot be read on."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file with its encoding; `told` says which one it is where nobody said so and it is not the usual one."""

    path: Path
    encoding: str
    told: str = ""

    @contextmanager
    def lines(self, skip: int = 0) -> Iterator[Iterator[str]]:
        """Open it and give its lines after the first `skip`, as they stand; `BadLineError` says which is no line."""
        with self.path.open(encoding=self.encoding, errors="strict", newline="") as stream:
            lines = self._lines(stream)
            for _ in range(skip):
                next(lines, None)
            yield lines

    def _lines(self, stream: IO[str]) -> Iterator[str]:
        number = 0
        try:
            while line := stream.readline(MAX_LINE):
                number += 1
                if len(line) == MAX_LINE and line[-1] not in "\r\n":
                    raise BadLineError(f"the line is longer than {MAX_LINE:,} characters", number)
                if "\0" in line:
                    raise BadLineError("the line holds a NUL character; is this a text file?", number)
                yield line.removeprefix("\ufeff") if number == 1 else line
        except UnicodeError as error:
            name = "UTF-8" if self.encoding in _NOTHING_TO_TELL else self.encoding
            message = f"the file is not {name} from here on; save it as UTF-8, or say what it is with `encoding`"
            raise BadLineError(message, self._undecodable(number)) from error

    def _undecodable(self, read: int) -> int:
        """Find the first line that cannot be decoded, as decoding in blocks does not tell; `read` were given."""
        if self.encoding.startswith(("utf-16", "utf-32")):
            return read + 1
        number = 0
        with self.path.open("rb") as stream:
            while line := stream.readline(MAX_LINE):
                number += 1
                try:
                    line.decode(self.encoding)
                except UnicodeError:
                    return number
        return max(number, 1)


def text_file(path: Path, file: str, encoding: str | None) -> TextFile:
    """Take a file in the encoding that is asked for, else in the one that it shows; `InputError` for no encoding."""
    if encoding is None:
        found = _encoding_of(path)
        told = "" if found in _NOTHING_TO_TELL else f"this is {found.removesuffix('-le').removesuffix('-be')} text"
        return TextFile(path, found, told)
    try:
        with path.open(encoding=encoding):
            pass
    except (LookupError, ValueError):
        known = "such as utf-8, utf-16 or cp1252"
        raise InputError(Problem(f"{shown(encoding)} is not a text encoding, {known}", Place(file))) from None
    return TextFile(path, encoding)


def _encoding_of(path: Path) -> str:
    """Give the encoding that the bytes of a file show; UTF-8 where they show none, even where it cannot be read so."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        head = stream.read(4096)
        if mark := next((name for mark, name in _MARKS if head.startswith(mark)), None):
            return mark
        if wide := _wide(head):
            return wide
        try:
            decoder.decode(head)
            while chunk := stream.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            stream.seek(0)
            return "utf-8" if _is_damaged(stream) else "cp1252"
    return "utf-8"


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: nearly every second byte of Latin text is zero."""
    first, second = head[0::2], head[1::2]
    if len(second) < 4:
        return None
    if second.count(0) > 0.8 * len(second) and not first.count(0):
        return "utf-16-le"
    return "utf-16-be" if first.count(0) > 0.8 * len(first) and not second.count(0) else None


def _is_damaged(stream: IO[bytes]) -> bool:
    """Whether text that is not UTF-8 was UTF-8 once, or is hardly cp1252 either."""
    signs = (_SEVERAL_BYTES, _NOT_CP1252, _NO_WORDS)
    while chunk := stream.read(CHUNK):
        if any(sign.search(chunk) for sign in signs):
            return True
    return False
