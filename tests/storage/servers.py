"""Servers of object stores that are not ours: started once for all tests where they can be had, else told as skipped.

They live in `.servers` of the checkout (`.ci/run` puts them there), or where BATCHGEN_TEST_SERVERS says.
"""

import atexit
import hmac
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.storage import gcs

HOME = Path(os.environ.get("BATCHGEN_TEST_SERVERS") or Path(__file__).parents[2] / ".servers")
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that the emulator is known by; it opens nothing else."""


@dataclass(frozen=True)
class Server:
    """A store that answers: an address below which nothing is yet is `address` and a name; how it is reached."""

    address: str
    variables: Mapping[str, str]
    url: str


@cache
def moto() -> Server:
    """Start moto's server, which honours conditions as S3 does."""
    python = HOME / "moto" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"moto is not installed in {HOME}: .ci/run does it")
    url = started([str(python), "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"])
    urllib.request.urlopen(urllib.request.Request(f"{url}/bucket", method="PUT"), timeout=PATIENCE).close()
    return Server("s3://bucket", _s3(url, "any"), url)


@cache
def s3rver() -> Server:
    """Start s3rver, another program that speaks S3 and passes over conditions."""
    folder = Path(tempfile.mkdtemp(prefix="s3rver-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    program = _node("s3rver")
    url = started([*program, "-d", str(folder), "-a", "127.0.0.1", "-p", "{port}", "--configure-bucket", "bucket"])
    return Server("s3://bucket", _s3(url, "S3RVER"), url)


@cache
def azurite() -> Server:
    """Start Azurite, the emulator of Azure's blobs."""
    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--blobHost", "127.0.0.1"]
    url = started([*_node("azurite-blob"), *options, "--blobPort", "{port}"])
    variables = {
        "AZURE_STORAGE_ACCOUNT_NAME": "devstoreaccount1",
        "AZURE_STORAGE_ACCOUNT_KEY": AZURITE_KEY,
        "AZURE_STORAGE_ENDPOINT": f"{url}/devstoreaccount1",
    }
    _make_container(variables)
    return Server("az://pictures", variables, url)


@cache
def google() -> Server:
    """Start our own stand-in for Google's store."""
    url = gcs.start()
    account = {"gcs_base_url": url, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
    return Server("gs://bucket", {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account)}, url)


def _make_container(variables: Mapping[str, str]) -> None:
    """Make a container, which obstore does not: one request, signed as Azure wants it."""
    account, address = variables["AZURE_STORAGE_ACCOUNT_NAME"], variables["AZURE_STORAGE_ENDPOINT"]
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    told = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    words = "PUT" + "\n" * 12 + told + f"/{account}/{account}/pictures\nrestype:container"
    key = b64decode(variables["AZURE_STORAGE_ACCOUNT_KEY"])
    signature = b64encode(hmac.digest(key, words.encode(), "sha256")).decode()
    headers["Authorization"] = f"SharedKey {account}:{signature}"
    request = urllib.request.Request(f"{address}/pictures?restype=container", method="PUT", headers=headers)
    urllib.request.urlopen(request, timeout=PATIENCE).close()


def _node(program: str) -> Sequence[str]:
    found = HOME / "node_modules" / ".bin" / program
    if not found.exists() or shutil.which("node") is None:
        pytest.skip(f"{program} is not installed in {HOME}: .ci/run does it where node is")
    return ["node", str(found)]


def _s3(url: str, key: str) -> Mapping[str, str]:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return {"AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1", **dict.fromkeys(names, key)}


def started(command: Sequence[str], seconds: float = PATIENCE) -> str:
    """Start a server on a free port; it ends with the tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.replace("{port}", str(port)) for word in command]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(_end, server)
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return f"http://127.0.0.1:{port}"
    pytest.skip(f"{words[0]} {words[1]} did not start")


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.kill()
    server.wait()
