"""One request over HTTP, its answer bounded in length and time, and what went wrong in few words.

Shared by all that ask another machine. Needs the extra ``remote`` (httpx).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

from sscard_ic.base.secret import Secret
from sscard_ic.keys.remote.errors import RemoteKind

if TYPE_CHECKING:
    import httpx

LONGEST_ANSWER = 65_536

BEFORE_SENDING: frozenset[RemoteKind] = frozenset({"unreachable"})
"""After these the request cannot have arrived."""
MAY_HAVE_ARRIVED: frozenset[RemoteKind] = frozenset({"closed"})

_WRONG_HOST = frozenset({62, 64})
_OUT_OF_DATE = frozenset({9, 10})
"""Verification codes of OpenSSL: host name, IP address; not yet valid, expired."""
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})


@dataclass(frozen=True, slots=True)
class Answer:
    """Status of HTTP, and what came with it."""

    status: int
    body: bytes


def open_client(
    context: ssl.SSLContext | None,
    *,
    connect_timeout: float,
    read_timeout: float,
    lasting: bool,
    headers: Mapping[str, str],
) -> httpx.Client:
    """A client that heeds nothing but these: no proxies, no redirects, no cookies.

    ``context`` is needed for https; ``read_timeout`` bounds the time from a request to the whole of
    its answer; without ``lasting`` each request has a connection of its own. Raises ImportError
    without httpx.
    """
    import httpx

    from sscard_ic.keys.remote.bounded import BoundedTransport

    return httpx.Client(
        transport=BoundedTransport(context, read_timeout, lasting=lasting),
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        timeout=httpx.Timeout(read_timeout, connect=connect_timeout),
        headers={**headers, "Accept-Encoding": "identity"},
    )


def post(
    client: httpx.Client,
    url: str,
    body: Secret,
    *,
    again: frozenset[RemoteKind],
    retries: int,
) -> Answer | RemoteKind:
    """What comes back for ``body``, or why nothing does.

    After a failure of a kind in ``again`` the request is sent again, at most ``retries`` times.
    """
    left = retries
    while isinstance(found := _once(client, url, body), str):
        if found not in again or not left:
            break
        left -= 1
    return found


def _once(client: httpx.Client, url: str, body: Secret) -> Answer | RemoteKind:
    """One attempt; the errors of the library are not kept, they may know the request."""
    from sscard_ic.keys.remote.bounded import FAILURES

    try:
        return _exchange(client, url, body)
    except FAILURES as error:
        return _failure_kind(error)


def _exchange(client: httpx.Client, url: str, body: Secret) -> Answer | RemoteKind:
    with client.stream("POST", url, content=body.reveal()) as response:
        content = bytearray()
        for part in response.iter_raw():
            content += part
            if len(content) > LONGEST_ANSWER:
                return "reply"
        return Answer(response.status_code, bytes(content))


def _failure_kind(error: Exception) -> RemoteKind:
    """What an error of the library means, by the errors that it came from."""
    import httpcore

    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in _WRONG_HOST:
                return "wrong_host"
            return "service_expired" if cause.verify_code in _OUT_OF_DATE else "untrusted"
        if isinstance(cause, ssl.SSLError):
            return _tls_kind(
                cause.reason or "", connecting=isinstance(error, httpcore.ConnectError)
            )
    if isinstance(error, httpcore.TimeoutException):
        # Connecting again is harmless, but who waits has waited long enough.
        return "timeout"
    if isinstance(error, httpcore.RemoteProtocolError) and "connect" not in str(error):
        return "reply"
    return "unreachable" if isinstance(error, httpcore.ConnectError) else "closed"


def _tls_kind(reason: str, *, connecting: bool) -> RemoteKind:
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return "own_certificate"
    if not connecting:
        return "closed"
    return "not_tls" if reason in _NO_TLS else "unreachable"


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
