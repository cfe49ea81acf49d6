"""A manifest of prompts becomes image files and a cost report, never paid twice, never over the limit."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchgen.api import estimate, load, plan, report, review, run

__all__ = ["estimate", "load", "plan", "report", "review", "run"]


def __getattr__(name: str) -> Any:
    """Load the Python API when it is first asked for, so that `import batchgen` costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from batchgen import api

    return getattr(api, name)


def __dir__() -> list[str]:
    """What there is, also before it is loaded: for completion in a shell."""
    return sorted({*globals(), *__all__})
