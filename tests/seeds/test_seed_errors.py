"""Every row of the guides' tables of errors: status and code as they show them, and what is to be done about it."""

import base64
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from batchgen.cli.render.summary import final_block
from batchgen.errors import Exit
from tests.rehearsal import NO_PACE, Ended, Rehearsal

Says = Callable[..., tuple[Any, Rehearsal]]
TWO = [{"id": "first", "prompt": "A lamp"}, {"id": "second", "prompt": "A chair"}]


def image() -> str:
    """Return an image as base64."""
    out = io.BytesIO()
    Image.effect_noise((1024, 1024), 30).save(out, "JPEG", quality=30)
    return base64.b64encode(out.getvalue()).decode()


IMAGE = image()
SEED = yaml.safe_load((Path(__file__).parents[2] / "manifests" / "seeds" / "yescale.yaml").read_text("utf-8"))
TEENAGERS = SEED["variables"]["teenagers"] + " --ar 16:9"
USAGE = {"input_tokens": 8, "input_tokens_details": {"text_tokens": 8, "image_tokens": 0}, "output_tokens": 4160}
DRAWN: tuple[int, dict[str, str], Any] = (
    200,
    {},
    {"created": 1, "data": [{"b64_json": IMAGE}], "usage": {**USAGE, "total_tokens": 4168}},
)


