"""Files and batches: the vendor's own package drives them, their life, their faults, and half the price."""

import base64
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest

from batchgen.mock import Rule
from tests.mock.test_mock_tasks import Stopped

MODEL = "gpt-image-2.5-flare"
GENERATE, EDIT = "/v1/images/generations", "/v1/images/edits"
TINY = b"\x89PNG tiny"


def line(custom_id: str, prompt: str = "A lamp", url: str = GENERATE, **fields: Any) -> dict[str, Any]:
    """One line of an input file."""
    body = {"model": MODEL, "prompt": prompt, "quality": "low", **fields}
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


async def submit(client: Any, *lines: Any, endpoint: str = GENERATE, **more: Any) -> Any:
    """Upload lines and create a batch of them."""
    text = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines)
    file = await client.files.create(file=("in.jsonl", text.encode()), purpose="batch")
    return await client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", metadata={"batchgen": "b1"}, **more
    )


async def finished(client: Any, batch: Any, polls: int = 6) -> Any:
    """Poll until the batch has ended."""
    for _ in range(polls):
        batch = await client.batches.retrieve(batch.id)
        if batch.status in {"completed", "failed", "expired", "cancelled"}:
            break
    return batch


async def read(client: Any, file_id: str | None) -> list[Any]:
    """Return the lines of a file, parsed where they are JSON."""
    if file_id is None:
        return []
    found = []
    for text in (await client.files.content(file_id)).text.splitlines():
        try:
            found.append(json.loads(text))
        except ValueError:
            found.append(text)
    return found


async def results(client: Any, batch: Any) -> tuple[list[Any], list[Any]]:
    """Say what stands in the output and in the error file."""
    return await read(client, batch.output_file_id), await read(client, batch.error_file_id)


