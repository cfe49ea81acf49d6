"""The streaming decoder: the same result however the bytes are cut, and no surprise whatever they are."""

import base64
import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.providers.base64_span import DecodeError, Parts
from batchgen.providers.decode import Decoder
from batchgen.providers.images import FIELDS

IMAGE = random.Random(1).randbytes(1000)
TEXT = base64.b64encode(IMAGE).decode()


def body(*entries: Any, **more: Any) -> Any:
    """Return an answer with these entries."""
    return json.dumps({"created": 1, "data": list(entries), **more}).encode()


def entry(text: Any = TEXT) -> Any:
    """Return an entry with this text."""
    return {"b64_json": text}


def test_images_go_to_parts_and_the_rest_is_json(decoded: Any) -> None:
    """Each image leaves its number in the JSON around it."""
    found = decoded([body(entry(), {"b64_json": None}, entry(), usage={"total_tokens": 3})])
    assert found.whole == [IMAGE, IMAGE]
    assert found.document.value == {
        "created": 1,
        "data": [{"b64_json": 0}, {"b64_json": None}, {"b64_json": 1}],
        "usage": {"total_tokens": 3},
    }
    assert found.document.whole


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"data": [{"revised_prompt": '"b64_json": "QUJD"', "b64_json": TEXT}]}),
        json.dumps({"data": [{"revised_prompt": 'a \\" b64_json\\\\', "b64_json": TEXT}]}),
        json.dumps({"b64_json in a key": "QUJD", "x": ["b64_json", "QUJD"], "data": [{"b64_json": TEXT}]}),
        json.dumps({"data": [{"b64_json": TEXT}], "prompt": "\\"}),
    ],
)
def test_a_image_named_inside_a_text_is_text(decoded: Any, text: Any) -> None:
    """Only the value of the key is an image, never its name or what stands in other strings."""
    found = decoded([text.encode()])
    assert found.whole == [IMAGE]
    assert found.document.whole


@pytest.mark.parametrize(
    "spelled",
    [
        TEXT.replace("/", "\\/"),
        TEXT.replace("+", "\\u002b").replace("=", "\\u003D").replace("/", "\\u002f"),
        "\\n".join(TEXT[i : i + 76] for i in range(0, len(TEXT), 76)) + "\\r\\n",
        " " + TEXT[:7] + "\t" + TEXT[7:] + "  ",
        "data:image/png;base64," + TEXT,
        "data:image\\/png;base64," + TEXT.replace("/", "\\/"),
        "DATA:image/webp;name=a.webp;base64," + TEXT,
    ],
)
@pytest.mark.parametrize("piece", [1, 3, 7, 4096])
def test_base64_in_every_legal_spelling(decoded: Any, spelled: Any, piece: Any) -> None:
    """Escapes, line breaks, blanks and a data prefix do not touch the bytes."""
    data = f'{{"data":[{{"b64_json" :\n "{spelled}"}}]}}'.encode()
    found = decoded([data[i : i + piece] for i in range(0, len(data), piece)])
    assert found.whole == [IMAGE]
    assert found.document.whole


@pytest.mark.parametrize("size", range(1, 10))
def test_padding_and_alphabet_do_not_matter(decoded: Any, cut: Any, size: Any) -> None:
    """An image of any length, with or without its padding, in either alphabet, cut at any two places: the same."""
    image = b"\xfb\xff\xbeA>?\xff\xef\xbf"[-size:]
    padded = base64.b64encode(image).decode()
    spelled = {padded[:length] for length in range(len(padded.rstrip("=")), len(padded) + 1)}
    spelled |= {text.translate(str.maketrans("+/", "-_")) for text in spelled}
    for text in spelled | {text + "\\r\\n" for text in spelled}:
        data = body(entry("?")).replace(b"?", text.encode())
        start = data.index(text.encode())
        for places in itertools.combinations(range(start, start + len(text) + 1), 2):
            found = decoded(cut(data, places))
            assert (found.whole, found.document.whole) == ([image], True), (text, places)
            assert found.document.runs[0].unpadded == bool(len(text.strip("\\rn")) % 4), text


