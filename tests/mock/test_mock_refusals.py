"""What the Images API refuses, and in which words."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

WRONG: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"response_format": "b64_json"}, 400, "unknown_parameter", "response_format"),
    ({"seed": 1}, 400, "unknown_parameter", "seed"),
    ({"negative_prompt": "people"}, 400, "unknown_parameter", "negative_prompt"),
    ({"input_fidelity": "high"}, 400, "unknown_parameter", "input_fidelity"),
    ({"complexity": "low"}, 400, "unknown_parameter", "complexity"),
    ({"prompt": None}, 400, "missing_required_parameter", "prompt"),
    ({"prompt": ""}, 400, "empty_string", "prompt"),
    ({"prompt": 5}, 400, "invalid_type", "prompt"),
    ({"prompt": "x" * 32_001}, 400, "string_above_max_length", "prompt"),
    ({"model": None}, 400, "missing_required_parameter", "model"),
    ({"model": "gpt-image-9"}, 404, "model_not_found", None),
    ({"model": "dall-e-3"}, 404, "model_not_found", None),
    ({"model": "sora_image"}, 404, "model_not_found", None),
    ({"n": 0}, 400, "integer_below_min_value", "n"),
    ({"n": 11}, 400, "integer_above_max_value", "n"),
    ({"n": "2"}, 400, "invalid_type", "n"),
    ({"n": True}, 400, "invalid_type", "n"),
    ({"size": "1920x1080"}, 400, "invalid_value", "size"),
    ({"size": "512x512"}, 400, "invalid_value", "size"),
    ({"size": "4096x1024"}, 400, "invalid_value", "size"),
    ({"size": "3200x1024"}, 400, "invalid_value", "size"),
    ({"size": "3840x3840"}, 400, "invalid_value", "size"),
    ({"size": "big"}, 400, "invalid_value", "size"),
    ({"size": 1024}, 400, "invalid_value", "size"),
    ({"model": "gpt-image-1.5", "size": "1792x1024"}, 400, "invalid_value", "size"),
    ({"quality": "hd"}, 400, "invalid_value", "quality"),
    ({"model": "gpt-image-2", "quality": "max"}, 400, "invalid_value", "quality"),
    ({"output_format": "bmp"}, 400, "invalid_value", "output_format"),
    ({"output_format": "svg", "n": 2}, 400, "invalid_value", "output_format"),
    ({"output_format": "svg", "stream": True}, 400, "invalid_value", "output_format"),
    ({"output_format": "gif", "stream": True}, 400, "invalid_value", "output_format"),
    ({"output_format": "gif", "frame_count": 17}, 400, "integer_above_max_value", "frame_count"),
    ({"frame_count": 4}, 400, "invalid_value", "frame_count"),
    ({"svg": {"model": "gpt-5"}}, 400, "invalid_value", "svg"),
    ({"markup": {"image_url": "data:image/png;base64,"}}, 400, "unknown_parameter", "markup"),
    ({"background": "transparent", "output_format": "jpeg"}, 400, "invalid_value", "background"),
    ({"background": "transparent", "model": "gpt-image-2"}, 400, "invalid_value", "background"),
    ({"background": "pink"}, 400, "invalid_value", "background"),
    ({"moderation": "none"}, 400, "invalid_value", "moderation"),
    ({"output_compression": 50}, 400, "invalid_png_output_compression", "output_compression"),
    ({"output_compression": 101, "output_format": "webp"}, 400, "integer_above_max_value", "output_compression"),
]


@pytest.mark.parametrize(("fields", "status", "code", "param"), WRONG)
async def test_a_wrong_request_is_refused_in_the_vendors_words(
    start: Callable[..., Any], fields: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    """Status, code and param are the vendor's, and nothing is charged."""
    client = await start()
    answer = await client.generate(**fields)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (status, code, param)
    assert answer.error["message"]
    assert client.server.bill()["total_micro_usd"] == 0


@pytest.mark.parametrize("size", ["1024x1024", "1440x480", "3840x2160", "1920x1088", "auto", "976x704"])
async def test_any_size_under_the_rules_is_drawn(start: Callable[..., Any], size: str) -> None:
    """The later models draw every legal size."""
    client = await start(fixed_bytes=b"picture")
    assert (await client.generate(size=size)).json["size"] == ("1024x1024" if size == "auto" else size)


async def test_a_body_that_is_no_json_is_refused(start: Callable[..., Any]) -> None:
    """Neither broken JSON nor a list is a request."""
    client = await start()
    for body in (b"{", b"[]", b"\xff"):
        async with client.session.post(
            client.server.base_url + "/images/generations", data=body, headers={"Authorization": "Bearer k"}
        ) as response:
            assert response.status == 400


@pytest.mark.parametrize(
    ("given", "code"), [({}, None), ({"Authorization": "Bearer sk-wrong-0123456789abcd"}, "invalid_api_key")]
)
async def test_a_key_is_demanded(start: Callable[..., Any], given: dict[str, str], code: str | None) -> None:
    """Without a key, or with another than the configured one, the answer is 401; it repeats part of the key."""
    client = await start(key="sk-right")
    answer = await client.post("/images/generations", given, model="gpt-image-2", prompt="A lamp")
    assert (answer.status, answer.error["code"]) == (401, code)
    assert ("abcd" in answer.error["message"]) == bool(given)