async def test_a_batch_is_drawn_at_half_the_price(sdk: Callable[..., Any]) -> None:
    """Every line is joined by its id, in any order, and the bill is half of what calls cost."""
    client, server = await sdk()
    calls = [await client.images.generate(model=MODEL, prompt=f"lamp {i}", quality="low", n=2) for i in range(3)]
    price = server.bill()["total_micro_usd"]
    batch = await finished(client, await submit(client, *(line(f"j{i}", f"lamp {i}", n=2) for i in range(3))))
    good, bad = await results(client, batch)
    assert (batch.status, bad, {one["custom_id"] for one in good}) == ("completed", [], {"j0", "j1", "j2"})
    for one in good:
        assert (one["response"]["status_code"], one["error"], len(one["response"]["body"]["data"])) == (200, None, 2)
    usage = next(one for one in good if one["custom_id"] == "j0")["response"]["body"]["usage"]
    assert usage["total_tokens"] == calls[0].usage.total_tokens
    entries = [entry for entry in server.bill()["requests"] if entry["route"] == "batch"]
    halves = [-(-(e["text_tokens"] * 5 + e["output_tokens"] * 30) // 2) for e in entries]
    assert [entry["charged_micro_usd"] for entry in entries] == halves
    assert 2 * sum(halves) - 3 <= price <= 2 * sum(halves)
    assert entries[0]["headers"]["x-batch"] == batch.id


async def test_a_batch_goes_through_its_life_by_polls(sdk: Callable[..., Any]) -> None:
    """Validating, in progress, finalizing, completed; counts grow and files come at the end."""
    client, _ = await sdk(fixed_bytes=TINY)
    batch = await submit(client, *(line(f"j{i}") for i in range(4)))
    seen = [(batch.status, batch.request_counts.completed, batch.output_file_id)]
    for _ in range(3):
        batch = await client.batches.retrieve(batch.id)
        seen.append((batch.status, batch.request_counts.completed, batch.output_file_id))
    assert [state for state, _, _ in seen] == ["validating", "in_progress", "finalizing", "completed"]
    assert [done for _, done, _ in seen] == [0, 2, 4, 4]
    assert [bool(file) for *_, file in seen] == [False, False, False, True]
    assert batch.metadata == {"batchgen": "b1"}
    assert batch.in_progress_at
    assert batch.completed_at
    assert batch.expires_at - batch.created_at == 86_400


async def test_a_batch_goes_through_its_life_by_the_clock(sdk: Callable[..., Any]) -> None:
    """Polls alone bring it nowhere."""
    clock = Stopped()
    client, _ = await sdk(clock=clock, fixed_bytes=TINY, batch_seconds=300)
    batch = await submit(client, line("a"))
    seen = []
    for seconds in (0, 0, 101, 100, 100):
        clock.seconds += seconds
        seen.append((await client.batches.retrieve(batch.id)).status)
    assert seen == ["validating", "validating", "in_progress", "finalizing", "completed"]


async def test_edits_read_uploaded_images(sdk: Callable[..., Any], png: Callable[..., bytes]) -> None:
    """By file id, in a batch and in a JSON call; a file for something else is refused."""
    client, server = await sdk(fixed_bytes=TINY)
    image = await client.files.create(file=("a.png", png(512, 512), "image/png"), purpose="vision")
    asked = line("a", url=EDIT, images=[{"file_id": image.id}])
    gone = line("b", url=EDIT, images=[{"file_id": "file-none"}])
    batch = await finished(client, await submit(client, asked, gone, endpoint=EDIT))
    good, bad = await results(client, batch)
    assert good[0]["response"]["body"]["usage"]["input_tokens_details"]["image_tokens"] == 1024
    assert (bad[0]["custom_id"], bad[0]["response"]["status_code"]) == ("b", 404)
    call = {"model": MODEL, "prompt": "A", "images": [{"file_id": batch.input_file_id}]}
    with pytest.raises(openai.BadRequestError):
        await client.post("/images/edits", body=call, cast_to=object)
    assert server.bill()["charged_calls"] == 1


async def test_files_live_until_they_are_deleted(sdk: Callable[..., Any]) -> None:
    """Uploaded, listed in pages, told of, read, and gone."""
    client, _ = await sdk()
    made = [
        await client.files.create(file=(f"{i}.jsonl", b"x" * i), purpose="batch" if i % 2 else "vision")
        for i in range(1, 8)
    ]
    page = await client.files.list(limit=3)
    assert [file.id for file in page.data] == [file.id for file in reversed(made[4:])]
    assert [file.id async for file in client.files.list(limit=2, order="asc")] == [file.id for file in made]
    assert [file.filename async for file in client.files.list(purpose="vision")] == ["6.jsonl", "4.jsonl", "2.jsonl"]
    told = await client.files.retrieve(made[3].id)
    assert (told.bytes, told.purpose, told.expires_at) == (4, "vision", None)
    assert made[0].expires_at - made[0].created_at == 30 * 86_400
    assert (await client.files.content(made[3].id)).content == b"xxxx"
    assert (await client.files.delete(made[3].id)).deleted
    with pytest.raises(openai.NotFoundError):
        await client.files.content(made[3].id)


async def test_a_file_can_expire(sdk: Callable[..., Any]) -> None:
    """After its time it is as if it had been deleted."""
    from datetime import timedelta

    class Ahead(Stopped):
        ahead = timedelta()

        def now(self) -> Any:
            return super().now() + self.ahead

    clock = Ahead()
    client, _ = await sdk(clock=clock)
    expires: Any = {"anchor": "created_at", "seconds": 3600}
    file = await client.files.create(file=("a.jsonl", b"x"), purpose="batch", expires_after=expires)
    assert file.expires_at - file.created_at == 3600
    clock.ahead = timedelta(hours=2)
    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve(file.id)


async def test_batches_are_listed_in_pages(sdk: Callable[..., Any]) -> None:
    """Newest first, each once, with the metadata that finds them again."""
    client, _ = await sdk(fixed_bytes=TINY)
    made = [(await submit(client, line("a"))).id for _ in range(5)]
    assert [batch.id async for batch in client.batches.list(limit=2)] == made[::-1]
    assert {batch.metadata["batchgen"] async for batch in client.batches.list()} == {"b1"}


async def test_a_cancelled_batch_delivers_what_it_has_drawn(sdk: Callable[..., Any]) -> None:
    """And charges no more than that."""
    client, server = await sdk(fixed_bytes=TINY)
    batch = await submit(client, *(line(f"j{i}") for i in range(4)))
    await client.batches.retrieve(batch.id)
    assert (await client.batches.cancel(batch.id)).status == "cancelling"
    batch = await client.batches.retrieve(batch.id)
    good, bad = await results(client, batch)
    assert (batch.status, len(good), bad) == ("cancelled", 2, [])
    assert server.bill()["charged_calls"] == 2
    with pytest.raises(openai.ConflictError):
        await client.batches.cancel(batch.id)


WRONG: list[tuple[str, tuple[Any, ...], int | None]] = [
    ("invalid_json_line", (line("a"), "{"), 2),
    ("duplicate_custom_id", (line("a"), line("b"), line("a")), 3),
    ("mismatched_model", (line("a"), line("b", model="gpt-image-2")), 2),
    ("invalid_url", (line("a", url=EDIT),), 1),
    ("missing_required_parameter", ({"method": "POST", "url": GENERATE, "body": {}},), 1),
    ("missing_required_parameter", (line("a", model=""),), 1),
    ("invalid_method", ({**line("a"), "method": "GET"},), 1),
    ("invalid_value", (line("a", stream=True),), 1),
    ("empty_file", ("",), None),
]


@pytest.mark.parametrize(("code", "lines", "number"), WRONG)
async def test_a_wrong_line_fails_the_whole_batch(
    sdk: Callable[..., Any], code: str, lines: tuple[Any, ...], number: int | None
) -> None:
    """The line and the code are named, and nothing is charged."""
    client, server = await sdk(fixed_bytes=TINY)
    batch = await finished(client, await submit(client, *lines))
    assert (batch.status, batch.errors.data[0].code, batch.errors.data[0].line) == ("failed", code, number)
    assert server.bill()["calls"] == 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"endpoint": "/v1/chat/completions"}, 400),
        ({"completion_window": "1h"}, 400),
        ({"input_file_id": "file-none"}, 404),
        ({"metadata": {"a": "x" * 513}}, 400),
    ],
)
async def test_a_wrong_creation_is_refused(sdk: Callable[..., Any], change: dict[str, Any], status: int) -> None:
    """No batch comes of it."""
    client, _ = await sdk()
    file = await client.files.create(file=("in.jsonl", b"{}"), purpose="batch")
    asked: Any = {"input_file_id": file.id, "endpoint": GENERATE, "completion_window": "24h", **change}
    with pytest.raises(openai.APIStatusError) as refused:
        await client.batches.create(**asked)
    assert refused.value.status_code == status
    assert [batch async for batch in client.batches.list()] == []


