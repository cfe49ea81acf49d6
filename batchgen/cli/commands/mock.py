"""`batchgen mock`: the Images API on this machine."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import LocalPath, Read, Whole

_SHARE = click.FloatRange(0, 1)
_SECONDS = click.FloatRange(min=0)
_COUNT = Whole(min=1)
DIALECTS = (
    *("openai", "apiyi", "laozhang", "aihubmix", "yescale", "azure", "gemini", "gemini-openai", "litellm", "localai"),
    *("openrouter", "sglang", "stable-diffusion-cpp", "tasks", "vllm-omni", "xai"),
)


def _range(word: str) -> tuple[float, float]:
    """Seconds: `0.5`, or `1-3` for anything between."""
    low, dash, high = word.partition("-")
    try:
        span = float(low), float(high if dash else low)
    except ValueError:
        raise ValueError(f"{word!r} is neither a number of seconds, such as 0.5, nor a range, such as 1-3") from None
    if not 0 <= span[0] <= span[1] < float("inf"):
        raise ValueError(f"{word!r} does not run from a smaller to a larger number of seconds")
    return span


def _factor(word: str) -> Decimal:
    try:
        factor = Decimal(word)
    except InvalidOperation:
        factor = Decimal(-1)
    if not factor.is_finite() or factor <= 0:
        raise ValueError(f"{word!r} is not a positive number")
    return factor


_SPAN = Read("SECONDS", _range)
_TIMES = Read("X", _factor)


@subcommand("mock")
@click.option("--port", type=Whole(0, 65535), default=0, help="0 takes a free one.  [default: 0]")
@click.option("--key", metavar="TEXT", help="The only key that is accepted.  [default: any]")
@click.option(
    "--dialect",
    type=click.Choice(DIALECTS),
    metavar="NAME",
    default="openai",
    show_default=True,
    help=f"Whose ways to copy: {', '.join(DIALECTS)}.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides every chance below.")
@click.option("--latency", type=_SPAN, default="0", help="Before an answer: 0.5, or 1-3.  [default: 0]")
@click.option("--errors", type=_SHARE, default=0.0, metavar="SHARE", help="Calls that fail, uncharged, 0 to 1.")
@click.option("--partial", type=_SHARE, default=0.0, metavar="SHARE", help="Calls that bring fewer images.")
@click.option("--moderation", type=_SHARE, default=0.0, metavar="SHARE", help="Prompts that are moderated.")
@click.option("--requests-per-minute", type=_COUNT, metavar="N", help="A strict sliding window.")
@click.option("--images-per-minute", type=_COUNT, metavar="N", help="The same for images asked.")
@click.option("--input-images-per-minute", type=_COUNT, metavar="N", help="The same for references.")
@click.option("--tokens-per-minute", type=_COUNT, metavar="N", help="The same for tokens.")
@click.option("--window-seconds", type=_SECONDS, default=60.0, help="The length of those minutes.  [default: 60]")
@click.option("--price-factor", type=_TIMES, default="1", help="Charge this many times the price.")
@click.option("--url-seconds", type=_SECONDS, default=86_400.0, help="How long addresses of images live.")
@click.option("--stall-seconds", type=_SECONDS, default=5.0, help="How long stalling faults stall.  [default: 5]")
@click.option("--moderated", type=click.Choice(["dropped", "null", "empty"]), help="What stands for a moderated image.")
@click.option("--serve-retired/--refuse-retired", default=True, help="Draw with models that were shut down, or refuse.")
@click.option("--variations/--no-variations", default=None, help="Serve variations.  [default: as the dialect]")
@click.option("--faults", type=LocalPath(), metavar="FILE", help="A JSON list of faults to show.")
def command(context: Context, /, *, faults: Path | None, **words: Any) -> None:
    """Serve a local Images API on loopback: real HTTP, limits, faults, sample images and its own bill.

    Its address is the only line on stdout. `GET /bill` tells what it charged, request by request. Prompts may ask for
    faults: `[[mock: fault=status_500 times=1]]`. The provider `mock` starts such a server by itself; this command is
    for other clients and for rehearsals.

    Examples:
      batchgen mock --port 8080 --images-per-minute 50
      batchgen run shop.yaml --provider openai --base-url http://127.0.0.1:8080/v1
      batchgen mock --errors 0.1 --moderation 0.05 --latency 1-3 --seed 7

    Ends with Ctrl-C.
    """
    from batchgen.mock import MockConfig, load_rules
    from batchgen.mock.config import Moderated
    from batchgen.mock.embedded import serve

    rules = load_rules(faults) if faults else ()
    words["moderated"] = Moderated(words["moderated"]) if words["moderated"] else None
    serve(MockConfig(rules=rules, **words), context.console.say_at_once)
