"""What the mock will not draw: living artists by name, what says so itself, and a share by chance."""

from dataclasses import replace

from batchgen.mock.config import MockConfig
from batchgen.mock.resolved_request import ResolvedRequest
from batchgen.mock.seeded import draw

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
    """Say whether a prompt is moderated; always the same for the same prompt and seed."""
    words = prompt.lower()
    named = MARK in words or any(artist in words for artist in LIVING_ARTISTS)
    return named or draw(config.seed, "moderation", prompt) < config.moderation


def withhold(resolved: ResolvedRequest, config: MockConfig) -> ResolvedRequest:
    """Leave out the images that moderation, or chance, keeps back silently.

    A flagged prompt loses at least half of what was asked; `partial` calls lose some of it.
    """
    if flagged(resolved.prompt, config):
        lost = (resolved.n + 1) // 2
    elif resolved.n > 1 and draw(config.seed, "partial", resolved.prompt, resolved.call) < config.partial:
        lost = 1 + int(draw(config.seed, "lost", resolved.prompt, resolved.call) * (resolved.n - 1))
    else:
        return resolved
    ranked = sorted(range(resolved.n), key=lambda slot: draw(config.seed, "slot", resolved.prompt, resolved.call, slot))
    return replace(resolved, deliver=resolved.n - lost, withheld=tuple(sorted(ranked[:lost])))
