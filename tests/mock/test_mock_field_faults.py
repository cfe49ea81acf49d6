"""Faults found in the field: each shows what its row says, for one image and for four, and charges as its row says."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from batchgen.mock import Rule
from batchgen.mock.broken import PREVIEW
from batchgen.mock.fault_keys import SPELLINGS
from batchgen.mock.fault_words import ACCOUNT, MODERATION, RATE, UNKNOWN
from batchgen.mock.faults import EVERY, FAULTS
from batchgen.mock.field_faults import ADDRESSES, FIELD, SHAPES, STREAMS
from batchgen.mock.gemini_faults import GEMINI
from tests.mock.conftest import KEY

TINY = b"\x89PNG tiny, and long enough to be known again in any answer"
ENCODED = base64.b64encode(TINY)
KNOWN = KEY["Authorization"].removeprefix("Bearer ")


def prompt_for(name: str, options: str = "") -> str:
    """Return a prompt that asks for a fault."""
    return f"A lamp [[mock: fault={name} {options}]]"


def events(body: bytes) -> list[tuple[str, Any]]:
    """Return the events of a stream: names and data."""
    found = []
    for block in body.decode().replace("\r\n", "\n").split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        data = "\n".join(line.removeprefix("data:").strip() for line in lines if line.startswith("data:"))
        if data and data != "[DONE]":
            value = json.loads(data)
            found.append((value.get("type", ""), value))
    return found


def test_the_tables_have_no_name_in_common() -> None:
    """A name is one fault."""
    assert len(EVERY) == len(FAULTS) + len(FIELD) + len(GEMINI)
    assert EVERY.keys() == {*FAULTS, *FIELD, *GEMINI}


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("name", [name for name, fault in FIELD.items() if fault.shows.endswith("usable")])
async def test_what_is_usable_holds_every_image(start: Callable[..., Any], name: str, n: int) -> None:
    """Each image is in the answer as base64, or its address opens; nothing is withheld."""
    client = await start(fixed_bytes=TINY)
    answer = await client.generate(prompt_for(name), n=n, output_format="webp")
    assert answer.status == 200
    broken = FIELD[name].spoil and name.startswith("image_")
    marks = b"http://127." if FIELD[name].as_url else ENCODED
    assert broken or answer.body.count(marks) == n
    assert client.server.bill()["pictures"] == n
    if FIELD[name].as_url:
        address = "http" + answer.body.decode().split('"http')[1].split('"')[0]
        assert (await client.get(address)).body == TINY


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("name", [name for name in STREAMS if name.startswith("stream")])
async def test_events_show_previews_that_are_not_the_images(start: Callable[..., Any], name: str, n: int) -> None:
    """Only completed events hold the images; a preview is a whole image and another one."""
    client = await start(fixed_bytes=TINY)
    if name == "stream_cut":
        got, end = await client.raw(prompt_for(name), n=n)
        assert (b"Content-Length" in got, end) == (True, "eof")
        return
    answer = await client.generate(prompt_for(name), n=n)
    found = events(answer.body)
    partials = [base64.b64decode(value["b64_json"]) for kind, value in found if kind.endswith("partial_image")]
    whole = [value for kind, value in found if kind.endswith("completed")]
    assert set(partials) <= {PREVIEW}
    assert all(value["b64_json"].encode() == ENCODED for value in whole)
    usable = FIELD[name].shows.endswith("usable")
    assert len(whole) == (n if usable and name != "stream_whole" else 1 if name == "stream_first_only" else 0)
    assert name == "stream_first_only" or ("usage" in json.dumps(found)) == (usable and name != "stream_no_usage")
    assert any(kind == "error" for kind, _ in found) == ("error" in name)


async def test_events_of_an_edit_have_names_of_their_own(start: Callable[..., Any], png: Callable[..., bytes]) -> None:
    """As the vendor names them."""
    client = await start(fixed_bytes=TINY)
    answer = await client.edit(("image", png(), "a.png", "image/png"), prompt=prompt_for("stream"))
    assert [kind for kind, _ in events(answer.body)] == ["image_edit.partial_image", "image_edit.completed"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("stream", "text/event-stream"),
        ("stream_as_json", "application/json"),
        ("stream_as_text", "text/plain"),
        ("json_as_stream", "text/event-stream"),
        ("json_as_html", "text/html"),
        ("body_png", "image/png"),
        ("body_as_json", "application/json"),
    ],
)
async def test_content_types_are_wrong_either_way(start: Callable[..., Any], name: str, kind: str) -> None:
    """The header says one thing and the body is another."""
    client = await start(fixed_bytes=TINY)
    assert (await client.generate(prompt_for(name))).headers["content-type"].startswith(kind)


@pytest.mark.parametrize("dialect", ["openai", "apiyi"])
@pytest.mark.parametrize("n", [1, 4])
async def test_a_body_can_be_the_image_itself(start: Callable[..., Any], dialect: str, n: int) -> None:
    """Bare, in parts, or packed; also where addresses are usual."""
    client = await start(dialect=dialect, fixed_bytes=TINY)
    bodies = {name: (await client.generate(prompt_for(name), n=n)).body for name in SHAPES if name.startswith("body_")}
    assert {bodies[name] for name in ("body_png", "body_octets", "body_as_json")} == {TINY}
    assert [bodies[name][8:12] for name in ("body_avif", "body_heic")] == [b"avif", b"heic"]
    assert bodies["body_multipart"].count(TINY) == n
    assert len(zipfile.ZipFile(io.BytesIO(bodies["body_zip"])).namelist()) == n


@pytest.mark.parametrize("name", sorted(UNKNOWN))
async def test_an_unknown_answer_holds_no_image(start: Callable[..., Any], name: str) -> None:
    """It is charged all the same."""
    client = await start(fixed_bytes=TINY)
    for n in (1, 4):
        answer = await client.generate(prompt_for(name), n=n)
        assert (answer.status // 100, ENCODED in answer.body) == (2, False)
    assert client.server.bill()["charged_calls"] == 2


@pytest.mark.parametrize("name", sorted(MODERATION))
async def test_moderation_has_many_words(start: Callable[..., Any], name: str) -> None:
    """None of them is the vendor's usual code."""
    client = await start(fixed_bytes=TINY)
    answer = await client.generate(prompt_for(name))
    assert b"moderation_blocked" not in answer.body
    assert (client.server.bill()["total_micro_usd"] > 0) == FIELD[name].charged


