"""Which addresses an image may be fetched from: the provider's own host, allowed hosts, and public https addresses.

Names are resolved once, every address they stand for is checked, and the connection goes to a checked one: a name that
changes its meaning between check and connection gains nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from batchgen.executor.proxies import literal
from batchgen.text import safe

Lookup = Callable[[str, int], Awaitable[list[tuple[Any, ...]]]]

# What `is_global` lets through although packets may end up inside.
_INSIDE = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo and other protocol assignments
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)


class RefusedAddressError(OSError):
    """An address that images are not fetched from: by which rule, and what allows its host. Final under these rules."""

    def __init__(self, host: str, rule: str, *, opens: bool = True) -> None:
        """Name the host and the rule; `opens` when `download_hosts` can allow the host."""
        way = (
            f"; `download_hosts: [{host}]` in the provider file allows it, and the next run fetches it" if opens else ""
        )
        super().__init__(f"{host} is refused: {rule}{way}")


class Origin(StrEnum):
    """How an image's address is reached."""

    OWN = "own"  # the provider's own origin: the key goes along
    TRUSTED = "trusted"  # a host that the provider's file names
    PUBLIC = "public"  # anywhere, if it is https and public


@dataclass(frozen=True, slots=True)
class Rules:
    """The provider's base URL and the hosts it names for downloads (`host` or `host:port`)."""

    base: URL
    hosts: tuple[str, ...] = ()

    def origin(self, url: URL) -> Origin:
        """How `url` may be reached; RefusedAddressError when it may not."""
        host = safe(url.raw_host or "an address without a host", 100)
        if url.scheme not in {"http", "https"} or not url.raw_host or url.user or url.password:
            rule = "only http and https addresses without a user name are fetched"
            raise RefusedAddressError(host, rule, opens=False)
        if _origin(url) == _origin(self.base):
            return Origin.OWN
        if url.raw_host.lower() in self.hosts or f"{url.raw_host.lower()}:{url.port}" in self.hosts:
            return Origin.TRUSTED
        if url.scheme != "https":
            raise RefusedAddressError(_place(url), "an image from a foreign host must come over https")
        if url.port not in {443, 80, self.base.port}:
            raise RefusedAddressError(_place(url), f"port {url.port} is not one that images come from")
        address = literal(url.raw_host)
        if address is not None and not is_public(address):
            raise RefusedAddressError(_place(url), "it is a private address")
        return Origin.PUBLIC


class PublicResolver(AbstractResolver):
    """Resolves names for the connector and refuses a name if any of its addresses is not public."""

    def __init__(self, lookup: Lookup | None = None) -> None:
        """Take another way to look names up, for tests."""
        self._lookup = lookup or _system_lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses that were checked; RefusedAddressError when one is private."""
        found = []
        for kind, _, protocol, _, address in await self._lookup(host, port):
            if family not in {socket.AF_UNSPEC, kind}:
                continue
            if not is_public(ip_address(address[0])):
                raise RefusedAddressError(host, "it stands for a private address")
            found.append(
                ResolveResult(
                    hostname=host,
                    host=address[0],
                    port=address[1],
                    family=kind,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        return found

    async def close(self) -> None:
        """Nothing to let go of."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether packets to an address leave for the public internet, whatever it is wrapped in."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return not any(address.version == net.version and address in net for net in _INSIDE)


def _place(url: URL) -> str:
    """Return host, and port where it is not the usual one, as `download_hosts` names them."""
    host = safe(url.raw_host or "", 100)
    return host if url.is_default_port() else f"{host}:{url.port}"


def _origin(url: URL) -> tuple[str, str, int | None]:
    return url.scheme, (url.raw_host or "").lower().rstrip("."), url.port


async def _system_lookup(host: str, port: int) -> list[tuple[Any, ...]]:
    return list(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))
