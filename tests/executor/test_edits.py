"""Edits go out part by part as the official SDK sends them, or as JSON where a provider wants that."""

import base64
import io
import json
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batchgen.executor.local import LocalExecutor
from batchgen.model import FileImage, Operation, Phase, Prepare, Remedy, UrlImage
from batchgen.providers.wire import FormPart


def local(path: Path, data: bytes) -> FileImage:
    """Return an image on this machine."""
    path.write_bytes(data)
    with Image.open(path) as image:
        return FileImage(str(path), "0" * 64, len(data), *image.size)


def parts(seen: Any) -> list[tuple[Any, ...]]:
    """Say what a multipart request holds: name, file name, content type, bytes."""
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + seen.body)
    found = []
    for part in message.iter_parts():
        disposition = part["content-disposition"].params
        kind = part.get_content_type() if part["content-type"] else None
        found.append((disposition["name"], disposition.get("filename"), kind, part.get_payload(decode=True)))
    return found


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("masked", [0, 1])
async def test_the_form_is_the_sdks(world: Any, kit: Any, tmp_path: Path, count: int, masked: int) -> None:
    """Same parts, names, file names, types and bytes as the SDK sends."""
    from openai import AsyncOpenAI

    images = [local(tmp_path / f"p{i}.png", kit.image(colour=(i, 0, 0))) for i in range(count)]
    mask = local(tmp_path / "m.png", kit.image(mode="RGBA", colour=(0, 0, 0, 0))) if masked else None
    reply = kit.response(kit.answer(kit.image()))
    await world.execute(
        world.attempt(
            2, operation=Operation.EDIT, images=tuple(images), mask=mask, params={"size": "1024x1024", "quality": "low"}
        ),
        reply,
    )
    async with AsyncOpenAI(api_key=kit.key, base_url=world.server.url, max_retries=0) as client:
        opened = [Path(i.path).open("rb") for i in images]  # noqa: ASYNC230, SIM115
        more: dict[str, Any] = {"mask": Path(mask.path).open("rb")} if mask else {}  # noqa: ASYNC230, SIM115
        try:
            await client.images.edit(
                model="gpt-image-2.5-flare",
                image=opened if count > 1 else opened[0],
                prompt="a red dot",
                n=2,
                size="1024x1024",
                quality="low",
                **more,
            )
        finally:
            for file in (*opened, *more.values()):
                file.close()
    ours, theirs = world.server.seen
    assert ours.target == theirs.target == "/v1/images/edits"
    assert sorted(parts(ours), key=repr) == sorted(parts(theirs), key=repr)
    files = [name for name, filename, *_ in parts(ours) if filename]
    assert files == [*(["image"] if count == 1 else ["image[]"] * count), *(["mask"] if masked else [])]


async def test_a_large_form_is_streamed(world: Any, kit: Any, tmp_path: Path) -> None:
    """Uploads of many megabytes go out whole with their length, without standing in memory together."""
    import os

    noise = Image.frombytes("RGB", (2000, 1200), os.urandom(2000 * 1200 * 3))
    out = io.BytesIO()
    noise.save(out, "PNG", compress_level=0)
    images = tuple(local(tmp_path / f"{i}.png", out.getvalue()) for i in range(2))
    attempt = world.attempt(operation=Operation.EDIT, images=images)
    receipt = await world.execute(attempt, kit.response(kit.answer(kit.image())))
    assert receipt.verdict.code == "ok"
    (seen,) = world.server.seen
    assert "transfer-encoding" not in seen.headers
    assert [p[3] for p in parts(seen) if p[1]] == [out.getvalue()] * 2


async def test_json_edits(world: Any, kit: Any, tmp_path: Path) -> None:
    """Where a provider wants JSON, local images are data URLs and addresses stay addresses."""
    world.like(edit_body="json")
    data = kit.image(kind="JPEG")
    photo, web = local(tmp_path / "a.jpg", data), UrlImage("https://pics.example/b.png")
    attempt = world.attempt(operation=Operation.EDIT, images=(photo, web), mask=web)
    await world.execute(attempt, kit.response(kit.answer(kit.image())))
    (seen,) = world.server.seen
    assert seen.json == {
        "model": "gpt-image-2.5-flare",
        "prompt": "a red dot",
        "n": 1,
        "images": [
            {"image_url": "data:image/jpeg;base64," + base64.b64encode(data).decode()},
            {"image_url": "https://pics.example/b.png"},
        ],
        "mask": {"image_url": "https://pics.example/b.png"},
    }


