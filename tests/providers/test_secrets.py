"""A secret in whatever spelling a server echoes: crossed out in words and files, sealed in addresses kept for later."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from batchgen.executor.placement import blot
from batchgen.mock.fault_keys import SPELLINGS, Spelling
from batchgen.redact import opened, redacted, sealed, without

SECRET = "sk-proj-Ab_9+/=x.y~Z12"
FURTHER: dict[str, Spelling] = {
    "hex entities": lambda key: "".join(f"&#x{ord(letter):X};" for letter in key),
    "escaped entities": lambda key: "".join(f"&amp;#0{ord(letter)};" for letter in key),
    "twice escaped": lambda key: "".join(f"%25{ord(letter):02x}" for letter in key),
    "upper hex": lambda key: key.encode().hex().upper(),
}
EVERY = {**SPELLINGS, **FURTHER}


@pytest.mark.parametrize("name", EVERY)
def test_no_spelling_is_shown_or_written(tmp_path: Path, name: str) -> None:
    """In words, in bodies and, with as many bytes as before, in files."""
    said = f"key={EVERY[name](SECRET)}&more"
    inside = EVERY[name](SECRET)[6:-4]
    part = tmp_path / "0.part"
    part.write_bytes(b"\0\xff" + said.encode())
    blot(part, ("", SECRET))
    for kept in (redacted(said, (SECRET,), 2000), without(said.encode(), (SECRET,)).decode()):
        assert inside not in kept
        assert "key=" in kept
        assert "&more" in kept
    assert inside.encode() not in part.read_bytes()
    assert len(part.read_bytes()) == len(said) + 2


@pytest.mark.parametrize("name", EVERY)
def test_an_address_is_kept_without_its_secret_and_used_with_it(name: str) -> None:
    """Whoever has the same key fetches it as it was told; whoever has another learns that it holds one."""
    address = f"https://images.example/a.png?key={EVERY[name](SECRET)}&more=1"
    kept = sealed(address, ("", SECRET))
    assert EVERY[name](SECRET)[6:-4] not in kept
    again = opened(kept, ("another-secret", SECRET))
    assert again is not None
    if name in {"plain", "hex", "upper hex", "base64", "bearer64"}:
        assert again == address
    else:
        assert SECRET in unquote(again)
    assert opened(kept, ("another-secret",)) is None


def test_a_server_that_writes_a_seal_itself_gets_no_secret() -> None:
    """What looks like one in an address that was told is no seal."""
    forged = sealed(f"https://images.example/{SECRET}", (SECRET,))
    assert opened(sealed(forged, (SECRET,)), (SECRET,)) == forged.replace("(secret", "%28secret")
    assert opened("https://images.example/a.png", (SECRET,)) == "https://images.example/a.png"