@pytest.mark.parametrize("piece", [1, 2, 5, 4096])
def test_both_alphabets_in_one_text(decoded: Any, piece: Any) -> None:
    """Letters of the two alphabets never mean different things, so they may stand together."""
    text = "".join(letter if at % 2 else letter.translate(str.maketrans("+/", "-_")) for at, letter in enumerate(TEXT))
    assert set("+/-_") <= set(text)
    data = body(entry(text))
    assert decoded([data[i : i + piece] for i in range(0, len(data), piece)]).whole == [IMAGE]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("Q", "undecodable"),
        ("QUJDQ", "undecodable"),
        ("Q=", "undecodable"),
        ("QUJD=", "undecodable"),
        ("QQ==QU", "undecodable"),
        ("QUJD!", "undecodable"),
        ("QQ==QUJD", "undecodable"),
        ("====", "undecodable"),
        ("<html>", "undecodable"),
        ("data:image/svg+xml,%3Csvg", "undecodable"),
        ("data:image/png", "undecodable"),
        ("QUJD\\\\", "undecodable"),
        ("\\ud800", "undecodable"),
        ("\u00e9", "undecodable"),
    ],
)
@pytest.mark.parametrize("piece", [1, 2, 5, 4096])
def test_what_is_no_base64_is_named_and_kept(decoded: Any, text: Any, state: Any, piece: Any) -> None:
    """A value that is no image spoils only itself; its text is kept."""
    data = f'{{"data":[{{"b64_json":"{text}"}},{{"b64_json":"{TEXT}"}}]}}'.encode()
    found = decoded([data[i : i + piece] for i in range(0, len(data), piece)])
    assert [run.state for run in found.document.runs] == [state, "whole"]
    assert found.whole == [IMAGE]
    if state == "undecodable":
        assert found.document.runs[0].raw is not None
    else:
        assert found.document.runs[0].part is None


def test_a_data_url_is_a_image_and_a_plain_one_is_text(decoded: Any) -> None:
    """Addresses stay in the JSON, unless they are the image themselves."""
    found = decoded([body({"url": "data:image/png;base64," + TEXT}, {"url": "https://a.example/x?y=1"}, {"url": ""})])
    assert found.whole == [IMAGE]
    assert found.document.value["data"] == [{"url": 0}, {"url": "https://a.example/x?y=1"}, {"url": ""}]


def test_an_answer_that_breaks_off_keeps_what_was_whole(decoded: Any) -> None:
    """Cut anywhere: images whose closing quote came are whole, the one that was coming is not."""
    data = body(entry(), {"url": "https://a.example/1"}, entry(), usage={"total_tokens": 3})
    second = data.rindex(TEXT.encode())
    found = decoded([data[: second + 500]])
    assert [run.state for run in found.document.runs] == ["whole", "truncated"]
    assert found.document.value == {"created": 1, "data": [{"b64_json": 0}, {"url": "https://a.example/1"}]}
    assert not found.document.whole
    for length in range(len(data)):
        document = decoded([data[:length]]).document
        assert not document.whole
        closed = sum(run.state == "whole" for run in document.runs)
        assert closed == (length > data.index(TEXT.encode()) + len(TEXT)) + (length > second + len(TEXT))


def test_what_follows_the_end_does_not_matter(decoded: Any) -> None:
    """Junk after the JSON is not part of the answer."""
    found = decoded([body(entry()) + b'\n{"error": 1} junk"'])
    assert found.document.whole
    assert found.whole == [IMAGE]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b'<!doctype html><script>{"b64_json": "QUJD"}</script>', "html"),
        (b"upstream error", "other"),
        (b"\xef\xbb\xbf{}", "json"),
        (b"null", "json"),
        (b"{", "json"),
        (b"\x1f\x8b\x08", "other"),
    ],
)
def test_kinds_of_bodies(decoded: Any, data: Any, kind: Any) -> None:
    """A body is told by its first byte."""
    assert decoded([data]).document.kind == kind


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1" * 5000, "1e999", '"\\ud800"'])
def test_odd_json_values_do_no_harm(decoded: Any, value: Any) -> None:
    """Numbers and texts that Python stumbles over leave the images alone."""
    found = decoded([f'{{"data":[{{"b64_json":"{TEXT}"}}],"usage":{{"total_tokens":{value}}}}}'.encode()])
    assert found.whole == [IMAGE]
    assert found.document.whole


