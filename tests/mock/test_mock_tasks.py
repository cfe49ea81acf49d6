"""The asynchronous dialect: submitted and charged once, fetched by the id of a task, and never charged again."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from batchgen.runtime.clock import SystemClock


class Stopped(SystemClock):
    """A clock that moves when it is told to."""

    seconds = 1000.0

    def monotonic(self) -> float:
        """Return the seconds so far."""
        return self.seconds


async def submit(client: Any, prompt: str = "A lamp", **fields: Any) -> Any:
    """Submit a call; the id of its task."""
    answer = await client.generate(prompt, **fields)
    (entry,) = answer.json["data"]
    assert (answer.json["code"], entry["status"]) == (200, "submitted")
    return entry["task_id"]


async def poll(client: Any, task: Any) -> Any:
    """Ask for a task by its id as one encoded segment of the path."""
    return await client.get(f"{client.server.base_url}/tasks/{quote(str(task), safe='')}")


async def states(client: Any, task: Any, times: int = 4) -> list[str]:
    """Say what so many polls say."""
    return [(await poll(client, task)).json["data"]["status"] for _ in range(times)]


@pytest.mark.parametrize("n", [1, 4])
async def test_a_task_ends_with_every_image(start: Callable[..., Any], n: int) -> None:
    """Pending, processing, completed; the images stay the same however often they are asked for."""
    client = await start(dialect="tasks", fixed_bytes=b"image")
    task = await submit(client, n=n)
    assert await states(client, task) == ["pending", "processing", "completed", "completed"]
    first, second = [(await poll(client, task)).json["data"]["result"]["images"] for _ in range(2)]
    assert first == second
    assert len(first) == n
    assert (await client.get(first[-1]["url"])).body == b"image"


async def test_a_task_is_on_the_bill_once(start: Callable[..., Any]) -> None:
    """At its submission; polls are free and not on the bill."""
    client = await start(dialect="tasks", fixed_bytes=b"image")
    task = await submit(client, n=2)
    charged = client.server.bill()["total_micro_usd"]
    await states(client, task)
    bill = client.server.bill()
    assert bill["total_micro_usd"] == charged > 0
    assert (bill["calls"], bill["pictures"], bill["requests"][0]["route"]) == (1, 2, "task")


async def test_a_task_takes_its_time(start: Callable[..., Any]) -> None:
    """By the mock's clock, and by polls."""
    clock = Stopped()
    client = await start(clock=clock, dialect="tasks", fixed_bytes=b"image", task_seconds=30, task_polls=0)
    task = await submit(client)
    assert await states(client, task, 3) == ["pending", "processing", "processing"]
    clock.seconds += 31
    assert await states(client, task, 1) == ["completed"]


@pytest.mark.parametrize(
    ("fault", "last", "charged"),
    [
        ("task_failed", "failed", True),
        ("task_failed_free", "failed", False),
        ("task_stuck", "processing", True),
        ("task_unknown_state", "reviewing", True),
        ("task_no_images", "completed", True),
        ("moderation_output", "failed", True),
        ("fewer_1", "completed", True),
    ],
)
async def test_a_task_can_end_otherwise(start: Callable[..., Any], fault: str, last: str, charged: bool) -> None:
    """As the fault says, and charged as it says."""
    client = await start(dialect="tasks", fixed_bytes=b"image")
    task = await submit(client, f"A lamp [[mock: fault={fault}]]", n=4)
    assert (await states(client, task))[-1] == last
    told = (await poll(client, task)).json["data"]
    assert ("error" in told) == (last == "failed")
    assert len(told.get("result", {}).get("images", [])) == (1 if fault == "fewer_1" else 0)
    assert (client.server.bill()["total_micro_usd"] > 0) == charged


@pytest.mark.parametrize("fault", ["task_odd_id", "task_number_id"])
async def test_an_id_can_be_odd(start: Callable[..., Any], fault: str) -> None:
    """It opens as one encoded segment and in no other way."""
    client = await start(dialect="tasks", fixed_bytes=b"image")
    task = await submit(client, f"A lamp [[mock: fault={fault}]]")
    assert (await states(client, task))[-1] == "completed"
    if fault == "task_odd_id":
        assert (await client.get(f"{client.server.base_url}/tasks/{task}")).status == 404


@pytest.mark.parametrize(("fault", "status"), [("500", 500), ("429", 429), ("404", 404), ("html", 502), ("empty", 200)])
async def test_polls_can_fail_at_first(start: Callable[..., Any], fault: str, status: int) -> None:
    """reads= counts the polls that fail; the task goes on."""
    client = await start(dialect="tasks", fixed_bytes=b"image", task_polls=0)
    task = await submit(client, f"A lamp [[mock: fault=task_poll_{fault} reads=2]]")
    answers = [await poll(client, task) for _ in range(3)]
    assert [answer.status for answer in answers] == [status, status, 200]
    assert answers[2].json["data"]["status"] == "completed"


async def test_a_lost_task_was_charged(start: Callable[..., Any]) -> None:
    """Its id is unknown for ever."""
    client = await start(dialect="tasks", fixed_bytes=b"image")
    task = await submit(client, "A lamp [[mock: fault=task_lost]]")
    assert [(await poll(client, task)).status for _ in range(2)] == [404, 404]
    assert client.server.bill()["total_micro_usd"] > 0


async def test_a_submission_can_break_off_after_it_was_charged(start: Callable[..., Any]) -> None:
    """The task exists, and nobody was told its id."""
    client = await start(dialect="tasks", fixed_bytes=b"image")
    got, end = await client.raw("A lamp [[mock: fault=eof_mid_body]]")
    assert (b"submitted" in got, end) == (False, "eof")
    assert client.server.bill()["total_micro_usd"] > 0


async def test_a_refused_submission_makes_no_task(start: Callable[..., Any]) -> None:
    """Limits, moderation and the key are judged before."""
    client = await start(dialect="tasks", fixed_bytes=b"image", key="sk-test-key-0123456789")
    statuses = [(await client.generate(f"A [[mock: fault={f}]]")).status for f in ("429_rate", "moderation_input")]
    assert statuses == [429, 400]
    assert client.server.bill()["total_micro_usd"] == 0
    task = await submit(client)
    assert (await client.get(f"{client.server.base_url}/tasks/{task}", Authorization="Bearer no")).status == 401
    assert (await poll(client, "task_none")).status == 404


async def test_faults_of_other_routes_do_not_touch_a_call(start: Callable[..., Any]) -> None:
    """Those of tasks, batches, lines and uploads leave a plain call alone, and charged."""
    client = await start(fixed_bytes=b"image")
    for fault in ("task_failed_free", "batch_failed", "line_no_response", "file_500"):
        assert (await client.generate(f"A lamp [[mock: fault={fault}]]")).status == 200
    assert client.server.bill()["charged_calls"] == 4
