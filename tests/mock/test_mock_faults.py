"""Every fault shows on the wire what its row says, and is charged as its row says."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchgen.errors import InputError
from batchgen.mock import Faults, MockConfig, Rule, load_rules
from batchgen.mock.faults import EVERY, FAULTS, STATUS, WIRE
from batchgen.mock.plan import SCOPES, directives, without_directives
from batchgen.mock.server import MockServer
from tests.patience import PATIENCE, until

QUICK = "delay=0.05 mb=2"
# Faults of the wire: how the connection ends, and what must (or must not) have come before.
ENDS = {
    "reset_before_headers": "reset",
    "reset_unread": "reset",
    "reset_mid_body": "reset",
    "reset_after_body": "reset",
}
SILENT = {"reset_before_headers", "eof_before_headers", "close_unread", "reset_unread", "stall_before_headers"}


def prompt_for(name: str, options: str = QUICK) -> str:
    """Return a prompt that asks for a fault."""
    return f"A lamp [[mock: fault={name} {options}]]"


async def test_every_fault_is_charged_as_its_row_says(start: Callable[..., Any]) -> None:
    """Whether the call stands on the bill is what the table promises; the option turns it round."""
    client = await start(fixed_bytes=b"\x89PNG tiny", stall_seconds=0.05)
    calls = {n: f for n, f in EVERY.items() if n.partition("_")[0] not in SCOPES}
    flips = {name: f"{QUICK} charged={'no' if fault.charged else 'yes'}" for name, fault in calls.items()}
    await asyncio.gather(*(client.raw(prompt_for(name)) for name in calls))
    await asyncio.gather(*(client.raw(prompt_for(name, flipped)) for name, flipped in flips.items()))
    charged = {(e["fault"], "charged=" in e["prompt"]): e["charged_micro_usd"] > 0 for e in billed(client)}
    assert {name: charged[name, False] for name in calls} == {name: fault.charged for name, fault in calls.items()}
    assert {name: charged[name, True] for name in calls} == {name: not f.charged for name, f in calls.items()}


async def test_a_status_fault_shows_its_status(start: Callable[..., Any]) -> None:
    """The digits in the name are the status line."""
    client = await start()
    digits = {name: next((part for part in name.split("_") if part.isdigit()), "") for name in STATUS}
    names = [name for name, status in digits.items() if status]
    seen = await asyncio.gather(*(client.raw(prompt_for(name)) for name in names))
    assert {n: got[:13] for n, (got, _) in zip(names, seen, strict=True)} == {
        name: f"HTTP/1.1 {digits[name]} ".encode() for name in names
    }
    assert {end for _, end in seen} == {"eof"}


async def test_a_wire_fault_ends_as_its_row_says(start: Callable[..., Any]) -> None:
    """RST or FIN, with or without bytes before it, and never a hang."""
    client = await start(stall_seconds=0.05)
    names = [name for name, fault in WIRE.items() if fault.script]
    seen = await asyncio.gather(*(client.raw(prompt_for(name)) for name in names))
    assert {n: end for n, (_, end) in zip(names, seen, strict=True)} == {n: ENDS.get(n, "eof") for n in names}
    assert {n for n, (got, _) in zip(names, seen, strict=True) if not got} == SILENT


async def test_what_a_row_calls_usable_holds_a_whole_image(start: Callable[..., Any]) -> None:
    """Odd but whole answers carry an image as JSON: a careful reader loses nothing."""
    client = await start()
    odd = [
        n for n, f in FAULTS.items() if f.shows.endswith("usable") and not n.startswith(("chat_", "reset_", "keep_"))
    ]
    assert len(odd) >= 18
    for name in odd:
        answer = await client.generate(prompt_for(name), output_format="jpeg")
        entry = json.loads(answer.body.decode("utf-8-sig"))["data"][0]
        assert entry.get("b64_json") or entry.get("url"), name


def billed(client: Any) -> list[dict[str, Any]]:
    """Return the lines of the bill."""
    lines: list[dict[str, Any]] = client.server.bill()["requests"]
    return lines


@pytest.mark.parametrize("name", ["fewer_0", "fewer_1", "fewer_2", "fewer_3", "more_than_asked"])
async def test_counts_are_drawn_and_charged_as_delivered(start: Callable[..., Any], name: str) -> None:
    """What comes is what usage counts; the input counts for every image asked."""
    client = await start()
    answer = await client.generate(prompt_for(name, ""), n=4, quality="low", output_format="jpeg")
    came = 5 if name == "more_than_asked" else int(name[-1])
    assert len(answer.json["data"]) == came
    usage = answer.json["usage"]
    assert usage["output_tokens"] == 196 * came
    assert client.server.bill()["total_micro_usd"] == 196 * came * 30 + usage["input_tokens"] * 5


async def test_an_entry_fault_touches_the_chosen_entries(start: Callable[..., Any]) -> None:
    """slots= chooses the first, the last or all entries."""
    client = await start(fixed_bytes=b"picture")
    for slots, wanted in {"first": [0], "last": [2], "all": [0, 1, 2]}.items():
        answer = await client.generate(prompt_for("b64_null", f"slots={slots}"), n=3)
        assert [i for i, entry in enumerate(answer.json["data"]) if entry["b64_json"] is None] == wanted


@pytest.mark.parametrize(
    ("name", "size", "form"),
    [
        ("wrong_dimensions", (1254, 1254), "PNG"),
        ("wrong_format", (1024, 1024), "JPEG"),
        ("other_size", (1536, 1024), "PNG"),
    ],
)
async def test_an_image_is_not_as_asked(start: Callable[..., Any], name: str, size: tuple[int, int], form: str) -> None:
    """The bytes contradict the request (and, but for other_size, the answer's own echo)."""
    client = await start()
    answer = await client.generate(prompt_for(name, ""), size="1024x1024")
    assert (answer.image().size, answer.image().format) == (size, form)
    assert answer.json["size"] == ("1536x1024" if name == "other_size" else "1024x1024")


async def test_another_model_is_echoed_and_charged(start: Callable[..., Any]) -> None:
    """A dearer model that drew in silence stands in the answer and on the bill."""
    client = await start()
    answer = await client.generate(prompt_for("other_model", "model=gpt-image-1.5"), quality="high")
    assert answer.json["model"] == "gpt-image-1.5"
    assert client.server.bill()["total_micro_usd"] == 4160 * 32 + answer.json["usage"]["input_tokens"] * 5


async def test_the_first_calls_of_a_prompt_can_fail_and_the_next_go_well(start: Callable[..., Any]) -> None:
    """times= counts the calls of that prompt; a list goes through its faults in turn."""
    client = await start(fixed_bytes=b"picture")
    once = [(await client.generate(prompt_for("status_500", "times=1"))).status for _ in range(3)]
    turns = [(await client.generate(prompt_for("status_503_json,ok,409", ""))).status for _ in range(4)]
    assert (once, turns) == ([500, 200, 200], [503, 200, 409, 200])


async def test_rules_are_counted_over_all_calls(start: Callable[..., Any]) -> None:
    """The quota can end in the middle of a run, for every prompt."""
    client = await start(fixed_bytes=b"picture", rules=(Rule("429_quota", skip=2),))
    answers = [await client.generate(f"lamp {i}") for i in range(4)]
    assert [a.status for a in answers] == [200, 200, 429, 429]
    assert answers[3].error["code"] == "insufficient_quota"


async def test_rules_can_be_added_while_the_server_runs(start: Callable[..., Any]) -> None:
    """The plan is open to tests."""
    client = await start(fixed_bytes=b"picture")
    client.server.faults.add(Rule("401", prompt="chair"))
    assert [(await client.generate(p)).status for p in ("lamp", "chair")] == [200, 401]
    client.server.faults.clear()
    assert (await client.generate("chair")).status == 200


@pytest.mark.parametrize(
    "options", ["size=big", "quality=nope", "delay=nan", "mb=-1", "wait=inf", "charged=maybe", "=", "k=é"]
)
async def test_options_that_make_no_sense_count_as_not_given(start: Callable[..., Any], options: str) -> None:
    """No prompt makes the server itself fail."""
    client = await start(stall_seconds=0.01)
    for name in ("other_size", "other_quality", "slow_body"):
        assert (await client.generate(prompt_for(name, options), output_format="jpeg")).status == 200
    assert (await client.generate(prompt_for("429_rate", options))).status == 429


async def test_a_fault_nobody_knows_is_said(start: Callable[..., Any]) -> None:
    """A misspelt fault must not look like a good answer."""
    client = await start()
    assert (await client.generate(prompt_for("status_777"))).error["code"] == "mock_no_such_fault"


def test_directives_are_read_and_hidden() -> None:
    """Options reach the fault, and a person never reads them in the image."""
    rule = next(directives("A [[mock: fault=drip times=2 delay=0.5]] lamp"))
    assert (rule.fault, rule.times, dict(rule.options)) == ("drip", 2, {"delay": "0.5"})
    assert without_directives("A lamp [[mock: fault=drip]]") == "A lamp"


def test_chance_in_rules_does_not_depend_on_order() -> None:
    """The same prompt and call get the same fate, whoever comes first."""
    prompts = [f"lamp {i}" for i in range(200)]
    there = {p: Faults([Rule("drip", rate=0.3)], 7).hit(p, 0) is not None for p in prompts}
    plan = Faults([Rule("drip", rate=0.3)], 7)
    back = {p: plan.hit(p, 0) is not None for p in reversed(prompts)}
    assert there == back
    assert 40 < sum(there.values()) < 80


def test_rules_come_from_a_file(tmp_path: Path) -> None:
    """A JSON list holds the fields of a rule."""
    file = tmp_path / "faults.json"
    file.write_text(json.dumps([{"fault": "drip", "prompt": "oak", "times": 2, "options": {"delay": 1}}]))
    assert load_rules(file) == (Rule("drip", "oak", times=2, options={"delay": "1"}),)


@pytest.mark.parametrize(
    "text", ["{", '{"fault": "drip"}', '[{"wrong": 1}]', '[{"fault": 3}]', '[{"fault": "drip", "times": "2"}]', "[3]"]
)
def test_a_bad_file_of_rules_is_an_input_error(tmp_path: Path, text: str) -> None:
    """What cannot be used is said before anything starts."""
    file = tmp_path / "faults.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"faults\.json"):
        load_rules(file)


def test_a_rule_for_a_fault_nobody_knows_is_an_input_error() -> None:
    """It is said before the server listens."""
    with pytest.raises(InputError, match="nope"):
        MockServer(MockConfig(rules=(Rule("drip,ok,nope"),)))


async def test_a_client_that_leaves_is_charged(start: Callable[..., Any]) -> None:
    """A call is charged when its body was read, whoever hangs up while it is drawn."""
    client = await start(latency=(PATIENCE, PATIENCE))
    leaving = asyncio.ensure_future(client.raw("A lamp"))
    await until(lambda: client.server.bill()["requests"])
    leaving.cancel()
    await until(lambda: client.server.bill()["requests"][0]["ended"] != "open")
    entry = client.server.bill()["requests"][0]
    assert (entry["ended"], entry["status"], entry["charged_micro_usd"] > 0) == ("client_gone", None, True)


async def test_a_gzip_bomb_is_small_on_the_wire(start: Callable[..., Any]) -> None:
    """A few kilobytes unpack to megabytes."""
    client = await start()
    got, _ = await client.raw(prompt_for("gzip_bomb", "mb=8"))
    assert len(got) < 20_000
    assert b"Content-Encoding: gzip" in got
