"""Which addresses are reached through a proxy, and how: always in a tunnel, so that no proxy ever sees a key.

What is plain http is reached directly, as is this machine: a proxy would read the key, or never find the way.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from yarl import URL


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxy for https addresses, and the hosts that are reached without one; `secret` is user name and password.

    Each of `never` is `*`, a name with all that end in it, an address, a network, or one of the first with `:port`.
    """

    address: str = ""
    never: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)

    def leads_to(self, address: str | URL) -> bool:
        """Whether an address is reached through the proxy."""
        url = URL(address)
        host = (url.raw_host or "").lower().rstrip(".")
        if not self.address or url.scheme != "https" or _is_here(host):
            return False
        return not any(_is_meant(entry, host, url.port) for entry in self.never)

    def options(self, url: URL) -> dict[str, Any]:
        """Return what a request to an address says of its proxy; nothing where it goes directly."""
        if not self.address or not self.leads_to(url):
            return {}
        token = base64.b64encode(self.secret.encode()).decode()
        return {"proxy": self.address} | (
            {"proxy_headers": {"Proxy-Authorization": f"Basic {token}"}} if self.secret else {}
        )


DIRECT = Proxies()


def secrets_of(key: str | None, own_headers: Mapping[str, str] | None) -> tuple[str, ...]:
    """Name what no answer, and nobody who reads one, may see again: the key, and headers of a provider's file."""
    return tuple(value for value in (key, *(own_headers or {}).values()) if value)


def _is_here(host: str) -> bool:
    address = literal(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _is_meant(entry: str, host: str, port: int | None) -> bool:
    entry = entry.strip().lower()
    if entry == "*":
        return True
    address = literal(host)
    if address is not None:
        return _holds(entry, address) or _holds(entry.rpartition(":")[0], address, entry.rpartition(":")[2], port)
    name, colon, number = entry.partition(":")
    if colon and number != str(port):
        return False
    name = name.removeprefix("*").lstrip(".").rstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _holds(network: str, address: Any, number: str = "", port: int | None = None) -> bool:
    """Whether a network, or one address, holds this one."""
    try:
        found = ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False
    return found.version == address.version and address in found and (not number or number == str(port))


def literal(host: str) -> Any:
    """Read an address that stands for itself; None for a name."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
