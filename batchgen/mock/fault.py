"""What a fault is: what it shows, whether the call is charged, and its effect."""

from dataclasses import dataclass

from batchgen.mock import fault_answers as told
from batchgen.mock import fault_replies as instead
from batchgen.mock import fault_scripts as wire

FREE = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `script` and `as_url` may stand beside another effect, which else stands alone.

    `reply` answers with something else, `spoil` changes what is drawn, `alter` changes the answer, `script` spoils the
    wire, `blocked` is moderation at a stage, `download` spoils the reading of an image by its address, `address` is
    given out instead of an image's true one (`{origin}` and `{key}` are the call's own). `delay` is the default wait
    before the answer; what is not `drawn` never shows a byte of an image. `factor` multiplies the tokens that are
    reported and charged, `cost` is charged instead (dollars). `task`, `batch`, `line` and `file` spoil the life of a
    task, the life of a batch, what is written of one of its lines, and an upload.
    """

    shows: str
    charged: bool = True
    reply: instead.Instead | None = None
    spoil: told.Spoil | None = None
    alter: told.Alter | None = None
    script: wire.Scripted | None = None
    blocked: str | None = None
    download: str | None = None
    address: str | None = None
    as_url: bool = False
    delay: float = 0.0
    drawn: bool = True
    factor: int = 1
    cost: float | None = None
    task: str | None = None
    batch: str | None = None
    line: str | None = None
    file: str | None = None
