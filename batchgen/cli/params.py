"""The options that several commands share, and the words that become values: money and spans of time."""

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from batchgen.money import from_usd
from batchgen.text import seconds

if TYPE_CHECKING:
    from batchgen.model.shard import Shard

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Read(click.ParamType[T]):
    """What a function reads of a word; its ValueError says what is wrong."""

    def __init__(self, name: str, read: Callable[[str], T]) -> None:
        self.name, self._read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        try:
            return self._read(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "whole number"


class LocalPath(click.Path):
    """A path of this machine whose every name fits into a file system."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from batchgen.app.config import arguments

        try:
            return arguments.local(os.fsdecode(super().convert(value, param, ctx)))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _duration(text: str, *, with_unit: bool = False) -> float:
    found = None if with_unit and text.strip()[-1:].isdigit() else seconds(text)
    if not found:
        raise ValueError(f"invalid duration {text!r}; write it as 90d, 2h, 1h30m or 45s")
    return found


def _month(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text, re.ASCII) or text < "1970":
        raise ValueError(f"{text!r} is no month, such as 2026-11")
    return text


def _store(text: str) -> str:
    from batchgen.app.config.stores import store_address
    from batchgen.errors import InputError

    try:
        return store_address(text)
    except InputError as error:
        raise ValueError(error.problems[0].message) from None


def _shard(text: str) -> "Shard":
    from batchgen.model.shard import Shard

    return Shard.read(text)


MONEY = Read("USD", from_usd)
DURATION = Read("TIME", _duration)
"""A duration such as `90d`, `2h`, `1h30m` or `45s`, in seconds."""
AGE = Read("TIME", partial(_duration, with_unit=True))
"""The same, where a bare number is none: nothing is removed on a guess."""
MONTH = Read("YYYY-MM", _month)
STORE = Read("URL", _store)
SHARD = Read("I/N", _shard)

manifest_argument = click.argument("manifest", type=LocalPath())
output_argument = click.argument("output", required=False, type=LocalPath())

provider_option = click.option(
    "--provider", metavar="NAME", help="Where requests go: a known provider, or a provider file of your own."
)
base_url_option = click.option(
    "--base-url", metavar="URL", help="Another address for the provider, such as a proxy or a test server."
)
only_option = click.option(
    "--only", multiple=True, metavar="PATTERN", help="Only jobs whose id matches, such as 'sofa-*'; repeatable."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object; money in micro-dollars.")

skip_bad_rows_option = click.option(
    "--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be jobs; report/rejected.csv lists them, exit 3."
)

rejected_option = click.option(
    "--rejected", is_flag=True, help="Only images that `batchgen review` rejected: draw them again, with the notes."
)


store_option = click.option("--store", type=STORE, help="Where images are kept, such as s3://bucket/catalogue.")
copy_from_option = click.option(
    "--copy-from", type=STORE, help="Copy images that an older --store holds into the present one."
)


shard_option = click.option(
    "--shard",
    type=SHARD,
    help="Only the I-th of N parts of all jobs, such as 3/8, with an N-th of every limit, in a folder of its own.",
)


def reads_manifest(command: F) -> F:
    """Give a command what all that read a manifest take: MANIFEST and where from, where to, of which part, and how."""
    output = click.option(
        "--output", metavar="DIR", type=LocalPath(), help="The output folder.  [default: output/NAME]"
    )
    for decorate in (json_option, shard_option, output, base_url_option, provider_option, manifest_argument):
        command = decorate(command)
    return command
