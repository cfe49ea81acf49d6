"""Providers as data: what each of the known ones is, and files of the user's own."""

from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen import catalog, pricing
from batchgen.catalog import form, prices
from batchgen.errors import Exit, InputError
from batchgen.model import Operation, Provider
from tests.catalog.factory import ask, row


class Write(Protocol):
    """Writes a provider file and gives its path."""

    def __call__(self, text: str) -> Path: ...


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a provider file of one's own."""

    def writing(text: str) -> Path:
        path = tmp_path / "corner-shop.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return writing


@pytest.mark.parametrize(
    ("name", "base_url", "key", "model"),
    [
        ("mock", None, None, "gpt-image-2.5-flare"),
        ("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "gpt-image-2.5-flare"),
        ("apiyi", "https://api.apiyi.com/v1", "APIYI_API_KEY", "gpt-image-2.5-flare"),
        ("laozhang", "https://api.laozhang.ai/v1", "LAOZHANG_API_KEY", "gpt-image-2.5-flare-vip"),
        ("aihubmix", "https://aihubmix.com/v1", "AIHUBMIX_API_KEY", "gpt-image-2.5-flare"),
        ("yescale", None, "YESCALE_API_KEY", "gpt-image-1"),
    ],
)
def test_the_known_doors(name: str, base_url: str | None, key: str | None, model: str) -> None:
    """Address, key variable and default model of every provider, and the day its facts were read."""
    provider = catalog.provider(name)
    assert (provider.name, provider.base_url, provider.key_variable, provider.default_model) == (
        name, base_url, key, model,
    )  # fmt: skip
    assert provider.as_of == date(2026, 11, 20)
    assert provider.source
    assert catalog.find_model(provider.default_model) is not None


def test_every_known_door_names_only_known_models() -> None:
    """Models, chat models and caps of a provider are in the catalogue."""
    for provider in catalog.providers():
        names = {*provider.models, *provider.chat_models, *dict(provider.model_max_n), *dict(provider.model_refuses)}
        assert [name for name in names if catalog.find_model(name) is None] == []
        assert provider.default_model in provider.models


def test_the_mock_is_openai_without_a_key() -> None:
    """The mock takes and refuses what OpenAI does, at its prices, and is started inside the program."""
    mock, openai = catalog.provider("mock"), catalog.provider("openai")
    assert mock.embedded
    assert not openai.embedded
    for name in ("models", "operations", "params", "values", "defaults", "max_n", "response_format", "retired"):
        assert getattr(mock, name) == getattr(openai, name)


def test_what_openai_takes() -> None:
    """No response_format, no moderation on edits, and variations are closed."""
    openai = catalog.provider("openai")
    assert "moderation" in openai.takes(Operation.GENERATE)
    assert "moderation" not in openai.takes(Operation.EDIT)
    assert "input_fidelity" in openai.takes(Operation.EDIT)
    assert "response_format" not in openai.takes(Operation.GENERATE) | openai.takes(Operation.EDIT)
    assert openai.retired == ((Operation.VARIATION, date(2026, 5, 12)),)
    assert Operation.VARIATION not in openai.operations
    assert openai.batch


def test_what_the_gateways_say_of_themselves() -> None:
    """The switches that the five guides name."""
    apiyi, laozhang, hub, yescale = map(catalog.provider, ("apiyi", "laozhang", "aihubmix", "yescale"))
    assert (apiyi.prompt_limit, apiyi.url_life, dict(apiyi.defaults)["response_format"]) == (1000, 86_400, "url")
    assert apiyi.chat_models == ("sora_image", "gpt-4o-image")
    assert dict(apiyi.model_max_n)["gpt-image-2.6-all"] == 4
    assert "complexity" in apiyi.ignored
    assert {"style", "negative_prompt", "reference_image"} <= laozhang.takes(Operation.GENERATE)
    assert dict(laozhang.extra_values)["quality"] == ("standard", "hd")
    assert dict(laozhang.limits) == {"images_per_minute": 50, "images_per_day": 1000}
    assert dict(laozhang.model_refuses) == {"gpt-image-2": ("size", "quality")}
    assert laozhang.max_n == 1
    assert dict(hub.refused_values) == {"size": ("auto",)}
    assert "moderation" not in hub.takes(Operation.EDIT)
    assert hub.charges_failures
    assert dict(yescale.defaults)["quality"] == "high"
    assert "auto" not in dict(yescale.values)["size"] + dict(yescale.values)["quality"]


@pytest.mark.parametrize(("name", "meant"), [("opnai", "openai"), ("laozang", "laozhang"), ("AIHubMix", "aihubmix")])
def test_an_unknown_provider_is_told_the_nearest(name: str, meant: str) -> None:
    """A slip of the pen is an input error that names the provider that was meant, and all there are."""
    with pytest.raises(
        InputError, match=f"unknown provider '{name}' \\(did you mean '{meant}'\\?\\); known are"
    ) as caught:
        catalog.provider(name)
    assert caught.value.exit is Exit.INPUT


@pytest.mark.parametrize("name", ["", "x" * 5000, "\x1b[31mred", "nowhere/at/all.yaml", "../", "a\x00.yaml"])
def test_a_provider_that_is_nowhere_is_an_input_error(name: str) -> None:
    """Names and paths that lead to nothing never crash, and are printed harmlessly."""
    with pytest.raises(InputError) as caught:
        catalog.provider(name)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_an_address_of_ones_own() -> None:
    """A base URL replaces the profile's, without its last slash; a mock at an address is not embedded."""
    assert catalog.provider("openai", "http://127.0.0.1:8080/v1/").base_url == "http://127.0.0.1:8080/v1"
    assert not catalog.provider("mock", "http://127.0.0.1:8080/v1").embedded
    assert catalog.provider("yescale", "https://api.example.vn/v1").base_url == "https://api.example.vn/v1"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("api.openai.com/v1", "must be an address such as"),
        ("ftp://api.openai.com", "must be an address such as"),
        ("https://", "must be an address such as"),
        ("https://host:port/v1", "is not an address"),
        ("https://[::1", "is not an address"),
        ("https://me:sk-key@host/v1", "keys come from the environment"),
        ("https://host/v1?key=1", "must not have a query or fragment"),
        ("", "must be an address such as"),
    ],
)
def test_a_bad_address_is_an_input_error(url: str, fault: str) -> None:
    """The message says what is wrong and shows no key."""
    with pytest.raises(InputError, match=fault) as caught:
        catalog.provider("openai", url)
    assert "sk-key" not in str(caught.value)