@pytest.mark.sample(7)
@pytest.mark.parametrize(
    ("fault", "status", "good", "bad", "charged"),
    [
        ("batch_validation", "failed", 0, 0, 0),
        ("batch_token_limit", "failed", 0, 0, 0),
        ("batch_failed", "failed", 0, 0, 0),
        ("batch_expired", "expired", 2, 2, 2),
        ("batch_expired share=0", "expired", 0, 4, 0),
        ("batch_cancelled", "cancelled", 2, 0, 2),
        ("batch_stuck", "in_progress", 0, 0, 0),
        ("batch_no_output", "completed", 0, 0, 4),
        ("line_missing", "completed", 3, 0, 4),
        ("line_doubled", "completed", 5, 0, 4),
        ("line_broken", "completed", 4, 0, 4),
        ("line_foreign", "completed", 5, 0, 4),
        ("line_in_both", "completed", 4, 1, 4),
        ("line_empty", "completed", 4, 0, 4),
        ("line_no_response", "completed", 3, 1, 3),
        ("line_expired", "completed", 3, 1, 3),
        ("status_400", "completed", 3, 1, 3),
        ("moderation_input", "completed", 3, 1, 3),
        ("status_500", "completed", 3, 1, 3),
        ("data_empty", "completed", 4, 0, 4),
    ],
)
async def test_a_fault_shows_in_the_files_and_on_the_bill(
    sdk: Callable[..., Any], fault: str, status: str, good: int, bad: int, charged: int
) -> None:
    """One of four lines asks for it."""
    client, server = await sdk(fixed_bytes=TINY)
    lines = [line(f"j{i}", f"lamp {i}" + (f" [[mock: fault={fault}]]" if i == 2 else "")) for i in range(4)]
    batch = await finished(client, await submit(client, *lines))
    output, errors = await results(client, batch)
    assert (batch.status, len(output), len(errors)) == (status, good, bad)
    assert server.bill()["charged_calls"] == charged
    if fault == "batch_validation":
        assert batch.errors.data[0].line == 3
    if fault == "line_broken":
        assert [one for one in output if isinstance(one, str)]
    for one in errors:
        assert one["response"] is None or one["response"]["status_code"] >= 400


