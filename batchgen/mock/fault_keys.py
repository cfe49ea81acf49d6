"""The key of a call, echoed by the server in several spellings."""

import base64
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from batchgen.mock.fault_answers import Answer
from batchgen.mock.fault_replies import Instead
from batchgen.mock.plan import Hit
from batchgen.mock.reply import Reply, as_json, error

Spelling = Callable[[str], str]


def percent(key: str) -> str:
    """Escape every letter as an address does."""
    return "".join(f"%{byte:02X}" for byte in key.encode())


def mixed(key: str) -> str:
    """Escape every other letter, in three ways."""
    ways: tuple[Spelling, ...] = (str, percent, lambda c: f"\\u{ord(c):04x}", str, lambda c: f"\\x{ord(c):02x}")
    return "".join(ways[index % len(ways)](letter) for index, letter in enumerate(key))


SPELLINGS: MappingProxyType[str, Spelling] = MappingProxyType(
    {
        "plain": str,
        "percent": percent,
        "dash": lambda key: key.replace("-", "%2D"),
        "escapes": lambda key: "".join(f"\\u{ord(letter):04x}" for letter in key),
        "entities": lambda key: "".join(f"&#{ord(letter)};" for letter in key),
        "hex": lambda key: key.encode().hex(),
        "base64": lambda key: base64.b64encode(key.encode()).decode(),
        "bearer64": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
        "mixed": mixed,
    }
)


def refusing(spelling: Spelling) -> Instead:
    """Refuse a parameter with words that hold the key."""
    return lambda hit: error(
        400, f"Invalid value. Request was: Authorization={spelling(hit.context.key)}", "invalid_value", param="prompt"
    )


def failing(hit: Hit) -> Reply:
    """Fail with a page that holds the key; the JSON of the body escapes it."""
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in hit.context.key)
    return Reply(500, f'{{"error": {{"message": "trace: key={escaped}", "code": "server_error"}}}}'.encode())


def in_header(hit: Hit) -> Reply:
    """Refuse with the key in headers."""
    shown = percent(hit.context.key)
    reply = error(400, "Invalid value.", "invalid_value", param="prompt")
    return replace(reply, headers=(("x-request-id", f"req-{shown}"), ("x-debug", hit.context.key)))


def in_answer(answer: Answer, hit: Hit) -> Reply:
    """Deliver every image, with the key in other members of the answer."""
    data = [{**entry, "revised_prompt": f"key {percent(hit.context.key)}"} for entry in answer["data"]]
    return as_json(200, {**answer, "data": data, "model": hit.context.key, "trace": mixed(hit.context.key)})
