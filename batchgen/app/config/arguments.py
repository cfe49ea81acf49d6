"""What a Python program gives the API, read as the command line reads its words: typed options, or an InputError.

Readers raise ValueError with what is wrong; the name of the argument is put before it in one place.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from numbers import Real
from operator import index
from pathlib import Path
from typing import Annotated, Literal, TypedDict, TypeVar

from batchgen.app.config.options import Options
from batchgen.app.config.stores import store_address
from batchgen.errors import InputError, Problem
from batchgen.model import EngineChoice, OnUncertain, RouteChoice, Shard
from batchgen.money import MicroUSD, from_usd
from batchgen.text import ADDRESS, MOST_SECONDS, safe, seconds

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

LONGEST_NAME = 255
"""Bytes that the file systems of Linux and macOS have for one name (NAME_MAX)."""
LONGEST_PATH = 4096
"""Bytes that Linux has for a whole path and the null that ends it (PATH_MAX)."""
MOST = 1_000_000_000
"""The largest count; that of a count in a manifest, too."""


def options(given: Mapping[str, object]) -> Options:
    """Options by their names, None for those that are left to the manifest; InputError with every wrong one."""
    read, problems = dict[str, object](), list[Problem]()
    for name, value in given.items():
        if name not in READERS:
            problems.append(Problem(f"{safe(name, 60)}: {_instead(name)}"))
        elif value is not None:
            try:
                read[name] = argument(name, READERS[name], value)
            except InputError as error:
                problems += error.problems
    if read.get("reworded") and read.get("rejected"):
        problems.append(Problem("reworded: does not go with `rejected`; make a run for each"))
    if problems:
        raise InputError(*problems)
    return Options(**read)  # type: ignore[arg-type]  # each value comes from the reader of its name


def argument(name: str, read: Callable[[object], T], value: object) -> T:
    """One argument; InputError with its name when it cannot be read."""
    try:
        return read(value)
    except ValueError as wrong:
        raise InputError(f"{name}: {safe(wrong, 300)}") from None


def path(value: object) -> Path:
    """Return a path that a file system can have, given as text or as a Path."""
    plain = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(plain, str) or not plain:
        raise ValueError(f"{_shown(value)} is not a path; give a str or a Path")
    if "\0" in plain:
        raise ValueError(f"{_shown(value)} is not a path; no name has a null character")
    if (size := len(os.fsencode(plain))) >= LONGEST_PATH:
        raise ValueError(f"a path has fewer than {LONGEST_PATH:,} bytes, not {size:,}")
    return local(plain)


def local(text: str) -> Path:
    """Return the path, if it is of this machine, every name in it fits into a file system, and a ledger can hold it."""
    if ADDRESS.match(text):
        raise ValueError(f"{_shown(text)} is an address; give a path of this machine, and --store for where images go")
    path = Path(text)
    for name in path.parts:
        if (size := len(os.fsencode(name))) > LONGEST_NAME:
            raise ValueError(f"a name has at most {LONGEST_NAME} bytes, not {size:,}")
    for name in path.absolute().parts:
        if name.encode(errors="ignore") != os.fsencode(name):
            raise ValueError(f"{_shown(name)} holds letters that are not UTF-8; rename that file or folder")
    return path


def folder(value: object) -> Path:
    """Return an output folder, by its path or by the result of the run (or review) that wrote to it."""
    output = getattr(value, "output", value)
    if output is None and value is not None:
        raise ValueError("this run was skipped and wrote nothing; give the folder")
    return output if isinstance(output, Path) and output is not value else path(value)


def flag(value: object) -> bool:
    """Return True or False and nothing that only counts as one: `"no"` would be True."""
    if not isinstance(value, bool):
        raise ValueError(f"{_shown(value)} is neither True nor False")  # noqa: TRY004 - it becomes an InputError
    return value


def _instead(name: str) -> str:
    from batchgen.manifest.names import did_you_mean, listed

    near = did_you_mean(name, READERS) or f"; there are {listed(READERS)}"
    return ELSEWHERE.get(name, f"there is no such option{near}")


def _shown(value: object) -> str:
    return safe(repr(value), 80)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{_shown(value)} is not a text; give a str")
    return value


def _provider(value: object) -> str:
    """Return a provider's name, or the path of a provider file."""
    return str(path(value))


