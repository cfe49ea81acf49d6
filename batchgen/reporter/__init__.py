"""Ledger rows become files: CSV, Parquet, XLSX, JSON and one page. It reads the ledger and never a run."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchgen.reporter.accounts import nothing, summary
    from batchgen.reporter.folder import Joined, list_differences, refresh, reject, write
    from batchgen.reporter.frames import frame
    from batchgen.reporter.month import write_month

__all__ = ["Joined", "frame", "list_differences", "nothing", "refresh", "reject", "summary", "write", "write_month"]

_HOMES = {
    **dict.fromkeys(("nothing", "summary"), "accounts"),
    **dict.fromkeys(("Joined", "list_differences", "refresh", "reject", "write"), "folder"),
    "frame": "frames",
    "write_month": "month",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for when it is first asked for: a run needs its tables at its end alone."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"batchgen.reporter.{_HOMES[name]}"), name)
