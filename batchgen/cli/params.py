"""The options that several commands share, and the words that become values: money and spans of time."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from batchgen.money import MicroUSD, from_usd
from batchgen.text import seconds

if TYPE_CHECKING:
    from batchgen.model.shard import Shard

F = TypeVar("F", bound=Callable[..., Any])


class Money(click.ParamType[MicroUSD]):
    """Dollars as a person writes them."""

    name = "USD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> MicroUSD:
        try:
            return from_usd(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class LocalPath(click.Path):
    """A path of this machine whose every name fits into a file system."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from batchgen.app.config import arguments

        try:
            return arguments.local(os.fsdecode(super().convert(value, param, ctx)))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType[float]):
    """A duration such as `90d`, `2h`, `1h30m` or `45s`, in seconds; `with_unit`: a bare number is none."""

    name = "TIME"

    def __init__(self, *, with_unit: bool = False) -> None:
        self.with_unit = with_unit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = None if self.with_unit and str(value).strip()[-1:].isdigit() else seconds(str(value))
        if not found:
            self.fail(f"invalid duration {value!r}; write it as 90d, 2h, 1h30m or 45s", param, ctx)
        return found


class Month(click.ParamType[str]):
    """A month of the calendar such as `2026-11`."""

    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", str(value), re.ASCII) or str(value) < "1970":
            self.fail(f"{value!r} is no month, such as 2026-11", param, ctx)
        return str(value)


manifest_argument = click.argument("manifest", type=LocalPath())
output_argument = click.argument("output", required=False, type=LocalPath())

provider_option = click.option(
    "--provider", metavar="NAME", help="Where requests go: a known provider, or a provider file of your own."
)
base_url_option = click.option(
    "--base-url", metavar="URL", help="Another address for the provider, such as a proxy or a test server."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object; money in micro-dollars.")

skip_bad_rows_option = click.option(
    "--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be jobs; report/rejected.csv lists them, exit 3."
)

rejected_option = click.option(
    "--rejected", is_flag=True, help="Only images that `batchgen review` rejected: draw them again, with the notes."
)


def store_address(_ctx: click.Context, _param: click.Parameter, text: str | None) -> str | None:
    """Read the address of a store."""
    from batchgen.app.config.stores import store_address as read
    from batchgen.errors import InputError

    try:
        return read(text) if text else None
    except InputError as error:
        raise click.BadParameter(str(error.problems[0].message)) from None


store_option = click.option(
    "--store", metavar="URL", callback=store_address, help="Where images are kept, such as s3://bucket/catalogue."
)
copy_from_option = click.option(
    "--copy-from",
    metavar="URL",
    callback=store_address,
    help="Copy images that an older --store holds into the present one.",
)


def read_shard(ctx: click.Context, param: click.Parameter, text: str | None) -> "Shard | None":
    """Read a shard, such as 3/8."""
    from batchgen.model.shard import Shard

    try:
        return Shard.read(text) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


shard_option = click.option(
    "--shard",
    metavar="I/N",
    callback=read_shard,
    help="Only the I-th of N parts of all jobs, such as 3/8, with an N-th of every limit, in a folder of its own.",
)


def reads_manifest(command: F) -> F:
    """Give a command what all that read a manifest take: MANIFEST and where from, where to, of which part, and how."""
    output = click.option(
        "--output",
        metavar="DIR",
        type=LocalPath(),
        help="The output folder.  [default: output/NAME]",
    )
    for decorate in (json_option, shard_option, output, base_url_option, provider_option, manifest_argument):
        command = decorate(command)
    return command
