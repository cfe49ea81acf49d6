"""Faults of the wire: the good answer, cut, stalled, dripped or framed wrongly."""

import zlib
from collections.abc import Callable, Iterator
from functools import cache

from batchgen.mock.plan import Hit
from batchgen.mock.reply import Reply
from batchgen.mock.wire import Pause, Reset, Script, Step, head

# The good answer, the hit and how long a stall is -> what the wire shows.
Scripted = Callable[[Reply, Hit, float], Script]
Part = Callable[[Reply], Step]


def sending(*parts: Part) -> Scripted:
    """Send what these make of the good answer, one after the other, and end with FIN."""
    return lambda reply, _hit, _stall: [part(reply) for part in parts]


def stalling(*parts: Part) -> Scripted:
    """Send the same, then nothing for a while, then end."""
    return lambda reply, hit, stall: [*(part(reply) for part in parts), Pause(hit.number("delay", stall))]


def encoded(encoding: str, pack: Callable[[bytes], bytes]) -> Scripted:
    """Say how the body is encoded, and send what is made of it."""
    return lambda reply, _hit, _stall: _packed(reply, pack(reply.body), encoding)


def reset(_reply: Reply) -> Step:
    """Send RST."""
    return Reset()


def whole(reply: Reply) -> bytes:
    """Send the whole answer."""
    return head(reply) + reply.body


def half(reply: Reply) -> bytes:
    """Send the head and half of the body that it promised."""
    return head(reply) + half_of(reply.body)


def half_of(data: bytes) -> bytes:
    """Cut bytes in half."""
    return data[: len(data) // 2]


def chunked_head(reply: Reply) -> bytes:
    """Say that the body comes in chunks."""
    return head(reply, ("Transfer-Encoding", "chunked"), length=-1)


def chunk(part: bytes) -> bytes:
    """Frame a part of a body."""
    return b"%x\r\n%s\r\n" % (len(part), part)


def in_chunks(reply: Reply, _hit: Hit, _stall: float) -> Iterator[Step]:
    """Send a whole answer in many chunks: no fault, but another framing."""
    yield chunked_head(reply)
    for start in range(0, len(reply.body), 1500):
        yield chunk(reply.body[start : start + 1500])
    yield b"0\r\n\r\n"


def drip(reply: Reply, hit: Hit, stall: float) -> Iterator[Step]:
    """Send a few bytes at a time that never get to the end."""
    yield head(reply)
    for start in range(max(1, int(hit.number("delay", stall) / 0.02))):
        yield reply.body[start : start + 1]
        yield Pause(0.02)


def slow_head(reply: Reply, hit: Hit, stall: float) -> Iterator[Step]:
    """Send the headers of a good answer line by line."""
    lines = head(reply).splitlines(keepends=True)
    for line in lines:
        yield line
        yield Pause(hit.number("delay", min(stall, 0.3)) / len(lines))
    yield reply.body


def slow_body(reply: Reply, hit: Hit, stall: float) -> Iterator[Step]:
    """Send the body of a good answer in ten parts."""
    yield head(reply)
    step = len(reply.body) // 10 + 1
    for start in range(0, len(reply.body), step):
        yield reply.body[start : start + step]
        yield Pause(hit.number("delay", min(stall, 0.3)) / 10)


def gzip_bomb(reply: Reply, hit: Hit, _stall: float) -> Script:
    """Send a small body that unpacks to option mb (256) megabytes."""
    return _packed(reply, _bomb(min(4096, int(hit.number("mb", 256)))), "gzip")


@cache
def _bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = packer.compress(b'{"created": 1, "data": [{"b64_json": "')
    return start + b"".join(packer.compress(b"A" * (1 << 20)) for _ in range(megabytes)) + packer.flush()


def _packed(reply: Reply, packed: bytes, encoding: str) -> Script:
    return (head(reply, ("Content-Encoding", encoding), length=len(packed)) + packed,)