async def test_the_configured_key_is_taken(start: Callable[..., Any]) -> None:
    """The right key opens, and is never shown back."""
    client = await start(key="sk-right", fixed_bytes=b"x")
    answer = await client.post(
        "/images/generations", {"Authorization": "Bearer sk-right"}, model="gpt-image-2", prompt="A"
    )
    assert answer.status == 200
    assert "sk-right" not in str(client.server.requests()) + str(client.server.bill())


async def test_a_retired_model_can_be_refused_as_its_vendor_does(start: Callable[..., Any]) -> None:
    """Rehearsals draw with it; who wants the truth of today gets a 404 with the date."""
    kind, strict = await start(fixed_bytes=b"x"), await start(serve_retired=False)
    assert (await kind.generate(model="gpt-image-1")).status == 200
    answer = await strict.generate(model="gpt-image-1")
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")
    assert "2026-10-23" in answer.error["message"]


async def test_variations_are_retired(start: Callable[..., Any]) -> None:
    """The vendor's endpoint names the end of its model, or the only model it ever took."""
    client = await start()
    gone = await client.post("/images/variations", model="dall-e-2")
    other = await client.post("/images/variations", model="gpt-image-1")
    assert (gone.status, gone.error["code"]) == (404, "model_not_found")
    assert (other.status, other.error["param"]) == (400, "model")


async def test_an_address_that_does_not_exist_says_so(start: Callable[..., Any]) -> None:
    """A wrong base URL is a 404 without a code."""
    client = await start()
    answer = await client.post("/v1/images/generations", model="gpt-image-2", prompt="A lamp")
    assert (answer.status, answer.error["code"]) == (404, None)


async def test_an_edit_without_an_image_is_refused(start: Callable[..., Any]) -> None:
    """The parameter is named."""
    client = await start()
    answer = await client.post("/images/edits", model="gpt-image-2", prompt="A lamp")
    assert (answer.error["code"], answer.error["param"]) == ("missing_required_parameter", "image")


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (b"no picture", "image/png", "invalid_image_file"),
        (b"\x89PNG\r\n\x1a\n", "image/png", "invalid_image_file"),
        (None, "application/octet-stream", "unsupported_file_mimetype"),
        (None, "image/gif", "unsupported_file_mimetype"),
    ],
)
async def test_a_bad_image_is_refused(
    start: Callable[..., Any], png: Callable[..., bytes], data: bytes | None, kind: str, code: str
) -> None:
    """Bytes that are no image, and types that are not taken."""
    client = await start()
    answer = await client.edit(("image", png() if data is None else data, "a.png", kind))
    assert (answer.status, answer.error["code"]) == (400, code)


async def test_seventeen_images_are_too_many(start: Callable[..., Any], png: Callable[..., bytes]) -> None:
    """Sixteen are taken."""
    client = await start(fixed_bytes=b"x")
    parts = [("image[]", png(32, 32), f"{i}.png", "image/png") for i in range(17)]
    assert (await client.edit(*parts[:16])).status == 200
    assert (await client.edit(*parts)).error["param"] == "image"


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        ({"width": 512, "alpha": True}, "size does not match"),
        ({}, "alpha channel"),
        ({"form": "JPEG"}, "alpha channel"),
    ],
)
async def test_a_bad_mask_is_refused(
    start: Callable[..., Any], png: Callable[..., bytes], mask: dict[str, Any], why: str
) -> None:
    """A mask has alpha and the size of the first image."""
    client = await start()
    form = "image/jpeg" if mask.get("form") else "image/png"
    answer = await client.edit(("image", png(), "a.png", "image/png"), ("mask", png(**mask), "m", form))
    assert (answer.status, answer.error["param"]) == (400, "mask")
    assert why in answer.error["message"]


@pytest.mark.parametrize(
    ("model", "value", "status"),
    [
        ("gpt-image-1.5", "high", 200),
        ("gpt-image-1-mini", "low", 200),
        ("gpt-image-1-mini", "high", 400),
        ("gpt-image-2", "high", 400),
        ("gpt-image-2.5-flare", "low", 400),
    ],
)
async def test_input_fidelity_is_taken_where_the_model_has_it(
    start: Callable[..., Any], png: Callable[..., bytes], model: str, value: str, status: int
) -> None:
    """The later models refuse the parameter with a code of its own."""
    client = await start(fixed_bytes=b"x")
    answer = await client.edit(("image", png(), "a.png", "image/png"), model=model, input_fidelity=value)
    assert answer.status == status
    if status == 400:
        assert answer.error["code"] == "invalid_input_fidelity_model"


async def test_moderation_is_no_parameter_of_a_form_edit(start: Callable[..., Any], png: Callable[..., bytes]) -> None:
    """Generations and JSON edits take it, multipart edits do not."""
    client = await start(fixed_bytes=b"x")
    image = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    form = await client.edit(("image", png(), "a.png", "image/png"), moderation="low")
    told = await client.post(
        "/images/edits", model="gpt-image-2", prompt="A", images=[{"image_url": image}], moderation="low"
    )
    assert (form.error["code"], told.status, (await client.generate(moderation="low")).status) == (
        "unknown_parameter",
        200,
        200,
    )


@pytest.mark.parametrize(
    "reference",
    [{}, {"image_url": "https://x.test/a.png", "file_id": "f"}, {"image_url": "ftp://x"}, "https://x.test/a.png"],
)
async def test_a_json_reference_names_exactly_one_image(start: Callable[..., Any], reference: Any) -> None:
    """Neither none nor two, and only by https or data."""
    client = await start()
    answer = await client.post("/images/edits", model="gpt-image-2", prompt="A", images=[reference])
    assert (answer.status, answer.error["param"]) == (400, "images")
