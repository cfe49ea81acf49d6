"""Where images are kept: the address of a store, its credentials, and the store itself."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from batchgen.app.config.environment import is_near
from batchgen.errors import InputError
from batchgen.storage import ImageStore, LocalStore
from batchgen.storage.images import Bucket, Cache, ObjectStore, SharedFolder
from batchgen.storage.workspace import nowhere

CACHE = "cache"
_SHAPE = re.compile(r"(s3|gs|az)://[^/?#\s@:]+(/[^?#]*)?|file:.+|memory:.+")
_ENDPOINT = re.compile(r"(AWS_ENDPOINT_URL(_S3)?|AWS_ENDPOINT|AZURE_(STORAGE_)?ENDPOINT)")
_ACCOUNT_FILES = ("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH", "GOOGLE_APPLICATION_CREDENTIALS")
_ACCOUNT_SERVER = "gcs_base_url"
"""Where a service account of Google's names another server than the vendor's."""
_KNOWN = frozenset(
    {
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"),
        *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_VIRTUAL_HOSTED_STYLE_REQUEST"),
        *("AWS_SKIP_SIGNATURE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME"),
        *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        *("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_SERVER_SIDE_ENCRYPTION", "AWS_SSE_KMS_KEY_ID"),
        *("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH", "GOOGLE_SERVICE_ACCOUNT_KEY"),
        "GOOGLE_APPLICATION_CREDENTIALS",
        *("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN"),
        *("AZURE_STORAGE_CLIENT_ID", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_STORAGE_TENANT_ID"),
        *("AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_USE_EMULATOR"),
    }
)
"""Variables that a store's client takes; it reads those of the environment by itself, and gets those of `.env` so."""
_FAMILY = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}


def store_address(text: str) -> str:
    """Return the address of a store as it is kept; InputError with what one looks like."""
    if _SHAPE.fullmatch(text) and ".." not in urlsplit(text).path.split("/"):
        return text.rstrip("/")
    if text.startswith(("http:", "https:")):
        raise InputError(f"store {text}: write s3://BUCKET/FOLDER, and the server's address as AWS_ENDPOINT_URL")
    raise InputError(
        f"store {text!r} is not the address of a store: s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, "
        "az://CONTAINER/FOLDER or file:///FOLDER"
    )


def store_of(
    output: Path, address: str, variables: Mapping[str, str], at: Callable[[str], None] = nowhere
) -> ImageStore:
    """Open the store that keeps an output's images; the only place that knows which kind it is."""
    if not address:
        return LocalStore(output, at=at)
    if store_address(address).startswith("file:"):
        return SharedFolder(Path(unquote(urlsplit(address).path) or address.removeprefix("file:")), at=at)
    return ObjectStore(bucket_of(address, variables), Cache(output / CACHE), at=at)


def bucket_of(address: str, variables: Mapping[str, str]) -> Bucket:
    """Open a store of objects with the credentials that it takes."""
    kind = store_address(address).partition(":")[0]
    given = {
        name: text for name, text in variables.items() if name in _KNOWN and name.startswith(_FAMILY.get(kind, "-"))
    }
    plain = _plain_http(given)
    return Bucket(address, given, plain_http=plain)


def images_at(output: Path, address: str, path: str) -> str:
    """Say where an image is, for people."""
    return f"{address}/{path}" if address else str(output / path)


def _plain_http(variables: Mapping[str, str]) -> bool:
    """Tell whether a store is reached without encryption; only this machine and private networks are."""
    named = [text for name, text in variables.items() if _ENDPOINT.fullmatch(name)]
    plain = [text for text in (*named, *_account_servers(variables)) if text.startswith("http:")]
    for text in plain:
        if not is_near(urlsplit(text).hostname or ""):
            raise InputError(
                f"the store at {urlsplit(text).hostname} is not encrypted, so everybody on the way could read "
                "what goes there: use https (http is for this machine and private networks)"
            )
    return bool(plain) or variables.get("AZURE_STORAGE_USE_EMULATOR", "").lower() in {"1", "true"}


def _account_servers(variables: Mapping[str, str]) -> Iterator[str]:
    """Go through the servers that service accounts of Google's name; what cannot be read is for the store to refuse."""
    accounts = [variables.get("GOOGLE_SERVICE_ACCOUNT_KEY", "")]
    for path in filter(None, map(variables.get, _ACCOUNT_FILES)):
        with suppress(OSError, ValueError):
            accounts.append(Path(path).read_text("utf-8"))
    for account in filter(None, accounts):
        with suppress(ValueError, RecursionError):
            facts = json.loads(account)
            if isinstance(facts, dict) and isinstance(server := facts.get(_ACCOUNT_SERVER), str):
                yield server
