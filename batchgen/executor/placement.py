"""From parts to images: what an answer becomes is written down whole, then done; doing it twice is harmless."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from mmap import mmap
from pathlib import Path
from typing import Any

from batchgen.errors import StorageError
from batchgen.model import (
    Attempt,
    Echo,
    ImageRequest,
    Mismatch,
    Missing,
    Receipt,
    RemoteImage,
    StoredImage,
    Usage,
    Verdict,
)
from batchgen.model.plain import read
from batchgen.numerous import numerous
from batchgen.providers.answer import Item
from batchgen.redact import traces
from batchgen.storage import ImageFacts, ImageStore, NewImage, PartFacts, Spool, Workspace, sniff
from batchgen.storage.decode import MOST_PIXELS, is_blank
from batchgen.storage.durable import guarded
from batchgen.storage.structure import NO_END, fault

VERSION = 1
EXTRA = ".extra"
_TOLD = ("phase", "verdict", "status", "remote", "usage", "echo", "request_id", "headers", "seconds")
"""What of a receipt stands in an answer under its own name."""
_PIECE = 1024 * 1024


@numerous
@dataclass(frozen=True, slots=True)
class Placement:
    """An image in a part and the place that it goes to."""

    part: str
    image: StoredImage


@numerous
@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of an answer: images to publish, addresses, what is missing, and bytes without a use.

    `key` is the job's, for a store that says beside an image whose it is.
    """

    landings: tuple[Placement, ...] = ()
    remote: tuple[RemoteImage, ...] = ()
    missing: tuple[tuple[int, Missing], ...] = ()
    spare: tuple[tuple[str, str], ...] = ()
    key: str = ""

    @property
    def images(self) -> tuple[StoredImage, ...]:
        """The images to publish."""
        return tuple([landing.image for landing in self.landings])

    @property
    def brings(self) -> bool:
        """Whether anything came of it."""
        return bool(self.landings or self.remote)


@dataclass(slots=True)
class SlotAssigner:
    """Fills the slots of an attempt in order with what came; `expires` reads an address's own end."""

    attempt: Attempt
    facts: Mapping[int, PartFacts]
    expires: Mapping[str, datetime | None]
    _free: list[int] = field(init=False)
    _used: set[int] = field(init=False, default_factory=set)
    _reasons: list[Missing] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._free = list(self.attempt.slots)

    def plan(self, items: Sequence[Item], *, whole: bool) -> Plan:
        """Pair items with slots; what brings no image says why, and what has no slot is spare."""
        landings, remote = [], []
        spare: list[tuple[str, str]] = []
        for item in items:
            landed = self._landing(item)
            if isinstance(landed, Placement):
                landings.append(landed)
            elif isinstance(landed, RemoteImage):
                remote.append(landed)
            elif landed:
                spare.append(landed)
        left = [f for i, f in self.facts.items() if i not in self._used]
        spare += [(f.name, "not an image") for f in left if f.name not in dict(spare)]
        reasons = [*self._reasons, *(Missing.DROPPED if whole else Missing.TRUNCATED for _ in self._free)]
        missing = tuple(zip(self._free, reasons, strict=False))
        return Plan(tuple(landings), tuple(remote), missing, tuple(spare), self.attempt.job_key)

    def _landing(self, item: Item) -> Placement | RemoteImage | tuple[str, str] | None:
        if item.url:
            if not self._free:
                return None
            return RemoteImage(self._free.pop(0), item.url, self.expires.get(item.url))
        part = item.run.part if item.run else None
        if item.reason or part is None or part in self._used or part not in self.facts:
            self._reasons.append(_missing(item.reason))
            return None
        facts = self.facts[part]
        seen = sniff(facts.head, facts.where)
        if seen is None or is_unasked(seen, self.attempt.request):
            self._reasons.append(Missing.UNDECODABLE)
            return facts.name, "no image that was asked for"
        if why := fault(seen, facts):
            self._reasons.append(why)
            return facts.name, "cut off" if why == NO_END else "an image without pixels"
        self._used.add(part)
        if not self._free:
            return facts.name, "more images came than were asked"
        return placed(self.attempt, self._free.pop(0), facts, seen)


