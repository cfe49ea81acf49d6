"""The cost of a call: quoted before it is made, settled after it was answered.

One rounding rule: a call is summed exactly and rounded up to the next micro-dollar, once.
"""

import re
from dataclasses import replace
from typing import TypeGuard

from batchgen.catalog.models import find_model, model_or_stand_in
from batchgen.catalog.prices import Overrides, price_of
from batchgen.model import CostFlag, Echo, ImageRequest, Model, Price, Provider, Quote, Settlement, Usage
from batchgen.money import MicroUSD, round_up
from batchgen.pricing.bill import Counts
from batchgen.pricing.calls import AUTO, Call, Look, asked_look, look
from batchgen.pricing.inputs import given_images

MOST_TOKENS = 10**12
"""Tokens of one call; more are no count."""
_SNAPSHOT = re.compile(r"-\d{4}-?\d{2}-?\d{2}")


def quote(
    request: ImageRequest,
    n: int,
    provider: Provider,
    model: Model | None,
    price: Price,
    *,
    history: MicroUSD | None = None,
) -> Quote:
    """Say what one call for n images may cost: the cheapest, the expected and the dearest way it can end.

    `high` is an upper bound: the dearest size and quality where they are `auto`, bytes for words, the mask as one more
    image. `history`, the median cost of such an image so far, with none sent along, is what is expected, and lowers
    `low` where the table is too high. `model` is None for a model that the catalogue does not know: it is taken for the
    dearest kind.
    """
    call = _call(request, n, provider, model, price)
    low, high = round_up(call.least()), round_up(call.most())
    usual = max(round_up(call.usual()), low)
    if history is not None:
        usual = MicroUSD(history * n + round_up(call.usual_input_images()))
    expected = MicroUSD(min(usual, high))
    return Quote(
        low=min(low, expected),
        expected=expected,
        high=high,
        input_tokens=call.expected.input,
        output_tokens=call.expected.output,
        price=price,
    )


def settle(  # noqa: PLR0913, PLR0917 - the facts of one answered call, each from another room
    request: ImageRequest,
    n: int,
    provider: Provider,
    model: Model | None,
    price: Price,
    usage: Usage | None,
    echo: Echo,
    quote: Quote,
    *,
    came: int = 1,
    overrides: Overrides = (),
) -> Settlement:
    """Say what an answered call for n images did cost.

    What the answer itself says that it cost, where its provider file says that it does; otherwise from `usage` when it
    is complete, however dear. Where it is missing, no count, or below the fewest tokens that the images which `came`
    can have taken: the table's figure for all n, or the dearest where size or quality were left to the model and the
    answer does not say, or the usage where that is dearer; marked `estimated`. Where no image came, and tokens are
    paid, a usage without any of images is believed. Where the answer says that another model, size or
    quality drew than was asked, the dearer of both counts, marked `estimated` where that is the table's. Flags:
    usage_missing, usage_implausible, model_mismatch, size_mismatch, quality_mismatch, price_too_low (dearer than
    `quote.high`).
    """
    asked = _call(request, n, provider, model, price)
    drawn = _drawn(asked, provider, echo, overrides)
    mismatches = _mismatches(asked, drawn, echo)
    if usage is not None and usage.cost:  # nothing at all is no statement: what drew is not known to be free
        dear = (CostFlag.PRICE_TOO_LOW,) if usage.cost > quote.high else ()
        return Settlement(usage.cost, estimated=False, flags=(*mismatches, *dear))
    counts = _counted(usage, takes_images=bool(given_images(request)))
    seen = max(came, 1) if price.per_image else came
    as_asked = replace(asked, look=_either(asked.look, drawn.look))
    fewest = min(as_asked.fewest, drawn.fewest) if model else 1  # an answer may be wrong in what it says that it drew
    believed = counts is not None and _enough(counts, seen, fewest)
    costs = [call.by_usage(counts, came) for call in (drawn, replace(drawn, price=price))] if counts else []
    if not believed:
        costs.append(drawn.by_table())
    counted_cost = max(costs)
    if mismatches:
        costs.append(as_asked.by_table())
    cost = round_up(max(costs))
    doubts = () if believed else _doubts(price, usage)
    dear = (CostFlag.PRICE_TOO_LOW,) if cost > quote.high else ()
    return Settlement(cost, estimated=not believed or max(costs) > counted_cost, flags=(*doubts, *mismatches, *dear))


