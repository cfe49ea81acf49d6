"""Names what kept a connection from coming to be: the one reader of the network's own errors."""

import errno
import re
import socket
import ssl

import aiohttp

from batchgen.model import Cause

_CERTIFICATES = {9: Cause.EARLY, 10: Cause.EXPIRED, 62: Cause.OTHER_HOST, 64: Cause.OTHER_HOST}
"""What OpenSSL's verify codes say; any other means that nobody who is trusted signed."""
_NO_TLS = re.compile(r"WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE")
_CUT = re.compile(r"EOF|reset|timed out", re.IGNORECASE)
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL})


class NotConnectedError(aiohttp.ClientConnectionError):
    """No connection came to be; nothing was sent."""

    def __init__(self, words: str, os_error: OSError | None = None, cause: Cause = Cause.NONE) -> None:
        """Say why; `os_error` is what the system says, `cause` what that means if not what it always means."""
        self.os_error = os_error or self
        self.cause = cause
        super().__init__(words)


def network_cause(error: BaseException) -> Cause:
    """Say what is wrong between here and a server, where an error tells."""
    if isinstance(error, NotConnectedError) and error.cause is not Cause.NONE:
        return error.cause
    if isinstance(error, aiohttp.ClientResponseError):
        return Cause.PROXY_REFUSED
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return Cause.PROXY
    return _connection(behind(error))


def behind(error: BaseException) -> BaseException:
    """Return what the system says, where a library tells it in its own words."""
    found = getattr(error, "os_error", None) or getattr(error, "certificate_error", error)
    return found if isinstance(found, BaseException) else error


def _handshake(error: BaseException) -> Cause:
    words = f"{getattr(error, 'reason', '')} {error}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATES.get(getattr(error, "verify_code", 0), Cause.UNTRUSTED)
    if _NO_TLS.search(words):
        return Cause.NO_TLS
    return Cause.CUT if isinstance(error, ConnectionError) or _CUT.search(words) else Cause.PROTOCOL


def _connection(error: BaseException) -> Cause:
    match error:
        case socket.gaierror():
            return Cause.DNS
        case ssl.SSLError():
            return _handshake(error)
        case TimeoutError():
            return Cause.SILENT
        case ConnectionRefusedError():
            return Cause.REFUSED
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return Cause.CUT
        case OSError():
            return Cause.NO_ROUTE if error.errno in _NO_ROUTE else Cause.NONE
        case _:
            return Cause.NONE
