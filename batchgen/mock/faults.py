"""Every fault by name: what the wire shows, and whether the call is charged.

Charged is the worst case: where real servers may or may not have charged, the mock did. `charged=no` or `charged=yes`
beside the fault says otherwise. A gateway that charges failures charges also those that are free here.
Options: delay=SECONDS (stalls), slots=first|last|all (entries of data[]), and what a row names.
"""

import gzip
import json

from batchgen.mock import fault_answers as told
from batchgen.mock import fault_replies as instead
from batchgen.mock import fault_scripts as wire
from batchgen.mock.fault import FREE, Fault, listed
from batchgen.mock.field_faults import FIELD
from batchgen.mock.gemini_faults import GEMINI
from batchgen.mock.reply import Reply, error, overloaded, rate_limited, server_error, wrong_key
from batchgen.mock.wire import Pause, head

DEEP = b'"deep": ' + b"[" * 200_000 + b"]" * 200_000 + b", "
HUGE = b'"huge": ' + b"9" * 5000 + b", "

STATUS: dict[str, Fault] = {
    **listed("status"),
    "400_escapes": Fault("400 whose message drives a terminal", FREE, reply=instead.always(error(
        400, "\x1b]0;owned\x07\x1b[31mBad\x1b[0m\u202egnp.tac\x9b2J\r\nINFO paid $0", "invalid_value", param="size"))),
    "401_text": Fault("401 as text/plain that carries JSON and part of a key", FREE, reply=instead.body(
        wrong_key("sk-mock-0000000000-abcd").body, "text/plain; charset=utf-8", 401)),
    "429_rate": Fault("429 with retry-after and retry-after-ms; option wait", FREE, reply=instead.limit),
    "429_zero": Fault("429 Limit 0: no access", FREE, reply=instead.always(rate_limited("images", 0, 0, 1, 60))),
    "retry_after_date": Fault("429, Retry-After as HTTP date; option wait", FREE, reply=instead.limit_dated),
    "retry_after_value": Fault("429, Retry-After as option value says", FREE, reply=instead.limit_said),
    "status_500": Fault("500 server_error", reply=instead.always(server_error())),
    "status_503_json": Fault("503 server_is_overloaded at once", FREE, reply=instead.always(overloaded())),
    "status_503_slow": Fault("503 JSON after delay (5.2 s)", reply=instead.always(overloaded()), delay=5.2),
}  # fmt: skip
BODY: dict[str, Fault] = {
    **listed("body"),
    "b64_no_picture": Fault("b64_json: base64 of text", alter=told.text(told.image(b"this is no picture"))),
    "b64_truncated": Fault("b64_json: cut at no boundary", alter=told.text(told.cut)),
    "b64_data_prefix": Fault("b64_json: a data: prefix; usable",
                    alter=told.text(lambda t: f"data:image/png;base64,{t}")),
    "b64_newlines": Fault("b64_json: in lines; usable", alter=told.text(told.lines)),
    "b64_unpadded": Fault("b64_json: without padding; usable", alter=told.text(lambda t: t.rstrip("="))),
    "b64_urlsafe": Fault("b64_json: URL-safe letters; usable",
                    alter=told.text(lambda t: t.translate(str.maketrans("+/", "-_")))),
    "b64_escaped": Fault("JSON escapes every slash; usable", alter=told.in_bytes(lambda b: b.replace(b"/", rb"\/"))),
    "b64_unicode": Fault(r"JSON writes A as \u0041; usable",
                    alter=told.in_bytes(lambda b: b.replace(b"AA", rb"\u0041A"))),
    "url_instead": Fault("addresses although base64 is usual; usable", as_url=True),
    "url_beside_empty": Fault("an address beside an empty b64_json; usable", as_url=True,
                            alter=told.entries(told.url_beside_nothing)),
    "data_url": Fault("url holds a data: address; usable", alter=told.entries(told.as_data_url)),
    "pretty_json": Fault("indented JSON; usable", alter=lambda answer, _: Reply(
        200, json.dumps(answer, indent=4).encode())),
    "bom_json": Fault("JSON after a byte order mark; usable", alter=told.in_bytes(lambda b: b"\xef\xbb\xbf" + b)),
    "usage_first": Fault("usage before data; usable", alter=told.changed(
        lambda a: {**{k: v for k, v in a.items() if k != "data"}, "data": a["data"]})),
    "extra_keys": Fault("members nobody documented; usable", alter=told.with_extras),
    "trailing_garbage": Fault("JSON, then more", alter=told.in_bytes(lambda b: b + b"\n<!-- cache -->")),
    "deep_json": Fault("200,000 lists in each other", alter=told.in_bytes(lambda b: b[:1] + DEEP + b[1:])),
    "huge_int": Fault("a number of 5000 digits", alter=told.in_bytes(lambda b: b[:1] + HUGE + b[1:])),
    "invalid_utf8": Fault("bytes that are no UTF-8",
                    alter=told.in_bytes(lambda b: b[:1] + b'"x": "\xff\xfe", ' + b[1:])),
    "lone_surrogate": Fault(r"\ud800 in a text", alter=told.in_bytes(lambda b: b[:1] + rb'"x": "\ud800", ' + b[1:])),
    "revised_escapes": Fault("revised_prompt drives a terminal; usable",
                    alter=told.revised("\x1b]52;c;QQ==\x07\u202e")),
    "usage_negative": Fault("every number negative", alter=told.numbers(lambda number: -number)),
    "usage_text": Fault("every number a text", alter=told.numbers(str)),
    "usage_float": Fault("every number a fraction", alter=told.numbers(lambda number: number + 0.5)),
    "usage_10x": Fault("every number ten times, one more", alter=told.numbers(lambda number: number * 10 + 10)),
    "usage_partial": Fault("usage with output_tokens only",
                         alter=told.usage(lambda usage: {"output_tokens": usage["output_tokens"]})),
    "more_than_asked": Fault("n + 1 images come", spoil=told.one_more),
    "other_model": Fault("another model drew, echoed and charged; option model", spoil=told.other_model),
    "other_size": Fault("another size, echoed and charged; option size", spoil=told.other_size),
    "other_quality": Fault("another quality, echoed and charged; option quality", spoil=told.other_quality),
    "chat_data_url": Fault("a chat whose link is a data: address; usable", spoil=told.answering("b64_json")),
    "chat_no_link": Fault("a chat without an image", spoil=told.answering("none")),
    "wrong_format": Fault("the file is of another format than said", spoil=told.other_format),
    "wrong_dimensions": Fault("the file is 1254x1254", spoil=told.other_pixels),
}  # fmt: skip