async def test_uploads_are_shrunk_on_the_way(world: Any, kit: Any, tmp_path: Path) -> None:
    """`prepare` changes what is sent, never the file."""
    data = kit.image(400, 200)
    photo = local(tmp_path / "a.png", data)
    mask = local(tmp_path / "m.png", kit.image(400, 200, mode="L", colour=255))
    await world.opened(prepare=Prepare(max_edge=100, format="jpeg"))
    await world.execute(
        world.attempt(operation=Operation.EDIT, images=(photo,), mask=mask), kit.response(kit.answer(kit.image()))
    )
    (seen,) = world.server.seen
    image, alpha = (p for p in parts(seen) if p[1])
    assert image[:3] == ("image", "a.jpeg", "image/jpeg")
    assert Image.open(io.BytesIO(image[3])).size == (100, 50)
    assert alpha[:3] == ("mask", "m.png", "image/png")
    assert Image.open(io.BytesIO(alpha[3])).size == (100, 50)
    assert (tmp_path / "a.png").read_bytes() == data


async def test_a_image_that_is_gone_fails_unsent(world: Any, tmp_path: Path) -> None:
    """What cannot be read is never sent, and costs nothing."""
    gone = FileImage(str(tmp_path / "gone.png"), "0" * 64, 1, 1, 1)
    receipt = await world.execute(world.attempt(operation=Operation.EDIT, images=(gone,)))
    assert receipt.phase is Phase.NOT_CONNECTED
    assert receipt.verdict.remedy is Remedy.FAIL_JOB
    assert "gone.png" in receipt.verdict.message
    assert not world.server.seen


async def test_a_reference_image_is_base64(world: Any, kit: Any, tmp_path: Path) -> None:
    """A parameter that names an image file travels as its bytes."""
    data = kit.image()
    photo = local(tmp_path / "ref.png", data)
    attempt = world.attempt(params={"reference_image": photo.path}, files=(("reference_image", photo),))
    await world.execute(attempt, kit.response(kit.answer(kit.image())))
    assert world.server.seen[0].json["reference_image"] == base64.b64encode(data).decode()


async def test_a_provider_that_serves_variations(world: Any, kit: Any, tmp_path: Path) -> None:
    """A variation carries its image and no prompt."""
    photo = local(tmp_path / "a.png", kit.image())
    attempt = world.attempt(operation=Operation.VARIATION, images=(photo,), model="dall-e-2")
    await world.execute(attempt, kit.response(kit.answer(kit.image())))
    (seen,) = world.server.seen
    assert seen.target == "/v1/images/variations"
    assert [p[0] for p in parts(seen)] == ["model", "n", "image"]


def test_names_cannot_break_out_of_their_header() -> None:
    """A file name with quotes or line breaks stays one name."""
    head = FormPart("image", b"", 'a"\r\nX-Evil: 1.png', "image/png").head()
    assert head.count(b"\r\n") == 3
    assert b'filename="a%22%0D%0AX-Evil: 1.png"' in head


async def test_chat_images(world: Any, kit: Any) -> None:
    """A model that draws over chat gets the ratio in its prompt; the image is found in the words."""
    world.like(chat_models=("sora_image",))
    text = "data:image/png;base64," + base64.b64encode(kit.image()).decode()
    words = {"choices": [{"message": {"role": "assistant", "content": f"Here:\n![cat]({text}) [again](http://x/y)"}}]}
    reply = kit.response(json.dumps(words).encode())
    receipt = await world.execute(world.attempt(model="sora_image", params={"size": "1024x1536"}), reply)
    (seen,) = world.server.seen
    assert seen.target == "/v1/chat/completions"
    assert seen.json["messages"] == [{"role": "user", "content": "a red dot【2:3】"}]
    assert world.file(receipt.images[0].path) == kit.image()
    assert isinstance(world.executor, LocalExecutor)
