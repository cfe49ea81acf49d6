"""One line of a batch as a call at half the price, and what is written of it."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from batchgen.mock.api_files import ApiFiles
from batchgen.mock.batch_lines import Line, kind_of, result, result_around, unanswered
from batchgen.mock.batches import Batch, Written
from batchgen.mock.bill import Bill, Entry, used
from batchgen.mock.check import check
from batchgen.mock.form import Fetch, json_form
from batchgen.mock.performer import Performer
from batchgen.mock.reply import Refused, Reply, bad_file, server_error
from batchgen.mock.resolved_request import ResolvedRequest
from batchgen.runtime.clock import Clock


@dataclass(slots=True)
class BatchWorker:
    """Performs lines for one server; they count on no limit of the synchronous calls."""

    performer: Performer
    bill: Bill
    clock: Clock
    fetch: Callable[[str], Fetch]
    count: Callable[[str], int]

    async def perform(self, batch: Batch, line: Line, asked: dict[str, Any]) -> tuple[list[Written], bool]:
        """Perform one line: what is written of it, and whether it succeeded."""
        headers = {"x-batch": batch.id, "x-custom-id": line.custom_id}
        entry = self.bill.open(batch.endpoint, headers, batch.owner, "batch")
        reply, odd = await self._answered(batch, asked["body"], entry)
        entry.status, entry.ended = reply.status, "answered"
        good = reply.status == 200
        if odd is None:
            return [(result_around(line.number, line.custom_id, reply.body, entry.request_id), True)], True
        told = result(line.number, line.custom_id, reply, entry.request_id)
        return _written(odd, told, line, good=good), good and odd not in {"no_response", "expired"}

    def weigh(self, endpoint: str, asked: dict[str, Any], owner: str) -> int:
        """Count the tokens that a line puts into the queue."""
        try:
            tokens = used(self._resolved(endpoint, asked["body"], owner))
        except Refused:
            return 0
        return tokens.text + tokens.image

    async def _answered(self, batch: Batch, body: dict[str, Any], entry: Entry) -> tuple[Reply, str | None]:
        try:
            resolved = self._resolved(batch.endpoint, body, batch.owner)
            entry.take(resolved)
            call, created = self.count(resolved.prompt), int(self.clock.now().timestamp())
            performed = self.performer.perform(replace(resolved, call=call, created=created), entry, batch.owner)
            if self.performer.is_fixed(performed):
                return Reply(200, b"".join(self.performer.fixed(performed))), None
            reply = performed.instead or await self.performer.reply(performed, batch.origin)
        except Refused as refused:
            return refused.reply, ""
        return reply, performed.fault.line or ""

    def _resolved(self, endpoint: str, body: dict[str, Any], owner: str) -> ResolvedRequest:
        form = json_form(body, self.fetch(owner))
        return check(kind_of(endpoint), form, self.performer.dialect, self.performer.config)


def file_bytes(files: ApiFiles, name: str, owner: str, purposes: Collection[str]) -> bytes:
    """Read an uploaded image; Refused when there is none, or it was uploaded for something else."""
    found = files.find(name, owner)
    if found.purpose not in purposes:
        raise Refused(bad_file(name))
    return found.path.read_bytes()


def _written(odd: str, told: dict[str, Any], line: Line, *, good: bool) -> list[Written]:
    failure = result(line.number, line.custom_id, server_error(), "req_mock")
    late = "This request could not be executed before the completion window expired."
    ways: dict[str, list[Written]] = {
        "missing": [],
        "doubled": [(told, good), (told, good)],
        "broken": [(json.dumps(told).encode()[: len(json.dumps(told)) * 3 // 5], good)],
        "foreign": [(told, good), ({**told, "custom_id": "somebody-else", "id": "batch_req_foreign"}, good)],
        "in_both": [(told, True), (failure, False)],
        "empty": [({**told, "response": None}, good)],
        "no_response": [(unanswered(line.number, line.custom_id, "server_error", "Internal error."), False)],
        "expired": [(unanswered(line.number, line.custom_id, "batch_expired", late), False)],
    }
    return ways.get(odd, [(told, good)])