def _store(value: object) -> str:
    return store_address(_text(value))


def _dollars(value: object) -> MicroUSD:
    """Return an amount as a person writes it: a float is the decimal number that Python shows for it."""
    if not isinstance(value, bool) and isinstance(value, str | Decimal | Real):
        return from_usd(str(value))
    raise ValueError(f"{_shown(value)} is not an amount in dollars, such as 25.00")


def _count(value: object) -> int:
    try:
        number = 0 if isinstance(value, bool) else index(value)  # type: ignore[arg-type]  # TypeError tells
    except TypeError:
        number = 0
    if not 1 <= number <= MOST:
        raise ValueError(f"{_shown(value)} is not a whole number from 1 to {MOST:,}")
    return number


def _seconds(value: object) -> float:
    found: float | None = None
    if isinstance(value, timedelta):
        found = value.total_seconds()
    elif isinstance(value, str):
        found = seconds(value)
    elif not isinstance(value, bool) and isinstance(value, Real):
        found = float(value) if value <= MOST_SECONDS else None
    if found is None or not 0 < found <= MOST_SECONDS:
        raise ValueError(f"invalid duration {_shown(value)}; write it as 5400 (seconds), '2h' or '1h30m'")
    return found


def _patterns(value: object) -> tuple[str, ...]:
    """One pattern or several; none at all is a mistake, as it would choose every job."""
    found = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else ()
    if isinstance(value, Mapping | bytes) or not all(isinstance(one, str) for one in found) or not found:
        raise ValueError(
            f"{_shown(value)} is neither a pattern nor a list of patterns, such as 'sofa-*'; None is every job"
        )
    return found


def _one_of(*words: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"{_shown(value)} is none of {', '.join(words)}")
        return str(value)

    return read


def _choice(kind: type[E]) -> Callable[[object], E]:
    read = _one_of(*kind)
    return lambda value: kind(read(value))


def _shard(value: object) -> Shard:
    return value if isinstance(value, Shard) else Shard.read(_text(value))


Count = Annotated[int | None, _count]
Flag = Annotated[bool | None, flag]
File = Annotated[str | Path | None, path]
Store = Annotated[str | None, _store]


class PlanOptions(TypedDict, total=False):
    """What `plan` and `estimate` take, by name, and how each is read; None leaves an option to the manifest."""

    provider: Annotated[str | Path | None, _provider]
    base_url: Annotated[str | None, _text]
    output: File
    max_cost: Annotated[float | str | Decimal | None, _dollars]
    max_images: Count
    max_duration: Annotated[float | str | timedelta | None, _seconds]
    concurrency: Count
    only: Annotated[str | Iterable[str] | None, _patterns]
    first: Count
    sample: Count
    retry_failed: Flag
    skip_bad_rows: Flag
    regenerate_missing: Flag
    rejected: Flag
    strict: Flag
    on_uncertain: Annotated[Literal["retry", "hold"] | OnUncertain | None, _choice(OnUncertain)]
    if_locked: Annotated[Literal["fail", "wait", "skip"] | None, _one_of("fail", "wait", "skip")]
    log_json: File
    route: Annotated[Literal["sync", "batch", "auto"] | RouteChoice | None, _choice(RouteChoice)]
    engine: Annotated[Literal["local", "ray"] | EngineChoice | None, _choice(EngineChoice)]
    wait: Flag
    store: Store
    copy_from: Store
    shard: Annotated[str | Shard | None, _shard]


class RunOptions(PlanOptions, total=False):
    """What `run` takes."""

    reworded: File


READERS: Mapping[str, Callable[[object], object]] = {
    name: read for name, hint in RunOptions.__annotations__.items() for read in hint.__metadata__
}

ELSEWHERE = {
    "dry_run": "batchgen.plan says what a run would do",
    "yes": "a program is not asked; `max_cost` bounds a run",
}
"""Options that only the command line has, and what a program does instead."""
