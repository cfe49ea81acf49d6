"""What is said and kept when batchgen itself is at fault: short words, a traceback without secrets in a file."""

import re
import traceback
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from batchgen.cli.console import Console
from batchgen.errors import Exit
from batchgen.text import safe

_TOKEN = re.compile(r"\b(sk|pk|rk)-[A-Za-z0-9_\-]{6,}|(?i:bearer|basic)\s+[A-Za-z0-9._~+/=\-]{6,}")
_QUERY = re.compile(r"(https?://[^\s'\"?#]+)\?[^\s'\"]+")
HIDDEN = "***"


def crashed(error: Exception, console: Console) -> int:
    """Say that this is a bug, where the details are and how to report it; the exit status of a bug."""
    secrets = _secrets()
    headline = f"{type(error).__name__}: {error}".removesuffix(": ")
    console.fail(f"internal error: {safe(redact(headline, secrets), 300)}")
    kept = _keep(error, secrets)
    where = f"{safe(kept, 1000)}, " if kept else ""
    console.err(
        f"This is a bug in batchgen, not in your manifest. The ledger is consistent; the same command goes on.\n"
        f"Please report it with {where}the command you gave and the output of `batchgen --version`."
    )
    return Exit.BUG


def redact(text: str, secrets: Sequence[str]) -> str:
    """Text without the secrets in any usual spelling, and without what looks like a key or a signed address."""
    for secret in secrets:
        for spelling in (secret, quote(secret, safe=""), b64encode(secret.encode()).decode()):
            text = text.replace(spelling, HIDDEN) if secret else text
    return _QUERY.sub(rf"\1?{HIDDEN}", _TOKEN.sub(HIDDEN, text))


def _secrets() -> Sequence[str]:
    try:
        from batchgen.app.config import environment

        return environment.secrets(environment.environment())
    except Exception:  # noqa: BLE001 - the program below may be what is broken
        return ()


def _keep(error: Exception, secrets: Sequence[str]) -> Path | None:
    try:
        from batchgen.app.control import event_log

        folder = event_log.latest_run()
        if folder is None:
            return None
        from batchgen.storage import Workspace

        text = redact("".join(traceback.format_exception(error)), secrets)
        Workspace(folder).write("error.txt", text.encode(errors="backslashreplace"))
    except Exception:  # noqa: BLE001 - nothing may hide the bug that is being told
        return None
    return folder / "error.txt"
