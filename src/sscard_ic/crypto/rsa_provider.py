"""Which library does the private operation of RSA on this machine: OpenSSL before Python."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sscard_ic.crypto.rsa import Operation, RsaPrivate
    from sscard_ic.crypto.rsa_openssl import RsaByOpenssl

_TRIED_PRIMES = 2**255 - 19, 2**256 - 189
_TRIED_EXPONENT = 65537


class Rsa(Protocol):
    """The private operation by one library; safe for use from several threads."""

    @property
    def library(self) -> str:
        """The library and its version, for people."""
        ...

    def operation(self, key: RsaPrivate) -> Operation:
        """``key`` at work; what it is called with is below the modulus and as long as it."""
        ...


class RsaByPython:
    """The private operation by Python's own numbers: right, but not constant in time."""

    library = "Python"

    def operation(self, key: RsaPrivate) -> Operation:
        """See :class:`Rsa`."""

        def apply(block: bytes) -> bytes:
            value = int.from_bytes(block, "big")
            left, right = pow(value, key.exponent_p, key.p), pow(value, key.exponent_q, key.q)
            result = right + (left - right) * key.coefficient % key.p * key.q
            return result.to_bytes(key.length, "big")

        return apply


@cache
def provider() -> Rsa:
    """OpenSSL's RSA where this machine has OpenSSL 3 and it answers right, else Python's."""
    return probe_openssl() or RsaByPython()


def probe_openssl() -> RsaByOpenssl | None:
    """The machine's OpenSSL, tried out with a known key; None without one that answers right."""
    try:
        from sscard_ic.crypto.openssl_library import OpensslAbsent, machine_library
        from sscard_ic.crypto.rsa_openssl import OpensslRefused, RsaByOpenssl
    except ImportError:
        return None  # cffi is missing, or unable to load
    from sscard_ic.crypto.rsa import RsaPrivate

    key = RsaPrivate.of_crt(*_TRIED_PRIMES, _TRIED_EXPONENT)
    block = bytes(range(key.length))
    try:
        rsa = RsaByOpenssl(machine_library())
        made = rsa.operation(key)(block)
    except (OpensslAbsent, OpensslRefused, AttributeError):
        return None
    return rsa if made == RsaByPython().operation(key)(block) else None