@pytest.mark.parametrize("name", sorted(RATE))
async def test_a_rate_limit_in_other_words_is_free(start: Callable[..., Any], name: str) -> None:
    """The wait stands in headers, body or words where the server tells it, and follows the option."""
    client = await start(fixed_bytes=TINY)
    answer = await client.generate(prompt_for(name, "wait=2.5"))
    told = answer.body + json.dumps(answer.headers).encode()
    assert answer.status in {429, 503}
    assert (b"2.5" in told) == (name not in {"rate_body", "rate_body_ms", "rate_concurrency"})
    assert client.server.bill()["total_micro_usd"] == 0


@pytest.mark.parametrize("name", sorted(ACCOUNT))
async def test_an_account_is_refused_in_the_middle_of_a_run(start: Callable[..., Any], name: str) -> None:
    """Three good answers, then the same refusal for every prompt."""
    client = await start(fixed_bytes=TINY, rules=(Rule(name, skip=3),))
    statuses = [(await client.generate(f"lamp {i}")).status for i in range(6)]
    assert statuses[:3] == [200] * 3
    assert set(statuses[3:]) == {ACCOUNT[name].status}
    assert client.server.bill()["charged_calls"] == 3


@pytest.mark.parametrize("name", sorted(ADDRESSES))
async def test_an_address_is_paid_and_brings_nothing(start: Callable[..., Any], name: str) -> None:
    """Four images, four addresses, all charged; those on this server never open."""
    client = await start(dialect="apiyi", fixed_bytes=TINY)
    answer = await client.generate(prompt_for(name), n=4)
    addresses = [entry["url"] for entry in answer.json["data"]]
    assert len(addresses) == 4
    assert client.server.bill()["pictures"] == 4
    for address in addresses:
        if address.startswith(client.server.origin):
            assert [(await client.get(address)).status for _ in range(2)] in ([403, 403], [404, 404])


async def test_the_key_comes_back_in_many_spellings(start: Callable[..., Any]) -> None:
    """Each spelling stands in the answer, and only the plain one as it is."""
    client = await start(fixed_bytes=TINY)
    for name, spelling in SPELLINGS.items():
        answer = await client.generate(prompt_for(f"key_{name}"))
        assert spelling(KNOWN) in json.loads(answer.body)["error"]["message"]
        assert (KNOWN.encode() in answer.body) == (name == "plain")
    assert (await client.generate(prompt_for("key_in_json"))).error["message"] == f"trace: key={KNOWN}"
    assert KNOWN in (await client.generate(prompt_for("key_in_header"))).headers["x-debug"]
    address = (await client.generate(prompt_for("url_with_key"))).json["data"][0]["url"]
    assert KNOWN not in address
    assert "%73%6B" in address