def error(status: int, message: str, kind: str, code: str | None, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Return an error as the guides print it."""
    return status, headers, {"error": {"message": message, "type": kind, "param": None, "code": code}}


BAD = error(400, "Invalid request parameters: prompt is too long", "invalid_request_error", None)
NO_KEY = error(401, "Incorrect API key provided", "invalid_request_error", "invalid_api_key")
TOO_MANY = error(429, "Too many requests", "rate_limit_error", None, **{"retry-after-ms": "50"})
BROKEN = error(500, "The server had an error", "server_error", "server_error")
POLICY = error(
    400,
    "Your request was rejected as a result of our safety system.",
    "invalid_request_error",
    "content_policy_violation",
)
PER_MINUTE = error(
    429, "Rate limit exceeded for images per minute. Limit: 50/min.", "rate_limit_error", "rate_limit_exceeded",
    **{"retry-after-ms": "50"},
)  # fmt: skip
BLOCKED = error(
    400,
    "Your request was rejected as a result of our safety system. Your request may contain content that is not allowed "
    "by our safety system.",
    "user_error",
    "moderation_blocked",
)


def performed(says: Says, provider: str, answers: Any, jobs: Any = TWO, **settings: Any) -> tuple[Any, Ended]:
    """Run jobs one after the other against a server that gives these answers."""
    server, stage = says(*answers)
    path = stage.manifest(
        jobs, provider=provider, defaults={"model": "gpt-image-1"}, limits={**NO_PACE, "concurrency": 1}, **settings
    )
    return server, stage.run(path)


def advice(ended: Ended) -> str:
    """Return the last lines of a run: why it ended and what to do next."""
    return final_block(ended.summary, Exit(ended.exit))


def test_apiyi_400_fails_the_job_and_goes_on(says: Says) -> None:
    """Invalid request parameters: not tried again, not paid, the provider's words in the report, others drawn."""
    server, ended = performed(says, "apiyi", [BAD, DRAWN])
    assert ended.exit == 3
    assert len(server.asked) == 2
    rows = ended.jobs
    assert [rows[name]["state"] for name in ("first", "second")] == ["failed", "done"]
    assert rows["first"]["code"] == "http_400"
    assert "prompt is too long" in rows["first"]["message"]
    assert ended.cost("first") == 0
    assert "jobs.csv" in advice(ended)


def test_apiyi_401_stops_before_anything_is_drawn(says: Says) -> None:
    """Authentication failed: the run stops at once, nothing is paid, and says to look at the key."""
    server, ended = performed(says, "apiyi", [NO_KEY])
    assert ended.exit == 5
    assert len(server.asked) <= 2
    assert ended.charged == 0
    assert ended.summary["jobs"]["not_started"] == 2
    assert "Incorrect API key" in advice(ended)
    assert "look at key" in advice(ended)


@pytest.mark.parametrize(("provider", "limit"), [("apiyi", TOO_MANY), ("laozhang", PER_MINUTE)])
def test_429_is_waited_out(says: Says, provider: str, limit: Any) -> None:
    """Too many requests: waited out as long as it takes, not paid, and no try is used up by it."""
    server, ended = performed(says, provider, [limit, DRAWN], retry={"attempts": 1})
    assert ended.exit == 0
    assert len(server.asked) == 3
    assert ended.money["at_risk_micro_usd"] == 0


def test_apiyi_500_is_tried_once_more_and_counted(says: Says) -> None:
    """Server error: it may have been paid, so it stays at risk; one more try, and the image is there."""
    server, ended = performed(says, "apiyi", [BROKEN, DRAWN])
    assert ended.exit == 0
    assert len(server.asked) == 3
    assert ended.money["at_risk_micro_usd"] > 0


def test_apiyi_500_that_stays(says: Says) -> None:
    """Two calls for it and no more; the job is held, and the advice says what a new try may cost."""
    server, ended = performed(says, "apiyi", [BROKEN], TWO[:1])
    assert ended.exit == 7
    assert len(server.asked) == 2
    assert "batchgen resolve" in advice(ended)


@pytest.mark.parametrize(("provider", "answer"), [("laozhang", POLICY), ("aihubmix", BLOCKED)])
def test_a_refused_prompt_is_there_to_be_reworded(says: Says, provider: str, answer: Any) -> None:
    """Content policy: one more try at most, then it sticks, and its row lies in moderated.csv."""
    server, ended = performed(says, provider, [answer], TWO[:1])
    assert ended.exit == 3
    assert len(server.asked) == 2
    (row,) = ended.table("moderated")
    assert (row["id"], row["prompt"]) == ("first", "A lamp")
    assert "safety system" in str(row)
    assert "reword" in advice(ended)
    _, again = performed(says, provider, [answer], TWO[:1])
    assert again.exit == 0  # what was told before is no news


def test_aihubmix_charges_what_was_sent(says: Says) -> None:
    """What was sent is charged "regardless of any failures": what others leave free is at risk there."""
    busy = error(503, "No available channel", "service_unavailable_error", "no_channel")
    costs = {}
    for provider in ("aihubmix", "apiyi"):
        _, ended = performed(says, provider, [busy, DRAWN], TWO[:1], name=provider)
        costs[provider] = ended.money["at_risk_micro_usd"]
    assert costs["aihubmix"] > 0
    assert costs["apiyi"] == 0


def several(*images: str | None) -> tuple[int, dict[str, str], Mapping[str, Any]]:
    """Return an answer with these images."""
    usage = {**USAGE, "output_tokens": 4160 * len(images), "total_tokens": 8 + 4160 * len(images)}
    return 200, {}, {"created": 1, "data": [{"b64_json": one} for one in images], "usage": usage}


@pytest.mark.parametrize("first", [several(IMAGE, IMAGE), several(IMAGE, "", IMAGE), several(IMAGE, None, IMAGE)])
def test_aihubmix_sends_fewer_than_asked(says: Says, first: Any) -> None:
    """Without an error: what came is kept, only the missing one is asked for again."""
    server, ended = performed(says, "aihubmix", [first, DRAWN], [{"id": "three", "n": 3, "prompt": "A lamp"}])
    assert ended.exit == 0
    assert [b'"n":3' in server.asked[0][1], b'"n":1' in server.asked[1][1]] == [True, True]
    assert len({row["path"] for row in ended.images("three")}) == 3


def test_laozhang_timeout(says: Says) -> None:
    """The sample gives up and asks again; here the first call stays at risk and is asked for once more."""
    server, ended = performed(
        says, "laozhang", [3.0, DRAWN], TWO[:1], retry={"deadline_seconds": 0.2, "base_seconds": 0.02}
    )
    assert ended.exit == 0
    assert len(server.asked) == 2
    assert ended.money["at_risk_micro_usd"] > 0


@pytest.mark.parametrize("key", ["b64_json", "url"])
def test_yescale_answers_either_way(says: Says, key: str) -> None:
    """Its schema requires `url`, its example has only `b64_json`: both are read."""
    value = IMAGE if key == "b64_json" else f"data:image/jpeg;base64,{IMAGE}"
    usage = {**USAGE, "input_tokens": 95, "input_tokens_details": {"image_tokens": 0, "text_tokens": 95}}
    answer = {"created": 1748231162, "data": [{key: value}], "usage": {**usage, "total_tokens": 4255}}
    _, ended = performed(says, "yescale", [(200, {}, answer)], [{"id": "first", "prompt": TEENAGERS}])
    assert ended.exit == 0
    assert ended.cost("first") == 166_875