def placed(attempt: Attempt, slot: int, facts: PartFacts, seen: ImageFacts) -> Placement:
    """Say where the image in a part goes, and what is known of it."""
    path, wrong = f"images/{attempt.path(slot, seen.ext)}", _mismatches(attempt.request, seen, facts)
    size = (facts.bytes, seen.width, seen.height)
    return Placement(facts.name, StoredImage(slot, path, facts.sha256, *size, seen.format, wrong))


def _mismatches(request: ImageRequest, seen: ImageFacts, part: PartFacts) -> tuple[Mismatch, ...]:
    """Say what is not as the job asked: size, format, alpha; and an image that is blank, or far too large."""
    asked_format = request.output_format
    wrong = []
    if _is_other_size(request.param("size") or "", seen):
        wrong.append(Mismatch.SIZE)
    if seen.width * seen.height > MOST_PIXELS and seen.format != "svg":
        wrong.append(Mismatch.PIXELS)
    if asked_format and asked_format.replace("jpg", "jpeg") != seen.format:
        wrong.append(Mismatch.FORMAT)
    if request.param("background") == "transparent" and seen.alpha is False:
        wrong.append(Mismatch.ALPHA)
    if is_blank(part, seen):
        wrong.append(Mismatch.BLANK)
    return tuple(wrong)


def is_unasked(seen: ImageFacts, request: ImageRequest) -> bool:
    """Whether an image is one that could run, which nobody asked for."""
    return seen.format == "svg" and request.output_format != "svg"


def _is_other_size(asked: str, seen: ImageFacts) -> bool:
    """Whether an image is not as large as asked; of an SVG, which has no pixels, whether it is of another shape."""
    width, _, height = asked.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        return False
    if seen.format == "svg":
        return int(width) * seen.height != int(height) * seen.width
    return (int(width), int(height)) != (seen.width, seen.height)


def to_answer(receipt: Receipt, plan: Plan, replaces: str | None) -> dict[str, Any]:
    """Return the receipt and the plan as JSON, to be finished from after a crash."""
    return {
        "version": VERSION,
        "attempt": receipt.attempt_id,
        "key": plan.key,
        "phase": receipt.phase.value,
        "verdict": _flat(receipt.verdict),
        "status": receipt.status,
        "pictures": [{"part": landing.part, **_flat(landing.image)} for landing in plan.landings],
        "remote": [_flat(remote) for remote in plan.remote],
        "missing": [list(pair) for pair in plan.missing],
        "spare": [list(pair) for pair in plan.spare],
        "usage": _flat(receipt.usage) if receipt.usage else None,
        "echo": _flat(receipt.echo),
        "request_id": receipt.request_id,
        "headers": [list(pair) for pair in receipt.headers],
        "seconds": receipt.seconds,
        "replaces": replaces,
    }


def _missing(reason: str) -> Missing:
    """Read why an image is missing; whatever else was said, it could not be decoded."""
    return Missing(reason) if reason in frozenset(Missing) else Missing.UNDECODABLE


def _flat(value: StoredImage | RemoteImage | Verdict | Usage | Echo) -> dict[str, Any]:
    """Return the fields of a value that holds no other value: what `asdict` gives, without its deep copies."""
    return {name: getattr(value, name) for name in value.__slots__}


def accepted(handle: str) -> dict[str, Any]:
    """Return the answer to a call that was accepted, as JSON: what it brings is asked for by this handle."""
    return {"version": VERSION, "handle": handle}


def finish(workspace: Workspace, store: ImageStore, attempt_id: str) -> Receipt | str | None:
    """Complete the answer that is whole in an attempt's spool, or return the handle of what comes later. Blocks."""
    answer = workspace.spool(attempt_id).read()
    if answer is not None and isinstance(handle := answer.get("handle"), str):
        return handle
    return None if answer is None else complete(workspace, store, attempt_id, answer)


