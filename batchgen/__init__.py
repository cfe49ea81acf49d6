"""A manifest of prompts becomes image files and a cost report, never paid twice, never over the limit."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchgen.api import estimate, load, plan, report, review, run, run_sync
    from batchgen.app.preview.plan import EstimateResult, PlanResult
    from batchgen.app.review.decisions import ReviewResult
    from batchgen.app.run.run_end import RunResult
    from batchgen.errors import AccountError, BatchgenError, Exit, InputError, Locked, Problem, StorageError
    from batchgen.manifest import Manifest
    from batchgen.planner import Planned

__all__ = [
    "AccountError",
    "BatchgenError",
    "EstimateResult",
    "Exit",
    "InputError",
    "Locked",
    "Manifest",
    "PlanResult",
    "Planned",
    "Problem",
    "ReviewResult",
    "RunResult",
    "StorageError",
    "estimate",
    "load",
    "plan",
    "report",
    "review",
    "run",
    "run_sync",
]

_HOMES = {
    "EstimateResult": "app.preview.plan",
    "Manifest": "manifest",
    "PlanResult": "app.preview.plan",
    "Planned": "planner",
    "ReviewResult": "app.review.decisions",
    "RunResult": "app.run.run_end",
    **dict.fromkeys(
        ("AccountError", "BatchgenError", "Exit", "InputError", "Locked", "Problem", "StorageError"), "errors"
    ),
}
"""Where what is not in `batchgen.api` lives."""


def __getattr__(name: str) -> Any:
    """Load what is asked for when it is first asked for, so that `import batchgen` costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"batchgen.{_HOMES.get(name, 'api')}"), name)


def __dir__() -> list[str]:
    """Say what there is, also before it is loaded: for completion in a shell."""
    return sorted({*globals(), *__all__})
