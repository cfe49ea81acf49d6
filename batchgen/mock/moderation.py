"""What the mock will not draw: living artists by name, what says so itself, and a share by chance."""

from dataclasses import replace

from batchgen.mock.chance import draw
from batchgen.mock.config import MockConfig
from batchgen.mock.order import Order

LIVING_ARTISTS = (
    "hayao miyazaki",
    "makoto shinkai",
    "david hockney",
    "yayoi kusama",
    "takashi murakami",
    "gerhard richter",
    "damien hirst",
    "jeff koons",
    "ai weiwei",
    "banksy",
    "greg rutkowski",
)
MARK = "[moderated]"


def flagged(prompt: str, config: MockConfig) -> bool:
    """Whether a prompt is moderated; always the same for the same prompt and seed."""
    words = prompt.lower()
    named = MARK in words or any(artist in words for artist in LIVING_ARTISTS)
    return named or draw(config.seed, "moderation", prompt) < config.moderation


def withhold(order: Order, config: MockConfig) -> Order:
    """The order with the pictures left out that moderation, or chance, keeps back silently.

    A flagged prompt loses at least half of what was asked; `partial` calls lose some of it.
    """
    if flagged(order.prompt, config):
        lost = (order.n + 1) // 2
    elif order.n > 1 and draw(config.seed, "partial", order.prompt, order.call) < config.partial:
        lost = 1 + int(draw(config.seed, "lost", order.prompt, order.call) * (order.n - 1))
    else:
        return order
    ranked = sorted(range(order.n), key=lambda slot: draw(config.seed, "slot", order.prompt, order.call, slot))
    return replace(order, deliver=order.n - lost, withheld=tuple(sorted(ranked[:lost])))