@pytest.mark.parametrize(("fault", "exists"), [("create_500", True), ("create_cut", True), ("create_lost", False)])
async def test_a_creation_can_be_ambiguous(sdk: Callable[..., Any], fault: str, exists: bool) -> None:
    """The answer is an error, and the list tells the truth; late= hides it at first."""
    client, _ = await sdk(fixed_bytes=TINY)
    with pytest.raises(openai.APIError):
        await submit(client, line("a", f"A lamp [[mock: fault=batch_{fault} late=2]]"))
    lists = [len([batch async for batch in client.batches.list()]) for _ in range(3)]
    assert lists == [0, 0, int(exists)]


async def test_a_late_creation_fails_without_its_input(sdk: Callable[..., Any]) -> None:
    """Whoever deleted the input file need not fear the batch."""
    client, server = await sdk(fixed_bytes=TINY)
    batch = await submit(client, line("a"))
    await client.files.delete(batch.input_file_id)
    batch = await finished(client, batch)
    assert (batch.status, batch.errors.data[0].code) == ("failed", "invalid_input_file")
    assert server.bill()["calls"] == 0


async def test_the_queue_of_a_model_is_limited(sdk: Callable[..., Any]) -> None:
    """What does not fit fails and is not charged; it fits when the others have ended."""
    client, server = await sdk(fixed_bytes=TINY, batch_queue_tokens=40)
    one, two = await submit(client, line("a"), line("b")), await submit(client, *(line(f"j{i}") for i in range(4)))
    await client.batches.retrieve(one.id)
    two = await finished(client, two)
    assert (two.status, two.errors.data[0].code) == ("failed", "token_limit_exceeded")
    assert (await finished(client, one)).status == "completed"
    assert (await finished(client, await submit(client, *(line(f"j{i}") for i in range(4))))).status == "completed"
    assert server.bill()["charged_calls"] == 6


