"""Names what kept a connection from coming to be: the one reader of the network's own errors."""

import errno
import re
import ssl

import aiohttp

from batchgen.model import Cause

_CERTIFICATES = {9: Cause.EARLY, 10: Cause.EXPIRED, 62: Cause.OTHER_HOST, 64: Cause.OTHER_HOST}
"""What OpenSSL's verify codes say; any other means that nobody who is trusted signed."""
_NO_TLS = re.compile(r"WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE")
_CUT = re.compile(r"EOF|reset|timed out", re.IGNORECASE)
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL})


def network_cause(error: BaseException) -> Cause:
    """Say what is wrong between here and a server, where an error tells."""
    if isinstance(error, aiohttp.ClientResponseError):
        return Cause.PROXY_REFUSED
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return Cause.PROXY
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Cause.DNS
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _certificate(error.certificate_error)
    if isinstance(error, aiohttp.ClientSSLError):
        return _handshake(error.os_error)
    if isinstance(error, TimeoutError):
        return Cause.SILENT
    return _connection(getattr(error, "os_error", error))


def _certificate(error: BaseException) -> Cause:
    return _CERTIFICATES.get(getattr(error, "verify_code", 0), Cause.UNTRUSTED)


def _handshake(error: BaseException) -> Cause:
    words = f"{getattr(error, 'reason', '')} {error}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error)
    if _NO_TLS.search(words):
        return Cause.NO_TLS
    return Cause.CUT if isinstance(error, ConnectionError) or _CUT.search(words) else Cause.PROTOCOL


def _connection(error: BaseException) -> Cause:
    if not isinstance(error, OSError):
        return Cause.NONE
    if isinstance(error, ConnectionRefusedError):
        return Cause.REFUSED
    if isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        return Cause.CUT
    if error.errno == errno.ETIMEDOUT:
        return Cause.SILENT
    return Cause.NO_ROUTE if error.errno in _NO_ROUTE else Cause.NONE