async def test_a_dear_usage_is_told_and_charged(start: Callable[..., Any]) -> None:
    """Sixteen times the tokens, or as the option says, in the answer and on the bill alike."""
    client = await start(fixed_bytes=TINY)
    plain = (await client.generate(quality="low")).json["usage"]["output_tokens"]
    for factor, options in ((16, ""), (40, "factor=40")):
        before = client.server.bill()["total_micro_usd"]
        usage = (await client.generate(prompt_for("usage_dear", options), quality="low")).json["usage"]
        assert usage["output_tokens"] == plain * factor
        charged = client.server.bill()["total_micro_usd"] - before
        assert charged == usage["output_tokens"] * 30 + usage["input_tokens"] * 5


@pytest.mark.parametrize("name", ["usage_small", "usage_small_half", "usage_no_input", "usage_astronomic"])
async def test_a_lying_usage_is_not_what_is_charged(start: Callable[..., Any], name: str) -> None:
    """The bill is that of a good call."""
    client = await start(fixed_bytes=TINY)
    good = (await client.generate("A lamp" + "x" * len(prompt_for(name)), n=2)).json["usage"]
    told = (await client.generate(prompt_for(name), n=2)).json["usage"]
    first, second = (entry["output_tokens"] for entry in client.server.bill()["requests"])
    assert first == second == good["output_tokens"]
    assert told != good


async def test_a_stated_cost_is_what_is_charged(start: Callable[..., Any]) -> None:
    """In usage, beside it, or alone, in dollars; option cost decides a dear one."""
    client = await start(fixed_bytes=TINY)
    for name in ("cost_in_usage", "cost_beside", "cost_only", "cost_text", "cost_dear"):
        before = client.server.bill()["total_micro_usd"]
        answer = (await client.generate(prompt_for(name, "cost=0.25" if name == "cost_dear" else ""), n=4)).json
        cost = answer.get("cost") or answer["usage"]["cost"]
        assert round(float(cost) * 1_000_000) == client.server.bill()["total_micro_usd"] - before > 0
        assert name != "cost_dear" or cost == 0.25


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
async def test_a_gateway_can_always_draw_png(start: Callable[..., Any], output_format: str) -> None:
    """The answer says the asked format."""
    client = await start()
    answer = await client.generate(prompt_for("always_png"), output_format=output_format)
    assert (answer.image().format, answer.json["output_format"]) == ("PNG", output_format)


@pytest.mark.parametrize("name", ["png_zero", "png_no_width", "png_no_data", "png_no_end", "png_cut", "png_head_only"])
async def test_a_png_lacks_a_part(start: Callable[..., Any], name: str) -> None:
    """It begins like a PNG and holds no whole image."""
    client = await start(fixed_bytes=TINY)
    answer = await client.generate(prompt_for(name), n=4)
    for entry in answer.json["data"]:
        data = base64.b64decode(entry["b64_json"])
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert not (b"IDAT" in data and b"IEND" in data and b"\x00\x00\x00\x00" not in data[16:24])


async def test_entries_can_be_many_and_tiny(start: Callable[..., Any]) -> None:
    """1,200 for one image, alone or behind the true one, or as many as the option says."""
    client = await start(fixed_bytes=TINY)
    answers = [
        await client.generate(prompt_for("tiny_entries")),
        await client.generate(prompt_for("tiny_entries_after")),
        await client.generate(prompt_for("tiny_entries", "count=7")),
    ]
    assert [len(answer.json["data"]) for answer in answers] == [1200, 1201, 7]
    assert answers[1].json["data"][0]["b64_json"].encode() == ENCODED


async def test_a_random_tenth_can_be_refused(start: Callable[..., Any]) -> None:
    """By a rule: the same calls every time, and each time with the same wait."""
    refused = []
    for _ in range(2):
        client = await start(fixed_bytes=b"x", seed=4, rules=(Rule("rate_retry_after", rate=0.1),))
        answers = [await client.generate(f"lamp {i}") for i in range(200)]
        refused.append([i for i, answer in enumerate(answers) if answer.status == 429])
        assert {a.headers["retry-after"] for a in answers if a.status == 429} == {"1"}
        assert client.server.bill()["charged_calls"] == 200 - len(refused[-1])
    assert refused[0] == refused[1]
    assert 8 < len(refused[0]) < 35


async def test_a_hidden_limit_is_told_by_nothing(start: Callable[..., Any]) -> None:
    """The calls beyond it get a bare 429: no header and no word says how much or when."""
    client = await start(fixed_bytes=b"x", hidden_per_minute=10)
    answers = [await client.generate(f"lamp {i}") for i in range(13)]
    assert [answer.status for answer in answers] == [200] * 10 + [429] * 3
    assert not [name for answer in answers for name in answer.headers if "ratelimit" in name or "retry" in name]
    assert not any(letter.isdigit() for letter in answers[-1].error["message"])
    assert client.server.bill()["charged_calls"] == 10
    assert client.server.bill()["limits"]["hidden"] == {"limit": 10, "peak": 10, "passed": 10, "refused": 3}