def test_bytes_that_are_no_utf8_do_no_harm(decoded: Any) -> None:
    """A broken text beside an image does not cost the image."""
    found = decoded([b'{"prompt":"\xff\xfe","data":[{"b64_json":"' + TEXT.encode() + b'"}]}'])
    assert found.whole == [IMAGE]
    assert found.document.whole


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[" * 200_000, "answer_too_deep"),
        (b'{"a":' * 50, "answer_too_deep"),
        (b'{"p":"' + b"x" * (9 << 20), "answer_too_large"),
        (b" " * (9 << 20), "answer_too_large"),
        (b'{"a":[' + b"[]," * 300_000, "answer_too_large"),
        (b'{"data":[{"b64_json":"' + b"QUJD" * 400_000, "answer_too_large"),
        (b'{"data":[{"b64_json":"' + b"!" * 1_200_000, "answer_too_large"),
    ],
)
def test_bounds(decoded: Any, data: Any, code: Any) -> None:
    """Depth, text and images are bounded, and the bounds have names."""
    assert decoded([data[i : i + 65536] for i in range(0, len(data), 65536)]).error == code


def test_whole_images_survive_a_bound(decoded: Any) -> None:
    """What was whole before the answer grew too large is kept."""
    found = decoded([body(entry()), b""])
    assert found.whole == [IMAGE]
    data = body(entry())[:-2] + b',{"b64_json":"' + b"QUJD" * 400_000
    found = decoded([data])
    assert found.error == "answer_too_large"
    assert found.whole == [IMAGE]


@given(data=st.data())
def test_any_cutting_gives_the_same(decoded: Any, cut: Any, data: Any) -> None:
    """Where the network cuts the bytes does not matter, nor what the buffer held before or holds afterwards."""
    texts = st.sampled_from(
        [TEXT, TEXT[:40], "", "QQ==", "QQ", "_-8", "Q", TEXT.replace("/", "\\/"), "data:image/png;base64,QUJD", "?"]
    )
    spelled = data.draw(st.lists(texts, max_size=3))
    prompt = json.dumps(data.draw(st.text(max_size=20)))
    entries = ",".join(f'{{"revised_prompt":{prompt},"b64_json":"{text}"}}' for text in spelled)
    whole = f'{{"data":[{entries}],"usage":{{"total_tokens":1}}}}'.encode()
    whole = whole[: data.draw(st.integers(0, len(whole)))]
    places = data.draw(st.lists(st.integers(0, 10_000), max_size=12))
    view = decoded([whole]).view
    assert decoded(cut(whole, places)).view == view
    assert decoded(cut(whole, places), buffer=bytearray()).view == view


_PIECES = [
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"\\u00", b" ", b"\xff", b"1"),
    *(b'"b64_json"', b'"url"', b'"prompt"', b'"content"', b'"x"', b'"data":[{', b'"' + b"k" * 70 + b'"'),
    *(b'"' + TEXT[:24].encode() + b'"', b'"' + TEXT.encode() + b'"', b'"data:image/png;base64,QUJD"', b'"QQ=="'),
    *(b'"' + b"p" * 255 + b'"', b'"' + b"p" * 256 + b'"', b'"' + b"p" * 300 + b'"'),
]


@given(pieces=st.lists(st.sampled_from(_PIECES), max_size=40), cap=st.sampled_from([10, 100, 1 << 20]))
def test_a_body_at_once_is_what_it_is_byte_by_byte(decoded: Any, pieces: Any, cap: Any) -> None:
    """Strings that are whole when they are looked at take a shorter way, which leads to the same end."""
    body_of = b'{"data":[' + b"".join(pieces)
    at_once, slowly = decoded([body_of], text_cap=cap), decoded([bytes([byte]) for byte in body_of], text_cap=cap)
    assert at_once.error == slowly.error
    assert at_once.document == slowly.document
    assert at_once.parts == slowly.parts


