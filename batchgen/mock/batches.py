"""Batches: their life by polls or by the clock, their output and error files, and their bill at half the price."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from batchgen.mock.api_files import MONTH, ApiFile, ApiFiles
from batchgen.mock.batch_lines import KINDS, Invalid, Line, prompts, read, unanswered, validated
from batchgen.mock.config import MockConfig
from batchgen.mock.faults import EVERY
from batchgen.mock.plan import Faults, Hit
from batchgen.mock.reply import Refused, error, wrong_value
from batchgen.mock.seeded import draw
from batchgen.runtime.clock import Clock

DAY = 86_400
FINAL = frozenset({"failed", "completed", "expired", "cancelled"})
QUEUED = frozenset({"validating", "in_progress", "finalizing"})
# How long a poll waits for lines that are being drawn, in seconds.
PATIENCE = 2.0
Written = tuple[dict[str, Any] | bytes, bool]  # a line, and whether it goes to the output file (else to the errors)


@dataclass(slots=True)
class Batch:
    """One batch. `done` lines have been performed; `hidden` lists do not show it yet. `shown` are ids of its files."""

    id: str
    input_file_id: str
    endpoint: str
    metadata: dict[str, str] | None
    owner: str
    created: int
    began: float
    hit: Hit
    origin: str = ""
    status: str = "validating"
    polls: int = 0
    hidden: int = 0
    model: str = ""
    tokens: int = 0
    lines: list[Line] = field(default_factory=list)
    done: int = 0
    completed: int = 0
    failed: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    output: ApiFile | None = None
    error_file: ApiFile | None = None
    shown: dict[str, str] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    work: asyncio.Task[None] | None = None

    @property
    def fault(self) -> str:
        """What is odd about its life."""
        return EVERY[self.hit.fault].batch or "" if self.hit.fault in EVERY else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the batch object of the API."""
        stamps = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model or None,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.shown.get("output"),
            "error_file_id": self.shown.get("error"),
            "created_at": self.created,
            **{f"{name}_at": self.times.get(name) for name in stamps},
            "expires_at": self.created + DAY,
            "request_counts": {"total": len(self.lines), "completed": self.completed, "failed": self.failed},
            "metadata": self.metadata,
        }


Perform = Callable[[Batch, Line, dict[str, Any]], Awaitable[tuple[list[Written], bool]]]
"""Performs one line at half the price: what it writes, and whether it succeeded."""


