"""The driver of a cluster alone: a run whose nodes bring every image at once, and cost nothing."""

import json
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

from batchgen.app.config.options import Options
from batchgen.app.run.start import run_manifest
from batchgen.app.watch import Unwatched
from batchgen.executor.protocol import Came
from batchgen.model import Attempt, Charge, Lost, Pending, Phase, Receipt, Remedy, StoredImage, Usage, Verdict
from benchmarks.payload import OUTPUT_TOKENS, SIDE
from benchmarks.processes import CLIENT_CORE, pin

GOOD = Verdict(Charge.YES, Remedy.NONE)
USAGE = Usage(text_in=12, image_in=0, output=OUTPUT_TOKENS, total=OUTPUT_TOKENS + 12)


class Instant:
    """Says of each attempt that its image stands in the store."""

    def __init__(self, *_what: object, **_how: object) -> None:
        """Need nothing."""

    def session(self) -> AbstractAsyncContextManager[None]:
        """Be ready."""
        return nullcontext()

    async def execute(self, attempts: Sequence[Attempt]) -> Sequence[Came]:
        """Bring every image."""
        return [Receipt(one.id, Phase.COMPLETE, GOOD, 200, self._images(one), usage=USAGE) for one in attempts]

    async def collect(self, open: Sequence[Pending | Attempt]) -> Sequence[Came]:  # noqa: A002 - as in the protocol
        """Know of nothing."""
        return [Lost(one.id if isinstance(one, Attempt) else one.attempt_id, "unknown") for one in open]

    async def forget(self, attempt_id: str) -> None:
        """Keep nothing."""

    @staticmethod
    def _images(one: Attempt) -> tuple[StoredImage, ...]:
        return tuple(
            StoredImage(slot, f"images/{one.path(slot, 'png')}", f"{one.id:0>64}"[:64], 48 << 10, SIDE, SIDE, "png")
            for slot in one.slots
        )


def main() -> None:
    """Run one manifest to its end."""
    pin(CLIENT_CORE)
    facts: dict[str, Any] = json.loads(sys.argv[1])
    options = Options(base_url="http://127.0.0.1:9/v1", output=Path(facts["output"]), concurrency=facts["at_once"])
    result = run_manifest(Path(facts["manifest"]), options, Unwatched(), make_executor=Instant)
    stored = result.summary["images"]["stored"]
    if stored != facts["calls"]:
        raise SystemExit(f"{stored} images of {facts['calls']}: {result.summary['why']}")


if __name__ == "__main__":
    main()
