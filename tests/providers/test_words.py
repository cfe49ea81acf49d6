"""What providers say in errors, headers and addresses: understood in every shape, shown without secrets."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.providers import chat
from batchgen.providers.api_error import complaint
from batchgen.providers.expiry import expiry
from batchgen.redact import kept_headers, redacted

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error": {"code": "c", "message": "m", "type": "t"}}, "c", "m"),
        ({"error": {"code": None, "message": "m"}}, "", "m"),
        ({"error": {"code": 400, "message": "m"}}, "400", "m"),
        ({"error": "m"}, "", "m"),
        ({"error": {"error": {"code": "c", "message": "m"}}}, "c", "m"),
        ({"error": [{"code": "c", "message": "m"}]}, "c", "m"),
        ({"errors": [{"code": "c", "message": "m"}]}, "c", "m"),
        ({"detail": "m"}, "", "m"),
        ({"detail": [{"msg": "m", "type": "missing"}]}, "", "m"),
        ({"code": "c", "message": "m"}, "c", "m"),
        ({"error": {"message": "m"}, "data": []}, "", "m"),
        ({"error": True, "message": "m"}, "", "m"),
        ({"message": "m", "errors": {"size": ["bad"]}}, "", "m"),
        ({"statusCode": 400, "error": "Bad Request", "message": "m"}, "400", "m"),
        ({"Error": {"Code": "c", "Message": "m"}}, "c", "m"),
        ({"error_code": 17, "error_msg": "m", "log_id": 1}, "17", "m"),
        ({"errcode": "c", "errmsg": "m"}, "c", "m"),
        ({"error": "c", "error_description": "m"}, "", "m"),
        ({"type": "about:blank", "title": "t", "detail": "m", "status": 400}, "", "m"),
        ({"code": "c", "message": "m", "data": []}, "c", "m"),
        ({"code": 1001, "msg": "m", "data": {}}, "1001", "m"),
        ({"code": 1001, "msg": "m", "data": {"trace": "t"}}, "1001", "m"),
        ({"success": False, "message": "m", "data": []}, "", "m"),
        ({"status": "FAILED", "message": "m", "data": []}, "", "m"),
        ({"error": {"code": True, "message": "m"}}, "", "m"),
        ({"code": True, "status_code": 7, "message": "m"}, "7", "m"),
        ({"code": {"a": 1}, "message": "m"}, "", "m"),
        ({"base_resp": {"status_code": 1008, "status_msg": "m"}, "data": None}, "1008", "m"),
        ({"error": {"code": 403, "message": 'x: {"error": {"code": "c", "message": "m"}} '}}, "c", "m"),
        ({"error": {"message": json.dumps({"error": "Forbidden", "message": '{"error": {"message": "m"}}'})}}, "", "m"),
        ({"error": {"message": "Provider", "metadata": {"raw": '{"error": {"code": "c", "message": "m"}}'}}}, "c", "m"),
        ({"error": {"message": "Provider", "metadata": {"raw": "m"}}}, "", "Provider: m"),
        ({"detail": '{"error": {"code": "c", "message": "m"}}'}, "c", "m"),
        (
            {"error": {"message": 'no {"error": {"message": "m"}}', "param": "prompt"}},
            "",
            'no {"error": {"message": "m"}}',
        ),
        ({"error": {"message": 'no {"message": "m"}'}}, "", 'no {"message": "m"}'),
        ({"error": {"message": "no {brace"}}, "", "no {brace"),
        ({"error": {"message": 'x - {"error": {"code": "c", "message": "m"}}', "param": "None"}}, "c", "m"),
    ],
)
def test_errors_in_every_shape(body: Any, code: str, message: str) -> None:
    """Code and words are found wherever gateways put them."""
    found = complaint(body)
    assert found
    assert (found.code, found.message) == (code, message)


@pytest.mark.parametrize(
    "body",
    [
        *(
            None,
            [],
            "x",
            1,
            {},
            {"error": None},
            {"error": False, "data": []},
            {"error": [], "message": "hi", "data": []},
        ),
        *({"data": []}, {"data": [], "message": "hi"}, {"code": 0, "data": [], "message": "hi"}),
        *({"code": "200", "data": [], "msg": "hi"}, {"code": 20000, "data": [], "message": "OK"}),
        *(
            {"status": "success", "success": True, "message": "hi", "data": []},
            {"code": "Success", "data": {}, "msg": "m"},
            {"base_resp": {"status_code": 0, "status_msg": "success"}, "data": {}},
        ),
    ],
)
def test_no_error_is_none(body: Any) -> None:
    """A success is not mistaken for an error."""
    assert complaint(body) is None


@given(st.sampled_from(["code", "type", "status"]), st.booleans() | st.floats() | st.lists(st.none()))
def test_only_text_and_whole_numbers_name_an_error(name: str, value: Any) -> None:
    """`true` is no code, and neither is a list."""
    found = complaint({"error": {name: value, "message": "m"}})
    assert found
    assert {*found.names} <= {""}


def test_moderation_details() -> None:
    """Stage and categories are read from the details, the categories also from the words."""
    details = {"moderation_stage": "output", "categories": ["sexual", "violence"]}
    found = complaint({"error": {"code": "moderation_blocked", "message": "no", "moderation_details": details}})
    assert found
    assert (found.stage, found.categories) == ("output", ("sexual", "violence"))
    found = complaint({"error": {"message": "Rejected. safety_violations=[sexual, self-harm]."}})
    assert found
    assert found.categories == ("sexual", "self-harm")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner) | (
    st.dictionaries(st.sampled_from(["error", "code", "message", "detail", "errors", "moderation_details"]), inner)
)))  # fmt: skip
def test_any_json_is_read(body: Any) -> None:
    """No shape of an error body raises."""
    complaint(body)


@pytest.mark.parametrize(
    "text",
    [
        "key sk-abcDEF123456 is wrong",
        "Incorrect API key provided: sk-proj-ab********************wxyz.",
        "Authorization: Bearer abc.def.ghi",
        "given: my+secret/key",
        "given: my%2Bsecret%2Fkey",
        "given: bXkrc2VjcmV0L2tleQ",
    ],
)
def test_keys_are_not_shown(text: str) -> None:
    """Not as they are, not shortened, not in another spelling."""
    shown = redacted(text, ("my+secret/key",))
    assert "***" in shown
    assert not any(piece in shown for piece in ("abc", "wxyz", "secret", "bXk"))


def test_only_useful_headers_are_kept() -> None:
    """An allow-list: cookies and everything unknown is dropped, values are one short line."""
    headers = {"x-request-id": "r\x1b[1m", "set-cookie": "a", "x-ratelimit-remaining-images": "3", "authorization": "b"}
    assert kept_headers(headers) == (("x-ratelimit-remaining-images", "3"), ("x-request-id", "r\\x1b[1m"))
    assert len(kept_headers({f"x-ratelimit-{i}": "1" for i in range(1000)})) == 40


@pytest.mark.parametrize(
    ("url", "end"),
    [
        ("https://x/a?se=2026-11-20T13%3A00%3A00Z&sig=x", "2026-11-20T13:00:00+00:00"),
        ("https://x/a?X-Amz-Date=20261120T120000Z&X-Amz-Expires=3600", "2026-11-20T13:00:00+00:00"),
        ("https://x/a?X-Goog-Date=20261120T120000Z&X-Goog-Expires=60", "2026-11-20T12:01:00+00:00"),
        ("https://x/a?Expires=1795180800", "2026-11-20T13:20:00+00:00"),
        ("https://x/a?se=tomorrow&sig=x", None),
        ("https://x/a?X-Amz-Date=x&X-Amz-Expires=3600", None),
        ("https://x/a?Expires=99999999999999999999", None),
        ("https://x/a", None),
        ("https://[x", None),
    ],
)
def test_ends_of_addresses(url: str, end: str | None) -> None:
    """A signed address names its own end; nonsense counts as silence."""
    found = expiry(url, NOW)
    assert (found.isoformat() if found else None) == end
    if end is None:
        assert expiry(url, NOW, 3600) == datetime(2026, 11, 20, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("![cat](https://x.example/a.png)", ("https://x.example/a.png",)),
        ("> 🎨\n\n![a](https://x/1.png)\n\n[⏬ download](https://x/1.png)", ("https://x/1.png",)),
        ("![a](https://x/1.png) ![b](<https://x/2.png>)", ("https://x/1.png", "https://x/2.png")),
        ('![a](https://x/1.png "title")', ("https://x/1.png",)),
        ("here: https://x.example/a.png?b=c, enjoy https://other", ("https://x.example/a.png?b=c",)),
        ("data:image/png;base64,QUJD", ("data:image/png;base64,QUJD",)),
        ("Here: data:image/png;base64,_-8= Enjoy!", ("data:image/png;base64,_-8=",)),
        ("I cannot draw that.", ()),
        ("", ()),
    ],
)
def test_images_in_words(words: str, found: tuple[str, ...]) -> None:
    """Markdown images, else a data URL, else the first bare link."""
    assert chat.addresses(words) == found


@pytest.mark.parametrize(
    ("size", "ratio"),
    [("2:3", "2:3"), ("1024x1536", "2:3"), ("1536x1024", "3:2"), ("1024x1024", "1:1"), ("16:9", None), ("auto", None),
     ("0x0", None), ("", None), ("1:0", None)],
)  # fmt: skip
def test_ratios(size: str, ratio: str | None) -> None:
    """A size becomes the ratio that the route knows."""
    assert chat.ratio(size) == ratio