@dataclass(slots=True)
class Batches:
    """Every batch of one server."""

    config: MockConfig
    clock: Clock
    files: ApiFiles
    faults: Faults
    perform: Perform
    weigh: Callable[[str, dict[str, Any], str], int]
    prefix: str = "/v1"
    _known: dict[str, Batch] = field(default_factory=dict)
    _asked: dict[str, int] = field(default_factory=dict)

    def create(self, asked: dict[str, Any], owner: str) -> Batch:
        """Make a batch of an input file; Refused when the request is wrong. The batch is not kept yet."""
        endpoint, window = asked.get("endpoint"), asked.get("completion_window")
        served = [self.prefix + end for end in KINDS]
        if not isinstance(endpoint, str) or endpoint not in served:
            raise Refused(
                wrong_value("endpoint", f"Invalid value: '{endpoint}'. Supported values are: {', '.join(served)}.")
            )
        if window != "24h":
            raise Refused(wrong_value("completion_window", f"Invalid value: '{window}'. Value must be '24h'."))
        file = self.files.find(str(asked.get("input_file_id")), owner)
        if not file.is_processed:
            raise Refused(wrong_value("input_file_id", f"The file {file.id} is still being processed."))
        if file.purpose != "batch":
            raise Refused(
                wrong_value("input_file_id", "The input file must have been uploaded with the purpose 'batch'.")
            )
        number = len(self._known) + 1
        name = f"batch_mock{number:06d}{int(draw(self.config.seed, 'batch', number) * 16**8):08x}"
        metadata, now = _metadata(asked.get("metadata")), int(self.clock.now().timestamp())
        return Batch(name, file.id, endpoint, metadata, owner, now, self.clock.monotonic(), self._hit(file))

    def keep(self, batch: Batch) -> None:
        """Let a batch live."""
        batch.hidden = int(batch.hit.number("late", 0))
        self._known[batch.id] = batch

    async def find(self, name: str, owner: str) -> Batch:
        """Poll one batch; Refused when there is none, or another project has it."""
        batch = self._mine(name, owner)
        await self._advance(batch)
        return batch

    async def listed(self, owner: str) -> list[Batch]:
        """Poll every batch that an owner sees, newest first."""
        mine = [b for b in reversed(self._known.values()) if not self.config.project_per_key or b.owner == owner]
        shown = [batch for batch in mine if batch.hidden <= 0]
        for batch in mine:
            batch.hidden -= 1
        for batch in shown:
            await self._advance(batch)
        return shown

    def cancel(self, name: str, owner: str) -> Batch:
        """Begin to cancel a batch; what has been performed is delivered and charged."""
        batch = self._mine(name, owner)
        if batch.status in FINAL:
            raise Refused(error(409, f"Cannot cancel a batch with status '{batch.status}'.", None))
        if batch.status != "cancelling":
            self._enter(batch, "cancelling")
        return batch

    def _mine(self, name: str, owner: str) -> Batch:
        batch = self._known.get(name)
        if batch is None or (self.config.project_per_key and batch.owner != owner):
            raise Refused(error(404, f"No batch found with id '{name}'.", None))
        return batch

    def close(self) -> None:
        """Stop performing."""
        for batch in self._known.values():
            if batch.work:
                batch.work.cancel()

    def _hit(self, file: ApiFile) -> Hit:
        for number, prompt in prompts(file):
            count = self._asked.get(prompt, 0)
            self._asked[prompt] = count + 1
            if (hit := self.faults.hit(prompt, count, "batch")) and hit.fault in EVERY:
                return Hit(hit.fault, {"line": str(number), **hit.options})
        return Hit("")

    def _stage(self, batch: Batch) -> int:
        """How far it may be: 0 validating, 1 in progress, 2 finalizing, 3 completed."""
        if self.config.batch_seconds is None:
            return min(3, batch.polls // max(1, self.config.batch_polls))
        passed = self.clock.monotonic() - batch.began
        return min(3, int(3 * passed / self.config.batch_seconds)) if self.config.batch_seconds > 0 else 3

    async def _advance(self, batch: Batch) -> None:
        batch.polls += 1
        if batch.status in FINAL:
            return
        if batch.status == "cancelling":
            await self._settled(batch)
            self._end(batch, "cancelled")
            return
        stage = self._stage(batch)
        if batch.status == "validating" and stage >= 1:
            self._validate(batch)
        if batch.status == "in_progress" and await self._performed(batch, stage) and stage >= 2:
            self._enter(batch, "finalizing")
        if batch.status == "finalizing" and stage >= 3:
            self._finish(batch)

    def _validate(self, batch: Batch) -> None:
        file = self.files.peek(batch.input_file_id)
        try:
            batch.model, lines = validated(file, batch.endpoint)
            self._judge(batch, lines)
        except Invalid as wrong:
            batch.errors = [wrong.told]
            self._enter(batch, "failed")
            return
        batch.lines = sorted(lines, key=lambda line: draw(self.config.seed, batch.id, line.custom_id))
        batch.output = self.files.new("batch_output", f"{batch.id}_output.jsonl", batch.owner, MONTH)
        batch.error_file = self.files.new("batch_output", f"{batch.id}_error.jsonl", batch.owner, MONTH)
        self._enter(batch, "in_progress")

    def _judge(self, batch: Batch, lines: list[Line]) -> None:
        limit = self.config.batch_queue_tokens
        file = self.files.peek(batch.input_file_id)
        if limit is not None and file is not None:
            batch.tokens = sum(self.weigh(batch.endpoint, read(file, line), batch.owner) for line in lines)
        queued = sum(b.tokens for b in self._known.values() if b.model == batch.model and b.status in QUEUED)
        if batch.fault == "token_limit" or (limit is not None and queued > limit):
            shown = limit if limit is not None else int(batch.hit.number("limit", 1_000_000))
            words = f"Enqueued token limit reached for {batch.model} in organization org-mock. Limit: {shown} enqueued "
            raise Invalid("token_limit_exceeded", words + "tokens. Please try again once some batches have completed.")
        if batch.fault == "no_model":
            words = f"The provided model '{batch.model}' is not supported by the Batch API."
            raise Invalid("model_not_found", words, 1, "body.model")
        if batch.fault == "validation":
            line = int(batch.hit.number("line", 1))
            raise Invalid("invalid_value", "Invalid value: the prompt cannot be used.", line, "body.prompt")

    async def _performed(self, batch: Batch, stage: int) -> bool:
        """Perform half of the lines in the first stage and the rest later; whether the batch may go on."""
        share = 0.5 if stage < 2 else 1.0
        if batch.fault in {"expired", "cancelled", "failed"}:
            share = min(share, batch.hit.number("share", 0.0 if batch.fault == "failed" else 0.5))
        if batch.fault == "stuck":
            return False
        await self._settled(batch)
        upto = -(-len(batch.lines) * int(share * 1000) // 1000)
        if batch.done < upto and (batch.work is None or batch.work.done()):
            batch.work = asyncio.create_task(self._work(batch, upto))
            await asyncio.wait({batch.work}, timeout=PATIENCE)
        return batch.done >= upto

    async def _work(self, batch: Batch, upto: int) -> None:
        file = self.files.peek(batch.input_file_id)
        while batch.done < upto and file is not None:
            line = batch.lines[batch.done]
            written, good = await self.perform(batch, line, read(file, line))
            self._write(batch, written)
            batch.done += 1
            batch.completed, batch.failed = batch.completed + good, batch.failed + (not good)
            # Other requests are served between two lines.
            await asyncio.sleep(0)

    async def _settled(self, batch: Batch) -> None:
        if batch.work and not batch.work.done():
            await asyncio.wait({batch.work}, timeout=PATIENCE)

    def _write(self, batch: Batch, written: Iterable[Written]) -> None:
        for line, good in written:
            file = batch.output if good else batch.error_file
            assert file is not None, "files are made before lines are performed"
            with file.path.open("ab") as opened:
                opened.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")

    def _finish(self, batch: Batch) -> None:
        if batch.fault == "failed":
            self._enter(batch, "failed")
        elif batch.fault == "cancelled" or batch.hit.options.get("ends") == "cancelled":
            self._end(batch, "cancelled")
        elif batch.fault == "expired":
            late = "This request could not be executed before the completion window expired."
            rest = batch.lines[batch.done :]
            self._write(batch, ((unanswered(n.number, n.custom_id, "batch_expired", late), False) for n in rest))
            batch.failed += len(rest)
            self._end(batch, "expired")
        else:
            self._end(batch, "completed")

    def _end(self, batch: Batch, status: str) -> None:
        for name, file in (("output", batch.output), ("error", batch.error_file)):
            if file is not None and file.size:
                batch.shown[name] = file.id
                file.fault = batch.hit if batch.fault.startswith("output_") and file is batch.output else None
                if file is not batch.output or batch.fault != "output_gone":
                    self.files.keep(file)
        if batch.fault == "no_output":
            batch.shown.pop("output", None)
        self._enter(batch, status)

    def _enter(self, batch: Batch, status: str) -> None:
        batch.status = status
        batch.times[status] = int(self.clock.now().timestamp())


def _metadata(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    plain = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    if not plain or len(value) > 16 or any(len(k) > 64 or len(v) > 512 for k, v in value.items()):
        raise Refused(wrong_value("metadata", "Invalid 'metadata': at most 16 texts of 512 characters are taken."))
    return dict(value)
