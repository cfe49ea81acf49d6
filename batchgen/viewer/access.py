"""Who may ask: whoever was given the address, in a browser that came to this server on purpose.

Any page that a browser shows can make it ask this server for something. So each request has to bring the cookie, which
other sites cannot; a name made to lead here (DNS rebinding) is refused; and changes have to come from the page.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import ip_address

from aiohttp import web
from yarl import URL

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
TOKEN = "token"  # noqa: S105 - the name, not the token
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one server. `host` is the name that it listens on; the secrets live as long as it does."""

    host: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    pass_word: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def refusal(self, request: web.Request, port: int) -> web.Response | None:
        """Refuse a request that may not be answered; also takes the token out of an address that brings it."""
        if not self._is_here(request.host):
            return refused(HTTPStatus.MISDIRECTED_REQUEST, "this server goes by another name")
        if request.method not in _SAFE and not _from_here(request):
            return refused(HTTPStatus.FORBIDDEN, "changes come from this page alone")
        if TOKEN in request.query and request.method in _SAFE:
            return self._let_in(request, port)
        brought = request.cookies.get(cookie(port))
        if brought is None:
            return refused(HTTPStatus.UNAUTHORIZED, "open the address that batchgen view printed")
        if not _same(brought, self.pass_word):
            return refused(HTTPStatus.FORBIDDEN, "open the address that batchgen view printed last")
        return None

    def _is_here(self, host: str) -> bool:
        """Whether a Host header names this machine by address, as localhost, or by the name that it was given."""
        try:
            name = URL(f"http://{host}").host or ""
        except ValueError:
            return False
        return name.lower() in {"localhost", self.host.lower()} or _is_literal(name)

    def _let_in(self, request: web.Request, port: int) -> web.Response:
        """Turn the right token into a cookie that no other site can use and no script can read."""
        if not _same(request.query[TOKEN], self.token):
            return refused(HTTPStatus.FORBIDDEN, "this token is of another server: use the address printed last")
        response = web.Response(status=HTTPStatus.SEE_OTHER)
        here = str(request.rel_url.without_query_params(TOKEN))
        response.headers["Location"] = f"/{here.lstrip('/')}"  # two slashes would lead to another host
        response.set_cookie(cookie(port), self.pass_word, httponly=True, samesite="Strict", path="/")
        return response


def cookie(port: int) -> str:
    """Name the cookie: browsers share cookies among all ports of a host."""
    return f"batchgen-view-{port}"


def refused(status: HTTPStatus, why: str) -> web.Response:
    """Refuse in one plain sentence."""
    return web.Response(status=status, text=f"batchgen view: {why}\n")


def _from_here(request: web.Request) -> bool:
    """Whether a change comes from this page: what a browser says of its origin, where it says anything, is ours."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    return site == "same-origin" and origin in {None, f"http://{request.host}"}


def _is_literal(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
