"""What keeps a provider from being reached or understood, as codes; and the one table of words that people read."""

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """What is wrong between here and a provider: in its address, on the way, or with who answers there."""

    NONE = ""
    DNS = "unknown_host"
    REFUSED = "connection_refused"
    NO_ROUTE = "no_route"
    SILENT = "no_connection"
    CUT = "handshake_cut"
    UNTRUSTED = "certificate_untrusted"
    EXPIRED = "certificate_expired"
    EARLY = "certificate_early"
    OTHER_HOST = "certificate_other_host"
    PROTOCOL = "tls_protocol"
    NO_TLS = "no_tls"
    NOT_HTTP = "not_http"
    PROXY = "proxy_unreachable"
    PROXY_REFUSED = "proxy_refused"
    PORTAL = "captive_portal"
    BLOCKED = "blocked_page"
    WEB_PAGE = "web_page"
    NO_ENDPOINT = "no_endpoint"
    REDIRECT = "redirect"
    NO_MODEL = "no_model"

    @property
    def what(self) -> str:
        """What is wrong, in a few words; empty where nothing is known."""
        return _WORDS[self].what if self else ""

    @property
    def advice(self) -> str:
        """What to do about it; empty where nothing is known."""
        return _WORDS[self].advice if self else ""


@dataclass(frozen=True, slots=True)
class _Words:
    what: str
    advice: str


_BASE = "the base URL (--base-url, OPENAI_BASE_URL, or base_url in the provider file)"
_PROXY = "where only a proxy leads outside, set HTTPS_PROXY"
_AUTHORITY = (
    "if a firewall opens encrypted connections here, save its certificate authority as a PEM file and set "
    "SSL_CERT_FILE to that file in the environment; otherwise do not trust this network"
)

_WORDS = {
    Cause.DNS: _Words("no such host: its name is not known here", f"check {_BASE}, and the network or VPN; {_PROXY}"),
    Cause.REFUSED: _Words(
        "nothing listens at that port: the connection was refused", f"check {_BASE} and that the server runs; {_PROXY}"
    ),
    Cause.NO_ROUTE: _Words("no way leads to that host", f"check the network or VPN; {_PROXY}"),
    Cause.SILENT: _Words(
        "no connection in time: something on the way drops it", f"check the network, firewall or VPN; {_PROXY}"
    ),
    Cause.CUT: _Words(
        "the connection was cut while encryption began", f"a firewall on the way may forbid that host; {_PROXY}"
    ),
    Cause.UNTRUSTED: _Words("the server's certificate is signed by nobody who is trusted here", _AUTHORITY),
    Cause.EXPIRED: _Words(
        "the server's certificate has expired",
        "check this computer's clock; if it is right, whoever runs that server has to renew the certificate",
    ),
    Cause.EARLY: _Words("the server's certificate is not valid yet", "check this computer's clock"),
    Cause.OTHER_HOST: _Words(
        "the server's certificate is for another host name",
        f"write the host in {_BASE} as the certificate names it, and do not trust a network that answers for others",
    ),
    Cause.PROTOCOL: _Words(
        "the server speaks no version of TLS that is safe", "whoever runs that server has to allow TLS 1.2 or newer"
    ),
    Cause.NO_TLS: _Words(
        "the server does not answer with encryption",
        f"check scheme and port in {_BASE}: a server on this machine often speaks http://",
    ),
    Cause.NOT_HTTP: _Words(
        "what answers there does not speak HTTP",
        f"check scheme and port in {_BASE}: it may have to begin with https://",
    ),
    Cause.PROXY: _Words("the proxy cannot be reached", "check HTTPS_PROXY; hosts in NO_PROXY are reached without it"),
    Cause.PROXY_REFUSED: _Words(
        "the proxy lets nobody through",
        "check HTTPS_PROXY: it may need a user name and password, or has to allow the provider's host",
    ),
    Cause.PORTAL: _Words(
        "a network that wants a login answers in the provider's place", "log in to this network with a browser first"
    ),
    Cause.BLOCKED: _Words(
        "a web page refuses the request, and not the API",
        f"a firewall, proxy or CDN blocks this address: ask who runs it, or check {_BASE}",
    ),
    Cause.WEB_PAGE: _Words(
        "a web page answers where the API should",
        f"check {_BASE}: its path often has to end in /v1; a network that wants a login also answers so",
    ),
    Cause.NO_ENDPOINT: _Words(
        "nothing answers there: the server knows no such path", f"check the path of {_BASE}: it often has to end in /v1"
    ),
    Cause.NO_MODEL: _Words(
        "the provider has no such model, or not for this key",
        "name another model in the manifest, or ask the provider to open this one",
    ),
    Cause.REDIRECT: _Words(
        "the base URL redirects to another address",
        f"write the address that it redirects to in {_BASE}; if that is a login page, log in to this network first",
    ),
}
"""What people read for each cause, and what they can do."""
