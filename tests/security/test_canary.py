"""A secret that is sent to a provider stays with it: whatever fails, no file and no word of ours holds it."""

import base64
import io
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from PIL import Image

from tests.process.launcher import Break, Child, Launcher
from tests.security.parrot import KEY, LETTERS, SAID, Answer, Parrot, parrot, traces

pytestmark = pytest.mark.sample(4)


def png() -> str:
    """Return a small image in base64."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def error(**facts: Any) -> dict[str, Any]:
    """Return an error body."""
    return {"error": {"message": f"what is {SAID}?", "type": KEY, "param": KEY, "code": KEY, **facts}}


def brings(**more: Any) -> dict[str, Any]:
    """Check that a good answer that says more."""
    return {"data": [{"b64_json": png(), "revised_prompt": SAID}], **more}


WORDS = f"<html><body>{SAID}</body></html>".encode()
HEADERS = {"Server": KEY, "X-Request-Id": SAID, "Set-Cookie": f"a={KEY}", "CF-Ray": KEY, "X-RateLimit-Limit": KEY}
USAGE = {"input_tokens": 8, "output_tokens": 196, "total_tokens": 204, "for": SAID, "input_tokens_details": {KEY: 8}}
BLOCKED = {"code": "moderation_blocked", "moderation_details": {"categories": [KEY, SAID], "moderation_stage": "input"}}
ECHO = {"model": KEY, "size": KEY, "quality": KEY, "output_format": KEY, "background": KEY}
# Failures, and odd successes, after which the run goes on with the next job.
ONWARD = {
    "invalid": Answer("400 Bad", error()),
    "plain_code": Answer("400 Bad", error(code=f"x.{KEY[3:13]}", message="")),
    "moderated": Answer("400 Bad", error(**BLOCKED)),
    "moderated_words": Answer("400 Bad", error(code="", message=f"safety_violations=[{KEY}] {SAID}")),
    "status_408": Answer("408 Late", error()),
    "status_409": Answer("409 Conflict", error()),
    "status_413": Answer("413 Large", error()),
    "status_422": Answer("422 What", {"detail": [{"msg": SAID}]}),
    "status_500": Answer("500 Oops", error()),
    "status_500_html": Answer("500 Oops", WORDS),
    "status_502_text": Answer("502 Bad", SAID.encode()),
    "status_503": Answer("503 Busy", error()),
    "status_504": Answer("504 Late", {"errors": [{"message": SAID, "code": KEY}]}),
    "status_520": Answer("520 Odd", {"msg": SAID, "code": 7}),
    "status_524": Answer("524 Late", {"error": SAID}),
    "status_599": Answer(f"599 {KEY}", b""),
    "headers": Answer("400 Bad", error(), HEADERS),
    "empty": Answer(headers=HEADERS),
    "html": Answer(body=WORDS),
    "text": Answer(body=SAID.encode()),
    "cut": Answer(body=f'{{"data": [{{"note": "{SAID}", '.encode(), length=9000),
    "cut_picture": Answer(body=f'{{"note": "{SAID}", "data": [{{"b64_json": "iVBORw0KGgo'.encode(), length=9000),
    "error_inside": Answer(body=error()),
    "error_text_inside": Answer(body={"error": SAID}),
    "nothing": Answer(body={"data": [], "usage": USAGE, **ECHO, "note": SAID}),
    "no_base64": Answer(body={"data": [{"b64_json": f"!{SAID}!"}]}),
    "no_picture": Answer(body={"data": [{"b64_json": base64.b64encode(SAID.encode()).decode()}]}),
    "as_picture": Answer(body={"data": [{"b64_json": text} for text in LETTERS]}),
    "deep": Answer(body=b"[" * 300 + SAID.encode()),
    "packed": Answer(body=SAID.encode(), headers={"Content-Encoding": f"br {KEY}"}),
    "bad_gzip": Answer(body=SAID.encode(), headers={"Content-Encoding": "gzip"}),
    "bad_header": Answer(raw=f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n".encode()),
    "bad_chunk": Answer(raw=f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{KEY}\r\n".encode()),
    "bad_status": Answer(raw=f"{KEY} 200\r\n\r\n".encode()),
    "usage": Answer(body=brings(usage=USAGE)),
    "echo": Answer(body=brings(**ECHO), headers=HEADERS),
    "url_gone": Answer(body={"data": [{"url": "http://127.0.0.1:PORT/v1/gone"}]}),
    "url_elsewhere": Answer(body={"data": [{"url": "http://127.0.0.1:PORT/v1/elsewhere"}]}),
    "url_with_key": Answer(body={"data": [{"url": f"http://127.0.0.1:PORT/v1/gone?a={KEY}&b={quote(KEY, safe='')}"}]}),
    "url_refused": Answer(body={"data": [{"url": f"http://203.0.113.7/{quote(KEY, safe='')}.png"}]}),
    "url_host": Answer(body={"data": [{"url": f"http://{quote(KEY, safe='')}.example/image.png"}]}),
    "url_odd": Answer(body={"data": [{"url": "http://127.0.0.1:PORT/v1/odd"}]}),
}
FETCHED = {
    "gone": Answer(f"403 {KEY}", WORDS, HEADERS),
    "elsewhere": Answer("302 Found", headers={"Location": f"https://10.0.0.1/?key={KEY}"}),
    "odd": Answer(raw=f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n".encode()),
}
# Failures that end the run.
ENDS = {
    "bad_key": (5, Answer("401 No", error(code="invalid_api_key"))),
    "bad_key_text": (5, Answer("401 No", f"Incorrect API key: {SAID}".encode(), {"Content-Type": "text/plain"})),
    "forbidden": (5, Answer("403 No", WORDS, HEADERS)),
    "no_money": (5, Answer("402 Pay", error())),
    "quota": (5, Answer("429 Wait", error(code="insufficient_quota"))),
    "billing": (5, Answer("400 Bad", error(code="billing_hard_limit_reached"))),
    "redirect": (2, Answer("302 Found", headers={"Location": f"https://example.com/{KEY}?key={KEY}"})),
    "not_here": (2, Answer("404 No", WORDS)),
    "proxy": (2, Answer("407 No", WORDS)),
}
BATCHES = [tuple(ONWARD)[at : at + 13] for at in range(0, len(ONWARD), 13)]
GOOD = {"good": Answer(body=brings())}


def manifest(folder: Path, names: tuple[str, ...]) -> None:
    """One job for each answer; a good one after each keeps the breaker shut."""
    jobs = [{"id": f"{at}-{name}", "prompt": f"A lamp [{name}]"} for at, name in enumerate(names)]
    retry = {"attempts": 1, "base_seconds": 0.0005, "cap_seconds": 0.001, "max_uncertain": 0}
    told = {
        "name": "canary",
        "limits": {"max_cost": 50, "concurrency": 1},
        "retry": {**retry, "breaker_probe_seconds": [0.01, 0.01, 0.01]},
        "jobs": jobs,
    }
    (folder / "m.yaml").write_text(yaml.safe_dump(told), "utf-8")


def runs(fresh: Path, launcher: Launcher, bird: Parrot | str, *words: str, **how: Any) -> Child:
    """Start a run with the canary as its key, saying all that Python can say."""
    base_url = bird if isinstance(bird, str) else bird.base_url
    command = ("run", "m.yaml", "--base-url", base_url, "--output", "out", *words)
    env = {"OPENAI_API_KEY": KEY, "PYTHONASYNCIODEBUG": "1", **how.pop("env", {})}
    return launcher.start(*command, cwd=fresh, env=env, **how)


def unseen(fresh: Path, *children: Child) -> None:
    """Nobody said or wrote it."""
    assert traces(fresh / "out", *(path for child in children for path in (child.out, child.err))) == []


def test_there_are_enough_ways_to_fail() -> None:
    """Forty and more."""
    assert len(ONWARD) + len(ENDS) >= 40


@pytest.mark.parametrize("names", BATCHES, ids=lambda names: f"{names[0]}-{names[-1]}")
def test_a_key_that_comes_back_is_not_kept(fresh: Path, launcher: Launcher, names: tuple[str, ...]) -> None:
    """In messages, codes, headers, bodies, usage: neither log, ledger, report, quarantine nor terminal has it."""
    manifest(fresh, tuple(name for bad in names for name in (bad, "good")))
    with parrot(ONWARD | FETCHED | GOOD) as bird:
        child = runs(fresh, launcher, bird, "--log-json", "out/log.jsonl", "--on-uncertain", "hold")
        assert child.wait() in {3, 7}, child.said
        again = runs(fresh, launcher, bird)
        assert again.wait() in {3, 6, 7}, again.said
    assert f"Bearer {KEY}" in bird.authorized
    assert len(bird.authorized) >= 2 * len(names)
    reports = launcher.start("report", "out", cwd=fresh), launcher.start("status", "out", cwd=fresh)
    assert [one.wait() for one in reports] == [0, 0]
    unseen(fresh, child, again, *reports)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", ENDS)
def test_a_key_that_comes_back_and_ends_the_run_is_not_kept(fresh: Path, launcher: Launcher, name: str) -> None:
    """The run says why it ended, without it."""
    manifest(fresh, (name,))
    status, answer = ENDS[name]
    with parrot({name: answer}) as bird:
        child = runs(fresh, launcher, bird)
        assert child.wait() == status, child.said
        assert bird.authorized[0] == f"Bearer {KEY}"
    unseen(fresh, child)


LOCAL: Mapping[str, tuple[int, dict[str, Any]]] = {
    "a bug": (1, {"broken": Break(point="ledger.settle.before_commit", errno=Break.BUG)}),
    "a full disk": (8, {"broken": Break(point="storage.publish.before_name", errno="ENOSPC")}),
    "a ledger that fails": (8, {"broken": Break(point="ledger.settle.before_commit", errno="EIO")}),
    "a kill before the call": (-9, {"broken": Break(point="ledger.reserve.after_commit")}),
    "a kill after the answer": (-9, {"broken": Break(point="storage.finish.after_answer")}),
    "a kill after the books": (-9, {"broken": Break(point="ledger.settle.after_commit")}),
    "too few files": (8, {"limits": {"NOFILE": 12}}),
    "a key with a blank": (2, {"env": {"OPENAI_API_KEY": f"{KEY} x"}}),
    "a key in two lines": (2, {"env": {"OPENAI_API_KEY": f"{KEY}\nx"}}),
}


@pytest.mark.parametrize("name", LOCAL)
def test_what_breaks_on_this_side_does_not_show_it(fresh: Path, launcher: Launcher, name: str) -> None:
    """Traceback, spool and what the next run makes of them."""
    status, how = LOCAL[name]
    manifest(fresh, ("usage",))
    with parrot(ONWARD) as bird:
        child = runs(fresh, launcher, bird, **how)
        assert child.wait() in {status, 8} if "files" in name else child.wait() == status, child.said
        unseen(fresh, child)
        again = runs(fresh, launcher, bird)
        again.wait()
    unseen(fresh, again)


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/v1", "http://nothing.invalid/v1", "https://127.0.0.1:PORT/v1"])
def test_a_provider_that_is_not_there_does_not_show_it(fresh: Path, launcher: Launcher, where: str) -> None:
    """Nobody listens, nobody has that name, nobody speaks TLS."""
    manifest(fresh, ("good",))
    with parrot(GOOD) as bird:
        child = runs(fresh, launcher, where.replace("PORT", str(bird.port)))
        assert child.wait() in {5, 6}, child.said
        assert bird.authorized == []
    unseen(fresh, child)


DOCTOR = ("status_500", "bad_header", "html", "headers", *ENDS)


@pytest.mark.parametrize("name", DOCTOR)
def test_the_doctor_keeps_it_too(fresh: Path, launcher: Launcher, name: str) -> None:
    """What a provider says to the doctor's questions."""
    answer = ONWARD[name] if name in ONWARD else ENDS[name][1]
    with parrot({"models": answer, "generations": answer}) as bird:
        env = {"OPENAI_API_KEY": KEY}
        child = launcher.start("doctor", "--base-url", bird.base_url, cwd=fresh, env=env)
        child.wait()
        assert bird.authorized[0] == f"Bearer {KEY}"
    assert traces(child.out, child.err) == []


def test_nobody_can_look_it_up_in_the_process(fresh: Path, launcher: Launcher) -> None:
    """Neither the list of processes nor a core file shows the key, and no word of a command takes one."""
    manifest(fresh, ("stalls",))
    with parrot({"stalls": Answer(body=b"{", length=9000)}) as bird:
        child = runs(fresh, launcher, bird, limits={"CORE": 1 << 20})
        while not bird.authorized:
            assert not child.ended, child.said
        process = Path(f"/proc/{child.pid}")
        limits = (process / "limits").read_text()
        assert KEY.encode() not in (process / "cmdline").read_bytes()
        child.signal(signal.SIGTERM)
        child.wait()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4] == "0"
    refused = launcher.start("run", "m.yaml", "--api-key", KEY, cwd=fresh)
    assert refused.wait() == 2
