"""Faults of the wire: the good answer, cut, stalled, dripped or framed wrongly."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from batchgen.mock.plan import Hit
from batchgen.mock.reply import Reply
from batchgen.mock.wire import Pause, Reset, Script, Step, head

# The good answer, the hit and how long a stall is -> what the wire shows.
Scripted = Callable[[Reply, Hit, float], Script]


def reset_at_once(_reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send RST before a byte of an answer."""
    return (Reset(),)


def close_at_once(_reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send FIN before a byte of an answer."""
    return ()


def half_head(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send FIN in the middle of the headers."""
    return (head(reply)[:40],)


def reset_mid_body(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send RST after half of the body."""
    return (head(reply) + _half(reply), Reset())


def reset_after_body(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send RST right after the whole answer."""
    return (head(reply) + reply.body, Reset())


def close_unannounced(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Promise to keep the connection after a whole answer, then send FIN: the next call finds it closed."""
    return (head(reply, ("Connection", "keep-alive")) + reply.body, Pause(0.05))


def eof_mid_body(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send FIN after half of the bytes that Content-Length promised."""
    return (head(reply) + _half(reply),)


def chunked_cut(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """End a chunked body without its last chunk."""
    return (_chunked_head(reply) + _chunk(_half(reply)),)


def chunked_whole(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send a whole answer in many chunks: no fault, but another framing."""
    parts = [reply.body[start : start + 1500] for start in range(0, len(reply.body), 1500)]
    return (_chunked_head(reply), *(_chunk(part) for part in parts), b"0\r\n\r\n")


def bad_chunk(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send a chunk size that is no number."""
    return (_chunked_head(reply) + b"zz\r\n" + _half(reply),)


def close_delimited_cut(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Cut HTTP/1.0 without a length in half: nothing on the wire says that it is not whole."""
    return (head(reply, length=-1, version="1.0") + _half(reply),)


def close_delimited(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send HTTP/1.0 without a length, whole: no fault, but another framing."""
    return (head(reply, length=-1, version="1.0") + reply.body,)


def short_length(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send a Content-Length that is too small for the body."""
    return (head(reply, length=len(reply.body) // 2) + reply.body,)


def stall_before_head(_reply: Reply, hit: Hit, stall: float) -> Script:
    """Send nothing for a while, then end."""
    return (Pause(hit.number("delay", stall)),)


def stall_after_head(reply: Reply, hit: Hit, stall: float) -> Script:
    """Send headers, then nothing for a while, then end."""
    return (head(reply), Pause(hit.number("delay", stall)))


def stall_mid_body(reply: Reply, hit: Hit, stall: float) -> Script:
    """Send half of the body, then nothing for a while, then end."""
    return (head(reply) + _half(reply), Pause(hit.number("delay", stall)))


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


def long_header(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send a header line longer than clients take."""
    return (head(reply, ("X-Long", "a" * 70_000)) + reply.body,)


def two_lengths(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send two different Content-Length headers."""
    return (head(reply, ("Content-Length", str(len(reply.body) // 2))) + reply.body,)


def bad_status_line(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send something that is not HTTP."""
    return (b"ICY 200 OK\r\n\r\n" + reply.body,)


def continues(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Send twenty interim answers before a good one."""
    return (b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + head(reply) + reply.body,)


def bad_gzip(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Say gzip and send something else."""
    return _encoded(reply, b"\x1f\x8b\x08\x00garbage that does not unpack", "gzip")


def cut_gzip(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """End a gzip stream too early, in a body that is whole."""
    packed = gzip.compress(reply.body, 1)
    return _encoded(reply, packed[: len(packed) // 2], "gzip")


def good_gzip(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Pack a good answer."""
    return _encoded(reply, gzip.compress(reply.body, 1), "gzip")


def brotli(reply: Reply, _hit: Hit, _stall: float) -> Script:
    """Use an encoding that nobody asked for."""
    return _encoded(reply, b"\x8b\x02\x80" + reply.body[:64] + b"\x03", "br")


def gzip_bomb(reply: Reply, hit: Hit, _stall: float) -> Script:
    """Send a small body that unpacks to option mb (256) megabytes."""
    return _encoded(reply, _bomb(min(4096, int(hit.number("mb", 256)))), "gzip")


@cache
def _bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = packer.compress(b'{"created": 1, "data": [{"b64_json": "')
    return start + b"".join(packer.compress(b"A" * (1 << 20)) for _ in range(megabytes)) + packer.flush()


def _encoded(reply: Reply, packed: bytes, encoding: str) -> Script:
    return (head(reply, ("Content-Encoding", encoding), length=len(packed)) + packed,)


def _half(reply: Reply) -> bytes:
    return reply.body[: len(reply.body) // 2]


def _chunked_head(reply: Reply) -> bytes:
    return head(reply, ("Transfer-Encoding", "chunked"), length=-1)


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(part), part)
