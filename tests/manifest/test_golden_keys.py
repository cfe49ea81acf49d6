"""Keys are frozen: a value below that changes makes people pay again for images that they have."""

import pytest

from batchgen.manifest.key import former_keys, key, key_1
from batchgen.model import FileImage, ImageRequest, JobImage, Operation, UrlImage

PHOTO = FileImage("photos/a.png", "ab" * 32, 10, 4, 3)
OTHER = FileImage("elsewhere/b.png", "cd" * 32, 99, 8, 8)
GENERATE, EDIT, VARIATION = Operation.GENERATE, Operation.EDIT, Operation.VARIATION

GOLDEN = {
    "prompt only": (
        ImageRequest(GENERATE, "A chair"),
        None,
        "75a204f070079d73351ca1c903ed646b6aaaf0ad2e13ddd12856f2c389016a4d",
    ),
    "explicit id": (
        ImageRequest(GENERATE, "A chair"),
        "sku-1",
        "fa2371bb6bada927fc80b524995bdc05b009be4fa866b8f8462f6e8c4d01e7c6",
    ),
    "model": (
        ImageRequest(GENERATE, "A chair", "gpt-image-2.5-flare"),
        None,
        "857cc141943fac3f559e8aa673643a87777a2f2e51974c55a9e9d89a2a54b492",
    ),
    "parameters": (
        ImageRequest(GENERATE, "A chair", None, (("quality", "low"), ("size", "1024x1024"))),
        None,
        "1462cdf16f64b2593e2459e46dba010c9d59d57ad66e2b4b69eec5dc1642df43",
    ),
    "beyond ASCII": (
        ImageRequest(GENERATE, "Ein Stühlchen, 椅子 🪑", None, (("user", "Jürgen"),)),
        "stühlchen",
        "f6118502b8bd4d5e12542975eee4535816bb53d41107b16abfa0048543b1c9e8",
    ),
    "quotes and lines": (
        ImageRequest(GENERATE, 'a "b"\n\\c\t\x01\u2028'),
        None,
        "10dda5d2957ac21f96656236c5583de4a83cec4d6c5ba06263786c1cf34e43c2",
    ),
    "edit": (
        ImageRequest(EDIT, "A chair", None, (), (PHOTO, OTHER)),
        None,
        "c274e1f05e720ee8db359ade3a04d8b05160e9af9dd65292a22910a1f9461808",
    ),
    "mask": (
        ImageRequest(EDIT, "A chair", None, (), (PHOTO,), OTHER),
        None,
        "5eeb41e2b2d8ba99e4cd8dfc94344907cd9414b6176a5df3556db4db4c40f699",
    ),
    "address": (
        ImageRequest(EDIT, "A chair", None, (), (UrlImage("https://a.example/x.png?s=%2B"),)),
        None,
        "f3c69a7629cf5eebc02018e7cb164b537123a5c87c7aa40db189130676a0c65a",
    ),
    "chained": (
        ImageRequest(EDIT, "A cat", None, (), (JobImage("cat"), JobImage("hat", 1))),
        "cat-hat",
        "089589e470cee3eacd4db6e7656beb7fcb268d6c304f08ccf56a332e49a81138",
    ),
    "variation": (
        ImageRequest(VARIATION, "", None, (), (PHOTO,)),
        None,
        "8917edd6729bb308cce4de45614b460228ad10e597d7c050c92afb5863454303",
    ),
    "reference image": (
        ImageRequest(GENERATE, "A", None, (("reference_image", "x.png"),), files=(("reference_image", PHOTO),)),
        None,
        "80981c33045432681fa2e8c62699868d68d246feb30dfb8ea923f69793f0863e",
    ),
}


LINES = "A chair\nin oak\n"
VERSION_1 = {
    "A chair\nin oak\n": "115e15fda7e10b1999bfcfc735d9e8a72dae2e0cf88b3aa459c84cdde2ff5679",
    "A chair\r\nin oak\r\n": "ffcfba2d70d324950527e72392595f33352ea7edf4585976df0ec8a5245d51f6",
    "A chair\rin oak\r": "165351e1a5c56917d124a2ad49f2332730be940a7aad6574b759315f6d1c0dcf",
    "A chair\r\nin oak\n": "196d8b02a4c27933ad4d409e96b64c5e876e6bbb40328cbb2fcba982331a2705",
}


@pytest.mark.parametrize("prompt", VERSION_1)
def test_line_ends_are_no_part_of_a_key(prompt: str) -> None:
    """Under version 2 they are LF; version 1 told them apart, and its keys are still known."""
    request = ImageRequest(GENERATE, prompt)
    assert key_1(request, None) == VERSION_1[prompt]
    assert key(request, None) == VERSION_1[LINES]
    assert {*former_keys(request, None)} >= {*VERSION_1.values()} - {VERSION_1[LINES], VERSION_1["A chair\r\nin oak\n"]}
    assert (key_1(request, None) in former_keys(request, None)) is (prompt != LINES)


@pytest.mark.parametrize("name", GOLDEN)
def test_both_versions_agree_without_carriage_returns(name: str) -> None:
    """So that no older ledger is asked in vain."""
    request, explicit_id, expected = GOLDEN[name]
    assert key_1(request, explicit_id) == expected


def test_line_ends_of_parameters_are_no_part_either() -> None:
    """Any text of a request may have several lines."""
    params = [((("user", f"a{end}b"),)) for end in ("\n", "\r\n", "\r")]
    assert len({key(ImageRequest(GENERATE, "A", None, one), None) for one in params}) == 1
    assert len({key_1(ImageRequest(GENERATE, "A", None, one), None) for one in params}) == 3


@pytest.mark.parametrize("name", GOLDEN)
def test_a_key_never_changes(name: str) -> None:
    """The hash of each request is the one that was published first."""
    request, explicit_id, expected = GOLDEN[name]
    assert key(request, explicit_id) == expected


def test_the_form_that_is_hashed() -> None:
    """The first vector can be computed by hand from the documented form."""
    import hashlib

    form = b'{"images":[],"operation":"generate","params":{},"prompt":"A chair","v":1}'
    assert hashlib.sha256(form).hexdigest() == GOLDEN["prompt only"][2]