def test_a_file_of_ones_own(write: Write) -> None:
    """A gateway that speaks a known dialect is one file."""
    path = write("""
base_url: https://api.corner.shop/v1
key_variable: CORNER_API_KEY
default_model: gpt-image-2
models: [gpt-image-2, house-special]
params:
  generate: [size, quality, response_format]
response_format: b64_json
edit_body: json
values: {size: [1024x1024]}
defaults: {quality: low}
max_n: 4
model_max_n: {house-special: 1}
limits: {images_per_minute: 10}
charges_failures: true
prices:
  gpt-image-2: {official: true, multiplier: 0.8}
  house-special: {per_image: 0.02}
as_of: 2026-11-01
notes: ["open from nine to five"]
""")
    shop = catalog.provider(path)
    assert (shop.name, shop.base_url, shop.max_n, shop.response_format) == (
        "corner-shop", "https://api.corner.shop/v1", 4, "b64_json",
    )  # fmt: skip
    assert shop.takes(Operation.GENERATE) == {"size", "quality", "response_format"}
    special, second = (catalog.price_of(name, shop) for name in ("house-special", "gpt-image-2"))
    assert special is not None
    assert second is not None
    assert special.per_image == prices.flat(Decimal("0.02"))
    assert special.as_of == date(2026, 11, 1)
    assert second.multiplier == Decimal("0.8")
    request = ask("gpt-image-2", size="1024x1024", quality="high")
    quote = pricing.quote(request, 1, shop, catalog.find_model("gpt-image-2"), second)
    assert quote.low == -(-8 * (pricing.text_tokens(request.prompt) * 5 + 7024 * 30) // 10)
    assert catalog.provider(str(path)) == shop


def test_a_file_that_takes_over_a_known_door(write: Write) -> None:
    """`like` takes everything from a known provider; at another address its prices are only assumed."""
    shop = catalog.provider(write("like: apiyi\nbase_url: https://mirror.example/v1\nprompt_limit: 2000\n"))
    apiyi = catalog.provider("apiyi")
    assert (shop.name, shop.prompt_limit, shop.key_variable) == ("corner-shop", 2000, "APIYI_API_KEY")
    assert shop.chat_models == apiyi.chat_models
    theirs, ours = row(ask("gpt-image-1"), "apiyi"), catalog.price_of("gpt-image-1", shop)
    assert ours is not None
    assert (ours.per_image, ours.assumed) == (theirs.per_image, True)


def test_a_row_of_ones_own_stands_above_what_was_taken_over(write: Write) -> None:
    """One price is changed, the others stay."""
    shop = catalog.provider(write("like: openai\nprices:\n  gpt-image-2: {per_call: 0.5}\n"))
    changed, same = (catalog.price_of(name, shop) for name in ("gpt-image-2", "gpt-image-2.5-flare"))
    assert changed is not None
    assert (changed.per_call, changed.tokens) == (Decimal("0.5"), None)
    assert same == row(ask("gpt-image-2.5-flare"))


def test_all_that_is_wrong_with_a_file_is_told_at_once_with_its_place(write: Write) -> None:
    """Unknown keys with the nearest known one, types, repeated keys and missing ones: file, line and column each."""
    path = write("""base_ur: https://x.example/v1
key_variable: KEY
max_n: many
max_n: 3
embedded: yes
edit_body: jsn
base_url: "x.example"
limits: {images_per_minit: 5}
prices:
  gpt-image-2: {token_prices: {text_in: free, image_out: 1}}
  gpt-image-1: {assumed: true}
  dream-9: {per_image: {low: [1]}}
params: {edits: [size]}
""")
    with pytest.raises(InputError) as caught:
        catalog.provider(path)
    limits = "images_per_minute, input_images_per_minute, requests_per_minute, tokens_per_minute, images_per_day"
    said = [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]
    assert said == [
        "1:1: error: unknown key 'base_ur' (did you mean 'base_url'?)",
        "1:1: error: 'default_model' is missing",
        "3:8: error: must be a whole number above 0",
        "4:1: error: 'max_n' stands here twice",
        "5:11: error: must be true or false",
        "6:12: error: 'jsn' is none of multipart, json (did you mean 'json'?)",
        "7:11: error: must be an address such as https://api.example.com/v1",
        f"8:10: error: 'images_per_minit' is none of {limits}, concurrency (did you mean 'images_per_minute'?)",
        "10:41: error: 'free' is not a number",
        "11:16: error: a price needs token_prices, per_image, per_call or official",
        "12:30: error: must be a mapping of keys to values",
        "13:10: error: 'edits' is none of generate, edit, variation (did you mean 'edit'?)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("[1, 2]", "must be a mapping"),
        ("a: [", "is not YAML"),
        ("a: 1\n b: 2", ":2:3: error: is not YAML"),
        ("a: \x07", "is not YAML"),
        ("max_n: 1", "'base_url' is missing"),
        ("like: nobody", "'nobody' is none of mock"),
        ("like: openai\nmax_n: 99999999999999999999", "whole number above 0"),
        ("like: openai\nnotes: {a: b}", "must be a list"),
        ("like: openai\nname: null", "must be text"),
        ("like: openai\n? [a]\n: b", "a key must be plain text"),
        ("like: openai\nas_of: soon", "must be a date such as"),
        ("like: openai\nprices: {x: {per_call: -1}}", "must be a number from 0"),
        ("like: openai\nprices: {x: {per_call: .nan}}", "is not a number"),
        ("--- 1\n--- 2\n", "one document is enough"),
        ("&a [*a]", "must be a mapping"),
    ],
)
def test_what_is_wrong_with_a_file(write: Write, text: str, said: str) -> None:
    """Every kind of fault is an input error with its place."""
    with pytest.raises(InputError) as caught:
        catalog.provider(write(text))
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Missing, a folder, not UTF-8 or far too large: one sentence each."""
    binary, large = tmp_path / "b.yaml", tmp_path / "l.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    large.write_bytes(b"a" * 1_000_001)
    for path, said in ((tmp_path / "no.yaml", "No such file"), (binary, "not UTF-8"), (large, "larger than")):
        with pytest.raises(InputError, match=said):
            catalog.provider(path)
    (tmp_path / "d.yaml").mkdir()
    with pytest.raises(InputError, match="cannot read"):
        catalog.provider(tmp_path / "d.yaml")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_provider_or_an_input_error(raw: bytes) -> None:
    """No file makes the program crash."""
    with suppress(InputError):
        form.parse(raw, "x.yaml", form.record({"a": form.table(form.amount), "b": form.several(form.day)}))


def test_providers_are_compared_by_value() -> None:
    """Reading a profile twice gives equal values, and all six are there."""
    assert [p.name for p in catalog.providers()] == ["mock", "openai", "apiyi", "laozhang", "aihubmix", "yescale"]
    assert isinstance(catalog.provider("openai"), Provider)
    assert catalog.provider("openai") == catalog.provider("openai")


def test_a_provider_file_that_may_never_end_is_not_begun() -> None:
    """A device or a pipe is no provider file."""
    with pytest.raises(InputError, match="not an ordinary file"):
        catalog.provider("/dev/zero")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1\r\nX: y", "http://127.0.0.1:1/v 1", "http://127.0.0.1:1/\t"])
def test_an_address_holds_no_blanks(url: str) -> None:
    """Line breaks that a URL parser drops silently are refused instead."""
    with pytest.raises(InputError, match="must not hold blanks"):
        catalog.provider("openai", url)
