"""Rejected images that a run at work draws again because somebody asks for it: beside its plan, within its limits."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from batchgen.app.config.project import Project, jobs_of
from batchgen.app.control.orders import Answer
from batchgen.app.run.tasks import Tasks
from batchgen.engine.admission import Additions
from batchgen.engine.group_by_prompt import group_by_prompt
from batchgen.engine.job_runner import Task
from batchgen.errors import BatchgenError
from batchgen.manifest import ManifestSummary
from batchgen.model import Job
from batchgen.money import MicroUSD, exact
from batchgen.planner import Planned
from batchgen.runtime.clock import Offload
from batchgen.text import counted

PATIENCE = 1.0
"""Seconds for which whoever asks waits to hear exactly what is drawn; reading a long manifest takes longer."""


@dataclass
class Redraws:
    """Finds rejected images in the manifest and hands them to the run, each once for each decision.

    `precheck` asks about prompts before anything is paid for them, where that is wanted. `tell` takes what came of it
    later than whoever asked has waited.
    """

    tasks: Tasks
    additions: Additions[Task]
    offload: Offload
    precheck: Callable[[Iterator[str]], Awaitable[None]]
    tell: Callable[[str], object]
    _under_way: set[asyncio.Task[Answer]] = field(default_factory=set)

    async def take(self) -> Answer:
        """Draw what is rejected now; says how much that is, or why it is nothing."""
        rejected = await self.offload(self.tasks.ledger.reviews.rejected)
        if not rejected:
            return Answer(taken=False, why="no image is rejected")
        if not self.additions.expect():
            return Answer(taken=False, why="the run has drawn all that it had, and ends now")
        task = asyncio.create_task(self._hand_over(rejected), name="redraws")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.wait({task}, timeout=PATIENCE)
        if task.done():
            return task.result()
        task.add_done_callback(lambda late: late.cancelled() or self.tell(late.result().why))
        images = counted(sum(rejected.values()), "rejected image")
        return Answer(taken=True, why=f"{images}: the run looks for them in the manifest, and draws them again")

    async def _hand_over(self, rejected: Mapping[str, int]) -> Answer:
        drawn: Sequence[tuple[Planned, Task]] = ()
        try:
            worklist = self.tasks.worklist
            jobs = await asyncio.to_thread(find, worklist.project, worklist.manifest_summary, rejected.keys())
            found = await self.offload(self.tasks.rejected, jobs)
            words = [asked for item in found for asked, _ in group_by_prompt(item.job, item.slots, item.prompts)]
            await self.precheck(asked.request.prompt for asked in words)
            drawn = await self.offload(self.tasks.redraw, jobs)
        except BatchgenError as error:
            return Answer(taken=False, why=f"nothing is drawn again: {error}")
        finally:
            self.additions.come(task for _, task in drawn)
        return _answer([item for item, _ in drawn], sum(rejected.values()))


def _answer(drawn: Sequence[Planned], rejected: int) -> Answer:
    """Say how many of the rejected images are drawn again, for how much, and what of the others."""
    images = sum(len(item.slots) for item in drawn)
    left = rejected - images
    stay = "stays as it is" if left == 1 else "stay as they are"
    others = (
        f"{counted(left, 'rejected image')} {stay}: being drawn already, perhaps paid already, waiting for a canary,"
        " or not in this run's manifest"
    )
    if not images:
        return Answer(taken=False, why=others)
    cost = MicroUSD(sum(item.quote.expected for item in drawn if item.quote))
    now = f"{counted(images, 'image')} {'are' if images != 1 else 'is'} drawn again, for about {exact(cost)}"
    return Answer(taken=True, why=f"{now}; {others}" if left else now)


def find(project: Project, manifest_summary: ManifestSummary, names: Collection[str]) -> list[Job]:
    """Find jobs of a manifest by id, reading it no further than to the last of them. Blocks; no ledger needed."""
    left, found = set(names), list[Job]()
    for job in jobs_of(project, manifest_summary) if left else ():
        if job.id in left:
            found.append(job)
            left.discard(job.id)
        if not left:
            break
    return found
