"""The only place that reads the environment and `.env`; keys leave it as `Secret`s."""

import os
import re
import resource
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit

from batchgen.errors import AccountError, InputError, Place, Problem
from batchgen.executor.proxies import DIRECT, Proxies
from batchgen.model import Provider
from batchgen.text import safe

MOCK = "mock"
"""The provider that costs nothing and needs no key, wherever it runs."""
_NEAR = (".localhost", ".local", ".lan", ".internal", ".home.arpa", ".test", ".invalid")
"""Ends of names that the internet does not know: RFC 6761, 6762, 8375, and what ICANN keeps for private use."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ASSIGNED = re.compile(
    r"""(?:export\s+)?(?P<name>[^\W\d]\w*)\s*="""
    r"""(?:\s*(?P<mark>["'])(?P<quoted>.*?)(?P=mark)|(?P<bare>.*?))(?:\s+\#.*)?"""
)
"""A line of `.env`: a value with or without quotation marks, and a comment behind it."""
_GIVEN_OUT: set[str] = set()
"""Variables whose values were handed out as secrets, whatever they are called."""


@dataclass(frozen=True, slots=True)
class Secret:
    """An API key, or what is kept like one: never shown, only revealed where a request is signed."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "***"

    def reveal(self) -> str:
        """Return the key itself."""
        return self.value


FREE_KEY = Secret("embedded-needs-no-key")
"""What the provider that costs nothing takes for a key."""


def environment(folder: Path | None = None) -> Mapping[str, str]:
    """Environment variables over the lines of `.env` in the working directory; the environment wins."""
    return {**_dotenv((folder or Path.cwd()) / ".env"), **os.environ}


def _dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines; quotes around a value go, and a comment behind it; anything else is passed over.

    InputError for a pipe or a device, which may never end.
    """
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            raise InputError(Problem("is not an ordinary file: move it away, and set the variables", Place(str(path))))
        written = path.read_bytes()
    except OSError:
        return {}
    text = written.decode("utf-16" if written.startswith(_UTF16) else "utf-8-sig", "replace")
    values = {}
    for line in text.splitlines():
        if found := _ASSIGNED.fullmatch(line.strip()):
            values[found["name"]] = found["quoted"] if found["mark"] else found["bare"].strip()
    return values


_WHERE = "in the environment or in .env of the working directory"
_NO_KEY = "it contains spaces or characters that no key has"
_NO_KEYS = frozenset(" \"'")


def key_for(provider: Provider, variables: Mapping[str, str]) -> Secret | None:
    """Return the provider's API key; None for a provider that needs none.

    Raises AccountError when it is not set, InputError when it cannot be a key (the value itself is never shown), or
    when it would travel readable for everybody.
    """
    name = provider.key_variable
    if name is None:
        return FREE_KEY if provider.name == MOCK else None
    key = _secret(name, variables, f"no API key for {provider.name}: set {name} {_WHERE}", f"an API key: {_NO_KEY}")
    _encrypted(provider, name)
    return key


ADMIN_KEY = "OPENAI_ADMIN_KEY"
"""The variable of the key that reads an organisation's books: it draws nothing, and no drawing key stands in for it."""


def admin_key(variables: Mapping[str, str]) -> Secret:
    """Return the admin key; AccountError when it is not set, InputError when it cannot be a key."""
    missing = (
        f"no admin key: set {ADMIN_KEY} {_WHERE}; it is made for an organisation, apart from keys that draw, and needs "
        "to read usage only"
    )
    return _secret(ADMIN_KEY, variables, missing, f"a key: {_NO_KEY}")


def headers_for(provider: Provider, variables: Mapping[str, str]) -> dict[str, Secret]:
    """Return the headers of a provider file with the values of their variables, as secrets as a key.

    AccountError when one is not set, InputError when it cannot be sent or would travel readable for everybody.
    """
    found: dict[str, Secret] = {}
    for header, name in provider.headers:
        missing = f"no value for the header {header} of {provider.name}: set {name} {_WHERE}"
        no_value = "a header's value: it contains characters that none has"
        found[header] = _secret(name, variables, missing, no_value, blanks=True)
        _encrypted(provider, name)
    return found


def authorities(variables: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Where further certificate authorities stand: the variable, its value, and what is wrong with it, if anything."""
    for name, is_there in (("SSL_CERT_FILE", Path.is_file), ("SSL_CERT_DIR", Path.is_dir)):
        value = variables.get(name)
        if not value:
            continue
        if not is_there(Path(value)):
            yield name, value, f"{name} names {safe(value, 200)}, and nothing is there: no certificate is trusted"
        elif name not in os.environ:
            yield name, value, f"{name} stands only in .env, which is read too late for it: set it in the environment"
        else:
            yield name, value, ""


def proxies_in(variables: Mapping[str, str]) -> Proxies:
    """Return the proxy that HTTPS_PROXY or ALL_PROXY names, and where NO_PROXY wants none; lower case goes first.

    InputError for one that is no http or https address; user name and password in it are never shown.
    """
    for name in ("https_proxy", "all_proxy"):
        spelt, value = _either_case(variables, name)
        if value:
            never = _either_case(variables, "no_proxy")[1].replace(",", " ").split()
            return replace(_proxy(spelt, value), never=tuple(never))
    return DIRECT


def _either_case(variables: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the spelling that counts, and its value: the lower case one where it is set, even to nothing."""
    spelt = name if name in variables else name.upper()
    return spelt, variables.get(spelt, "").strip()


def _proxy(name: str, value: str) -> Proxies:
    whole = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(whole)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise InputError(f"{name} does not hold the address of a proxy, such as http://proxy.example:3128") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not whole.isprintable():
        raise InputError(f"{name} must be the http or https address of a proxy, such as http://proxy.example:3128")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    secret = "" if parts.username is None else f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxies(f"{parts.scheme}://{host}{port}", secret=secret)


def check_authorities(provider: Provider, variables: Mapping[str, str]) -> None:
    """Raise InputError when a provider is spoken to over TLS and the authorities that are named cannot be read."""
    wrong = [problem for _, _, problem in authorities(variables) if problem]
    if wrong and urlsplit(provider.base_url or "").scheme == "https":
        raise InputError(*wrong)


def _secret(name: str, variables: Mapping[str, str], missing: str, odd: str, *, blanks: bool = False) -> Secret:
    """Return the value of a variable as a secret; `odd` says what it does not hold, where it has odd characters."""
    value = variables.get(name, "").strip()
    if not value:
        raise AccountError(missing)
    if not value.isascii() or not value.isprintable() or (not blanks and not _NO_KEYS.isdisjoint(value)):
        raise InputError(f"{name} does not hold {odd}")
    _GIVEN_OUT.add(name)
    return Secret(value)


def _encrypted(provider: Provider, name: str) -> None:
    address = urlsplit(provider.base_url or "")
    if address.scheme == "http" and not is_near(address.hostname or ""):
        raise InputError(
            f"{provider.base_url} is not encrypted, so everybody on the way could read {name}: use https (http is for "
            "this machine and private networks)"
        )


def is_near(host: str) -> bool:
    """Whether a host is on this machine or in a private network: by its number, or by what its name stands for."""
    name = host.lower().strip("[]").partition("%")[0].rstrip(".")
    if (number := _number(name)) is not None:
        return not _unwrapped(number).is_global
    if "." in name and not name.endswith(_NEAR):
        return False
    return not any(_unwrapped(address).is_global for address in _addresses(name))


Number = IPv4Address | IPv6Address
_NAT64 = ip_network("64:ff9b::/96")


def _number(name: str) -> Number | None:
    """Read a number in every spelling that the system's resolver takes: decimal, octal, hexadecimal, shortened."""
    with suppress(ValueError):
        return ip_address(name)
    if not re.fullmatch(r"(0x[0-9a-f]+|[0-9]+)(\.(0x[0-9a-f]+|[0-9]+)){0,3}", name):
        return None
    with suppress(OSError):
        return IPv4Address(socket.inet_aton(name))
    return None


def _unwrapped(address: Number) -> Number:
    """Return the IPv4 address that an IPv6 one stands for, where it does."""
    if not isinstance(address, IPv6Address):
        return address
    inside = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return address.ipv4_mapped or address.sixtofour or inside or address


def _addresses(name: str) -> Iterator[Number]:
    """Return what a name stands for here; nothing where it is not known."""
    with suppress(OSError, UnicodeError):
        for *_, address in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM):
            yield ip_address(str(address[0]).partition("%")[0])


def without_core_files() -> None:
    """From now on a crash of this process writes no memory, and so no key, to the disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def secrets(variables: Mapping[str, str]) -> tuple[str, ...]:
    """Values of the environment that must never be shown."""
    named = (name for name in variables if name in _GIVEN_OUT or name.endswith(("_KEY", "_TOKEN", "_SECRET")))
    whole = (value for name in named if (value := variables[name]))
    addresses = (value for name, value in variables.items() if name.endswith(("_NOTIFY_URLS", "_HEARTBEAT_URL")))
    return (*whole, *(url for several in addresses for url in several.replace(",", " ").split()))