WIRE: dict[str, Fault] = {
    "reset_before_headers": Fault("RST before any answer", script=wire.sending(wire.reset), drawn=False),
    "eof_before_headers": Fault("FIN before any answer", script=wire.sending(), drawn=False),
    "close_unread": Fault("FIN, the request counts as unread", FREE, script=wire.sending(), drawn=False),
    "reset_unread": Fault("RST, the request counts as unread", FREE, script=wire.sending(wire.reset), drawn=False),
    "eof_mid_headers": Fault("FIN within the headers", script=wire.sending(lambda r: head(r)[:40])),
    "reset_mid_body": Fault("RST within the body", script=wire.sending(wire.half, wire.reset)),
    "reset_after_body": Fault("RST after a whole answer; usable", script=wire.sending(wire.whole, wire.reset)),
    "keep_alive_close": Fault("promises keep-alive, then FIN; usable", script=wire.sending(
        lambda r: head(r, ("Connection", "keep-alive")) + r.body, lambda _: Pause(0.05))),
    "eof_mid_body": Fault("FIN before Content-Length is reached", script=wire.sending(wire.half)),
    "chunked_cut": Fault("chunked, without the last chunk", script=wire.sending(
        lambda r: wire.chunked_head(r) + wire.chunk(wire.half_of(r.body)))),
    "chunked": Fault("chunked, whole; usable", script=wire.in_chunks),
    "bad_chunk": Fault("a chunk size that is no number", script=wire.sending(
        lambda r: wire.chunked_head(r) + b"zz\r\n" + wire.half_of(r.body))),
    "close_delimited_cut": Fault("HTTP/1.0 without length, half", script=wire.sending(
        lambda r: head(r, length=-1, version="1.0") + wire.half_of(r.body))),
    "close_delimited": Fault("HTTP/1.0 without length, whole; usable", script=wire.sending(
        lambda r: head(r, length=-1, version="1.0") + r.body)),
    "short_content_length": Fault("Content-Length too small", script=wire.sending(
        lambda r: head(r, length=len(r.body) // 2) + r.body)),
    "duplicate_content_length": Fault("two different Content-Length", script=wire.sending(
        lambda r: head(r, ("Content-Length", str(len(r.body) // 2))) + r.body)),
    "stall_before_headers": Fault("nothing for delay, then FIN", script=wire.stalling(), drawn=False),
    "stall_after_headers": Fault("headers, nothing for delay, FIN", script=wire.stalling(head)),
    "stall_mid_body": Fault("half, nothing for delay, FIN", script=wire.stalling(wire.half)),
    "drip": Fault("a byte every 20 ms for delay, FIN", script=wire.drip),
    "slow_headers": Fault("headers line by line; usable", script=wire.slow_head),
    "slow_body": Fault("the body in ten parts; usable", script=wire.slow_body),
    "long_header": Fault("a header of 70,000 bytes", script=wire.sending(
        lambda r: head(r, ("X-Long", "a" * 70_000)) + r.body)),
    "bad_status_line": Fault("no HTTP", script=wire.sending(lambda r: b"ICY 200 OK\r\n\r\n" + r.body)),
    "continue_100": Fault("twenty times 100 first; usable", script=wire.sending(
        lambda r: b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + wire.whole(r))),
    "bad_gzip": Fault("says gzip and is not", script=wire.encoded(
        "gzip", lambda _: b"\x1f\x8b\x08\x00garbage that does not unpack")),
    "cut_gzip": Fault("gzip that ends too early", script=wire.encoded(
        "gzip", lambda body: wire.half_of(gzip.compress(body, 1)))),
    "gzip": Fault("gzip, whole; usable", script=wire.encoded("gzip", lambda body: gzip.compress(body, 1))),
    "gzip_bomb": Fault("few bytes that unpack to option mb (256) megabytes", script=wire.gzip_bomb),
    "brotli": Fault("says br", script=wire.encoded("br", lambda body: b"\x8b\x02\x80" + body[:64] + b"\x03")),
    "late": Fault("a good answer after delay; usable", delay=1.0),
}  # fmt: skip
# Answers with addresses whose reading then fails, for the first `reads` readings (all of them without that option).
DOWNLOAD = listed("download")

FAULTS: dict[str, Fault] = {**STATUS, **BODY, **WIRE, **DOWNLOAD}
# Those found in the field stand apart until it is settled what must become of a call that meets them.
EVERY: dict[str, Fault] = {**FAULTS, **FIELD, **GEMINI}