_NAMES = ["b64_json", "b64_json", "data", "url", "prompt", "content", "x", "", "k" * 64, "k" * 65, "\u00e9" * 40]
_TEXTS = [
    *(TEXT, TEXT, TEXT[:24], "", "QQ==", "?", "png", "b64_json", "data:image/png;base64,QUJD", "Data:x", "\u00e9" * 9),
    *("R0lGODlh" + TEXT, "AAAAIGZ0eXBhdmlm" + TEXT, "p" * 300, 'a \\" b', "[", "}"),
]
_BLANKS = st.sampled_from(["", "", "", " ", "\n\t"])


def _member(value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds('"{}"{}:{}{}'.format, st.sampled_from(_NAMES), _BLANKS, _BLANKS, value)


_LEAVES = st.one_of(
    st.sampled_from(_TEXTS).map('"{}"'.format),
    st.sampled_from(_TEXTS[:4]).map('"{}"'.format),
    st.sampled_from(["0", "1", "12", "-" + "1" * 18, "1" * 19, "1.5", "1e999", "NaN", "true", "null", "{}", "[]"]),
)
_IMAGES = st.sampled_from(_TEXTS[:5]).map('{{"b64_json":"{}"}}'.format)
_VALUES = st.recursive(
    _LEAVES | _IMAGES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda some: "[" + ",".join(some) + "]"),
        st.lists(_member(inner), max_size=4).map(lambda some: "{" + ",".join(some) + "}"),
    ),
    max_leaves=12,
)


@given(
    members=st.lists(_member(_VALUES | _IMAGES), max_size=5),
    after=st.sampled_from(["", "", "", "", "\n", " {}", '{"b64_json":"QUJD"}', "\xff", "]"]),
    deep=st.sampled_from([0, 0, 0, 0, 0, 27, 29, 30, 31, 40]),
    spoilt=st.none()
    | st.none()
    | st.none()
    | st.tuples(st.integers(0, 500), st.sampled_from([b'"', b",", b"}", b"\\", b"\xff", b""])),
    bounds=st.sampled_from([{}, {}, {}, {"most": 1}, {"most": 0}, {"text_cap": 60}, {"cap": 1500}]),
)
def test_a_short_answer_read_as_a_whole_is_what_it_is_in_pieces(
    decoded: Any, members: Any, after: Any, deep: Any, spoilt: Any, bounds: Any
) -> None:
    """Text, value, images, their names and their parts are the same; also where names stand twice."""
    text = "{" + ",".join([*members, *(['"deep":' + '{"x":' * deep + "0" + "}" * deep] if deep else [])]) + "}" + after
    whole = text.encode("latin-1", "replace") if spoilt and spoilt[0] % 2 else text.encode()
    if spoilt:
        at = spoilt[0] % len(whole)
        whole = whole[:at] + spoilt[1] + whole[at + 1 :]
    at_once, slowly = decoded([whole], **bounds), decoded([whole[:1], whole[1:]], **bounds)
    assert at_once.document == slowly.document
    assert at_once.error == slowly.error
    assert at_once.parts == slowly.parts


@given(data=st.data())
def test_mutated_bytes_raise_nothing_of_their_own(cut: Any, data: Any) -> None:
    """Whatever is done to an answer, the decoder raises DecodeError or nothing."""
    raw = bytearray(body(entry(TEXT[:60]), {"url": "data:image/png;base64,QUJD"}, None, error=None))
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))

    class Sink:
        def write(self, *_: Any) -> None:
            pass

        def close(self) -> None:
            pass

    decoder = Decoder(Parts(lambda _: Sink(), 1000), FIELDS)
    try:
        for chunk in cut(bytes(raw), data.draw(st.lists(st.integers(0, 300), max_size=4))):
            decoder.feed(chunk)
    except DecodeError:
        pass
    decoder.close()
