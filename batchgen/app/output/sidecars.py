"""Sidecars: a JSON file beside each image that tells all that is needed to draw it again. Blocks.

It is made of the ledger's rows once they are settled, and names no path of its own: it belongs to the image that it
stands beside, and goes wherever that goes.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from batchgen.errors import StorageError
from batchgen.ledger import Ledger, SidecarRow
from batchgen.model import FileImage, InputImage, UrlImage
from batchgen.reporter.tables import not_as_asked
from batchgen.storage import ImageStore

FORM = 1
BETWEEN_IMAGES = ";"
_NO_PARAMETER = frozenset({"id", "operation", "prompt", "model", "images", "mask"})


def write(store: ImageStore, rows: Sequence[SidecarRow]) -> None:
    """Put a sidecar beside each of these images; a file that is no sidecar stays what it is."""
    for row in rows:
        text = json.dumps(contents(row), indent=2)
        store.write_sidecar(row.path, f"{text}\n".encode())


def fill(ledger: Ledger, store: ImageStore) -> None:
    """Put those in place that are missing: the run was killed, or the manifest asked for none before."""
    behind = dict.fromkeys(
        attempt
        for path, sha256, attempt in ledger.images.origins()
        if store.head(path) and sha256.encode() not in (store.read_sidecar(path) or b"")
    )
    for attempt in behind:
        write(store, [row for row in ledger.report_rows.sidecars(attempt) if store.head(row.path)])


def contents(row: SidecarRow) -> dict[str, Any]:
    """Say what a sidecar says. `job` is a row of a JSON manifest: a list of such rows draws the same again."""
    return {
        "sidecar": FORM,
        "batchgen": row.version,
        "job": _job(row),
        "key": row.job_key,
        "slot": row.slot,
        "inputs": [{"path": _written(image), "sha256": image.sha256} for image in _files(row)],
        "picture": {
            **{name: getattr(row, name) for name in ("sha256", "bytes", "width", "height", "format")},
            "flags": list(not_as_asked(row.mismatches)),
        },
        "drawn": {
            **{name: getattr(row, name) for name in ("provider", "model", "size", "quality", "attempt_id", "run_id")},
            "at": row.drawn,
            "request_id": row.request_id,
        },
        "cost_micro_usd": row.cost_micro_usd,
        "estimated": bool(row.estimated),
        "call": {
            "images": row.asked,
            "cost_micro_usd": row.call_micro_usd,
            **{name: _parsed(getattr(row, name)) for name in ("usage", "echo", "price")},
        },
    }


def _job(row: SidecarRow) -> dict[str, str]:
    request = row.request
    cells = {"operation": request.operation.value, "prompt": request.prompt, "model": request.model or ""}
    images = BETWEEN_IMAGES.join(map(_written, request.images))
    named = "" if row.job_id == row.job_key[:12] else row.job_id
    mask = _written(request.mask) if request.mask else ""
    files = {name: _written(file) for name, file in request.files}
    told = {"id": named, **cells, **dict(request.params), **files, "images": images, "mask": mask}
    return {name: text for name, text in told.items() if text}


def _written(image: InputImage) -> str:
    """Return an input image as a manifest in any folder can name it."""
    match image:
        case FileImage():
            return str(Path(image.path).absolute())
        case UrlImage():
            return image.url
        case _:
            return str(image)


def _files(row: SidecarRow) -> Iterator[FileImage]:
    request = row.request
    for image in (*request.images, request.mask, *(file for _, file in request.files)):
        if isinstance(image, FileImage):
            yield image


def _parsed(text: str) -> Any:
    """JSON of the ledger; what a server said may have been cut."""
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


def records(store: ImageStore, images: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Say what sidecars tell of these images, in the words of images.csv; a spoiled one tells nothing."""
    for path in images:
        try:
            told = json.loads(store.read_sidecar(path) or b"null")
            job, drawn = told["job"], told["drawn"]
            yield {
                "path": path,
                "job_id": job.get("id") or told["key"][:12],
                "job_key": told["key"],
                "slot": told["slot"],
                "operation": job["operation"],
                "prompt": job.get("prompt", ""),
                "asked_model": job.get("model", ""),
                "params": tuple(sorted((name, text) for name, text in job.items() if name not in _NO_PARAMETER)),
                **told["picture"],
                **{name: drawn[name] for name in ("model", "size", "quality", "provider", "attempt_id")},
                "drawn": drawn["at"],
                "cost_micro_usd": told["cost_micro_usd"],
                "estimated": told["estimated"],
            }
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, StorageError):
            continue