def complete(workspace: Workspace, store: ImageStore, attempt_id: str, answer: Mapping[str, Any]) -> Receipt:
    """Complete an answer that is whole in its spool, and says what becomes of it. Blocks."""
    spool = workspace.spool(attempt_id)
    try:
        receipt, plan, replaces = _from_answer(answer)
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{spool.path}: answer.json is not of this program: {error!r}") from error
    return publish(workspace, store, spool, receipt, plan, replaces)


def publish(
    workspace: Workspace, store: ImageStore, spool: Spool, receipt: Receipt, plan: Plan, replaces: str | None
) -> Receipt:
    """Do what was planned with an answer that is whole in its spool. Blocks.

    Publishes every image of the receipt (those already in place stay), moves bytes without a use to quarantine, and
    returns the receipt to settle with. The spool itself stays until the caller has settled. After a crash, doing it
    again gives the same receipt.
    """
    new = [
        NewImage(spool.where(one.part), one.image.path, one.image.sha256, plan.key, one.image.slot, spool.home)
        for one in plan.landings
    ]
    gone = store.put_all(new, replacing=replaces)
    if plan.spare:
        receipt = replace(receipt, quarantine=_set_aside(workspace, spool.attempt_id, plan.spare, receipt))
    versions = [store.e_tag(image.path) for image in receipt.images]
    if any(gone) or any(versions):
        told = zip(receipt.images, gone, versions, strict=True)
        images = tuple([replace(image, replaces=place, e_tag=version) for image, place, version in told])
        receipt = replace(receipt, images=images)
    return receipt


def blot(path: Path, secrets: Iterable[str]) -> None:
    """Cross secrets out in a file, in whatever spelling they stand there. Blocks."""
    with guarded(path), path.open("r+b") as file:
        if not os.fstat(file.fileno()).st_size:
            return  # nothing can be mapped
        with mmap(file.fileno(), 0) as data:
            for trace in traces(secrets):
                for first, last in [found.span() for found in trace.finditer(data)]:
                    data[first:last] = b"*" * (last - first)


def _set_aside(workspace: Workspace, attempt_id: str, spare: Sequence[tuple[str, str]], receipt: Receipt) -> str:
    """Keep what has no use in a quarantine folder of its own: the spool goes away once the call is settled."""
    source, aside = workspace.spool(attempt_id), workspace.spool(attempt_id + EXTRA)
    if aside.path.exists():
        aside.discard()
    notes = {}
    for index, (name, why) in enumerate(spare):
        part = aside.part(index)
        with (source.path / name).open("rb") as file:
            while piece := file.read(_PIECE):
                part.write(piece)
        part.close()
        notes[f"{index}.part"] = why
    return aside.quarantine({"attempt": attempt_id, "status": receipt.status, "parts": notes})


def _from_answer(answer: Mapping[str, Any]) -> tuple[Receipt, Plan, str | None]:
    """Read what `to_answer` wrote; version 0.1.0 wrote flags with a prefix where mismatches stand now."""
    if answer["version"] != VERSION:
        raise ValueError(f"version {answer['version']!r}")
    landings = []
    for entry in answer["pictures"]:
        facts = dict(entry)
        part, flags = facts.pop("part"), facts.pop("flags", ())
        wrong = [str(name).rpartition(":")[2] for name in (*facts.get("mismatches", ()), *flags)]
        landings.append(Placement(part, read(StoredImage, {**facts, "mismatches": wrong})))
    receipt = read(Receipt, {"attempt_id": answer["attempt"], **{name: answer[name] for name in _TOLD}})
    missing = tuple((slot, _missing(why)) for slot, why in answer["missing"])
    receipt = replace(receipt, images=tuple(landing.image for landing in landings), missing=missing)
    spare = tuple((name, why) for name, why in answer["spare"])
    return receipt, Plan(tuple(landings), spare=spare, key=str(answer.get("key", ""))), answer["replaces"]