def _call(request: ImageRequest, n: int, provider: Provider, model: Model | None, price: Price) -> Call:
    draws = model or model_or_stand_in(request.model or provider.default_model)
    return Call(request, n, draws, price, asked_look(request, provider))


def _drawn(asked: Call, provider: Provider, echo: Echo, overrides: Overrides) -> Call:
    """Return the call as the answer describes it; where the answer is silent, as asked."""
    seen = replace(asked, look=_either(look(echo.size, echo.quality), asked.look))
    other = find_model(_bare(echo.model)) if _is_other_model(asked.model, echo) else None
    if other is None:
        return seen
    return replace(seen, model=other, price=price_of(other.name, provider, overrides) or asked.price)


def _mismatches(asked: Call, drawn: Call, echo: Echo) -> tuple[CostFlag, ...]:
    """Say what the answer says and the request did not ask for; a free choice cannot be missed."""
    differs = {
        CostFlag.MODEL_MISMATCH: _is_other_model(asked.model, echo),
        CostFlag.SIZE_MISMATCH: asked.look.size not in {AUTO, drawn.look.size},
        CostFlag.QUALITY_MISMATCH: asked.look.quality not in {AUTO, drawn.look.quality},
    }
    return tuple(flag for flag, is_so in differs.items() if is_so)


def _is_other_model(model: Model, echo: Echo) -> bool:
    """Whether the answer names a model that is neither the asked one nor a dated snapshot of it."""
    name = _bare(echo.model)
    found = find_model(name)
    if not name or model.name in {found.name if found else name, (echo.model or "").strip()}:
        return False
    return not (name.startswith(model.name) and _SNAPSHOT.fullmatch(name.removeprefix(model.name)))


def _bare(name: str | None) -> str:
    """Return a model's name without the vendor in front of it (`openai/gpt-image-2`)."""
    return (name or "").strip().rpartition("/")[2].lower()


def _either(first: Look, second: Look) -> Look:
    """One look's size and quality, the other's where the first leaves them open."""
    return Look(*(one if one != AUTO else other for one, other in zip(first, second, strict=True)))


def _doubts(price: Price, usage: Usage | None) -> tuple[CostFlag, ...]:
    if price.tokens is None:
        return ()
    return (CostFlag.USAGE_MISSING,) if usage is None else (CostFlag.USAGE_IMPLAUSIBLE,)


def _counted(usage: Usage | None, *, takes_images: bool) -> Counts | None:
    """Return the tokens in a usage, None when it is incomplete or holds what is no count.

    `Usage.output` is of images and `Usage.text_out` beside it. Where the input is not split although images went
    in, it may be words or images: `Counts.either`.
    """
    if usage is None or not _is_count(usage.output):
        return None
    text_out = 0 if usage.text_out is None else usage.text_out
    text, image = usage.text_in, usage.image_in
    if text is not None and image is None and not takes_images:
        image = 0
    if not all(value is None or _is_count(value) for value in (text, image, text_out)):
        return None
    if text is not None and image is not None:
        return Counts(text, image, usage.output, text_out)
    total = usage.total if _is_count(usage.total) else 0
    either = max(total - usage.output - text_out, text or 0, image or 0)
    return Counts(0, 0, usage.output, text_out, either)


def _enough(counts: Counts, came: int, fewest: int) -> bool:
    """Whether counts are above zero, and of images not below the fewest that those which `came` can have taken.

    Where none came, none may have been drawn. However many they are: what a provider counts is what it bills.
    """
    drawn = counts.output >= max(came, 1) * fewest or (came == 0 and counts.output == 0)
    return drawn and counts.input > 0


def _is_count(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number of a possible size, and not `true` in disguise."""
    return type(value) is int and 0 <= value < MOST_TOKENS