@pytest.mark.parametrize("fault", ["cut", "500", "404", "slow", "no_range"])
async def test_a_download_can_fail_and_be_resumed(start: Callable[..., Any], sdk: Any, fault: str) -> None:
    """The first reading is spoilt; a range brings the rest."""
    client, server = await sdk(fixed_bytes=TINY)
    prompt = f"A lamp [[mock: fault=batch_output_{fault} delay=0.05]]"
    batch = await finished(client, await submit(client, line("a", prompt), line("b")))
    url = f"{server.base_url}/files/{batch.output_file_id}/content"
    http = await start()
    if fault == "cut":
        import aiohttp

        with pytest.raises(aiohttp.ClientPayloadError):
            await http.get(url)
    else:
        first = await http.get(url, Authorization="Bearer sk-test", Range="bytes=10-")
        assert first.status == {"500": 500, "404": 404}.get(fault, 200)
    whole = (await http.get(url)).body
    part = await http.get(url, Authorization="Bearer sk-test", Range=f"bytes={len(whole) // 2}-")
    assert (part.status, part.body) == (206, whole[len(whole) // 2 :])
    assert len(whole.splitlines()) == 2


async def test_an_output_can_look_whole_and_end_within_a_line(sdk: Callable[..., Any]) -> None:
    """Only its last line tells."""
    client, _ = await sdk(fixed_bytes=TINY)
    prompt = "A lamp [[mock: fault=batch_output_short]]"
    batch = await finished(client, await submit(client, line("a", prompt), line("b"), line("c")))
    cut, whole = await read(client, batch.output_file_id), await read(client, batch.output_file_id)
    assert isinstance(cut[-1], str)
    assert len(whole) == 3
    assert all(isinstance(one, dict) for one in whole)


async def test_uploads_can_fail(sdk: Callable[..., Any]) -> None:
    """By a rule for the file's name; a cut one is kept all the same."""
    rules = (Rule("file_500", "one"), Rule("file_429", "two"), Rule("file_cut", "three"), Rule("401", skip=9))
    client, _ = await sdk(rules=rules)
    for name in ("one", "two", "three"):
        with pytest.raises(openai.APIError):
            await client.files.create(file=(f"{name}.jsonl", b"x"), purpose="batch")
    await client.files.create(file=("four.jsonl", b"x"), purpose="batch")
    assert [file.filename async for file in client.files.list()] == ["four.jsonl", "three.jsonl"]


@pytest.mark.parametrize("purpose", ["", "nonsense"])
async def test_an_upload_needs_a_purpose(sdk: Callable[..., Any], purpose: Any) -> None:
    """It is refused in words, and so is one that is too large."""
    client, _ = await sdk(batch_input_bytes=10)
    with pytest.raises(openai.BadRequestError):
        await client.files.create(file=("a", b"x"), purpose=purpose)
    with pytest.raises(openai.APIStatusError) as large:
        await client.files.create(file=("a", b"x" * 11), purpose="batch")
    assert large.value.status_code == 413
    assert [file async for file in client.files.list()] == []


async def test_keys_can_be_projects(sdk: Callable[..., Any]) -> None:
    """Another key sees neither files nor batches."""
    client, server = await sdk(fixed_bytes=TINY, project_per_key=True)
    batch = await submit(client, line("a"))
    other = client.with_options(api_key="sk-other")
    assert [file async for file in other.files.list()] == []
    assert [found async for found in other.batches.list()] == []
    for look in (other.batches.retrieve(batch.id), other.files.retrieve(batch.input_file_id)):
        with pytest.raises(openai.NotFoundError):
            await look
    assert server.bill()["calls"] == 0


async def test_a_reset_forgets_files_and_batches(sdk: Callable[..., Any], start: Callable[..., Any]) -> None:
    """As it forgets everything else."""
    client, server = await sdk(fixed_bytes=TINY)
    await submit(client, line("a"))
    http = await start()
    async with http.session.post(f"{server.origin}/reset"):
        pass
    assert [file async for file in client.files.list()] == []
    assert [batch async for batch in client.batches.list()] == []


async def test_the_images_of_a_batch_are_those_of_calls(sdk: Callable[..., Any]) -> None:
    """Drawn by the same hand."""
    client, _ = await sdk()
    call = await client.images.generate(model=MODEL, prompt="A lamp", quality="low", output_format="jpeg")
    twin, _ = await sdk()
    batch = await finished(twin, await submit(twin, line("a", output_format="jpeg")))
    good, _ = await results(twin, batch)
    image = good[0]["response"]["body"]["data"][0]["b64_json"]
    assert base64.b64decode(image).startswith(b"\xff\xd8")
    assert image == call.data[0].b64_json


async def test_other_providers_have_no_batches(start: Callable[..., Any]) -> None:
    """The paths lead nowhere."""
    client = await start(dialect="apiyi")
    assert (await client.post("/batches", input_file_id="x")).status == 404
    assert (await client.get(f"{client.server.base_url}/files")).status == 404


async def test_a_batch_is_told_of_when_its_files_are_gone(sdk: Callable[..., Any]) -> None:
    """Alone and in lists, with the ids that they had."""
    client, _ = await sdk()
    batch = await finished(client, await submit(client, line("a", "lamp")))
    for file_id in (batch.input_file_id, batch.output_file_id):
        await client.files.delete(file_id)
    assert (await client.batches.retrieve(batch.id)).output_file_id == batch.output_file_id
    assert [one.output_file_id async for one in client.batches.list()] == [batch.output_file_id]
