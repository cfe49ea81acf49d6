"""The free endpoint at which a provider says what it thinks of a prompt: what is asked, and what comes back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchgen.model import Provider
from batchgen.providers.json_text import mapping
from batchgen.providers.wire import address

PATH = "/moderations"
MOST_CATEGORIES = 20
_ODD = re.compile(r"[^A-Za-z0-9_/. -]")


@dataclass(frozen=True, slots=True)
class PromptVerdict:
    """What the endpoint says of one prompt; the categories are those that it flags."""

    flagged: bool
    categories: tuple[str, ...] = ()


def moderations_url(provider: Provider) -> str:
    """Give the address of the endpoint."""
    return address(provider, PATH, "")


def moderations_body(provider: Provider, prompts: Sequence[str]) -> dict[str, Any]:
    """Ask about some prompts in one request."""
    return {"model": provider.moderations, "input": list(prompts)}


def moderations_from(told: Any, asked: int) -> tuple[PromptVerdict, ...] | None:
    """Read an answer: one verdict for each prompt, in their order; None when it is no such answer."""
    results = mapping(told).get("results")
    if not isinstance(results, list) or len(results) != asked:
        return None
    if not all(isinstance(one, Mapping) and isinstance(one.get("flagged"), bool) for one in results):
        return None
    return tuple(PromptVerdict(one["flagged"], _categories(one.get("categories"))) for one in results)


def _categories(told: Any) -> tuple[str, ...]:
    named = (_ODD.sub("_", str(name)[:60]) for name, value in mapping(told).items() if value is True)
    return tuple(sorted(named)[:MOST_CATEGORIES])
