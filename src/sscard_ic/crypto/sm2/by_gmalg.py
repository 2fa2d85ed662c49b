"""SM2 by gmalg, which is pure Python: slow, not constant in time, and there on every machine."""

from __future__ import annotations

from importlib.metadata import version

from gmalg.base import Hash
from gmalg.ellipticcurve import ECDLP
from gmalg.errors import GMError
from gmalg.sm2 import SM2Core

from sscard_ic.base.secret import Secret
from sscard_ic.crypto import sm3
from sscard_ic.crypto.sm2 import model
from sscard_ic.crypto.sm2.identity import A, B, G, N, P
from sscard_ic.crypto.sm2.model import KeyPair, Sm2Error

_HALF = 32


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


_CURVE = ECDLP(
    _number(P), _number(A), _number(B), (_number(G[:_HALF]), _number(G[_HALF:])), _number(N)
)
_ORDER = _number(N)
_PRIME = _number(P)


class _Sm3(Hash):  # type: ignore[misc]
    """SM3 of the platform, which is a hundred times faster than gmalg's own."""

    def __init__(self) -> None:
        self._data = bytearray()

    @classmethod
    def hash_length(cls) -> int:
        return sm3.LENGTH

    def reset(self) -> None:
        self._data.clear()

    def update(self, data: bytes) -> None:
        self._data += data

    def value(self) -> bytes:
        return sm3.digest(bytes(self._data))


class _Given(Hash):  # type: ignore[misc]
    """Answers a digest that was computed before: the card signs digests, gmalg messages."""

    def __init__(self, digest: bytes) -> None:
        self._digest = digest

    @classmethod
    def hash_length(cls) -> int:
        return sm3.LENGTH

    def reset(self) -> None: ...

    def update(self, data: bytes) -> None: ...

    def value(self) -> bytes:
        return self._digest


class ByGmalg:
    """SM2 by gmalg; see :class:`~sscard_ic.crypto.sm2.model.Sm2`."""

    name = "gmalg"

    @property
    def library(self) -> str:
        """The library and its version."""
        return f"gmalg {version('gmalg')}"

    def generate(self) -> KeyPair:
        """A new key pair."""
        private, point = _core().generate_keypair()
        return KeyPair(Secret(_bytes(private)), _public(point))

    def public_of(self, private: Secret) -> bytes:
        """The public key of a private one."""
        return _public(_core().generate_pk(_private(private)))

    def check_public(self, public: bytes) -> None:
        """Raise :class:`Sm2Error` unless it is a point of the curve."""
        _point(public)

    def sign(self, private: Secret, digest: bytes) -> bytes:
        """r‖s over a digest of 32 bytes."""
        model.require_digest(digest)
        r, s = SM2Core(_CURVE, _Given(digest)).sign(b"", _private(private), b"")
        return _bytes(r) + _bytes(s)

    def verify(self, public: bytes, digest: bytes, signature: bytes) -> bool:
        """Whether r‖s is the signature over the digest."""
        model.require_digest(digest)
        point = _point(public)
        if len(signature) != model.SIGNATURE_LENGTH:
            return False
        r, s = _number(signature[:_HALF]), _number(signature[_HALF:])
        return bool(SM2Core(_CURVE, _Given(digest)).verify(b"", r, s, b"", point))

    def encrypt(self, public: bytes, message: bytes) -> bytes:
        """C1‖C3‖C2."""
        model.require_message(message)
        c1, c2, c3 = _core().encrypt(message, _point(public))
        return _public(c1) + bytes(c3) + bytes(c2)

    def decrypt(self, private: Secret, cipher: bytes) -> Secret:
        """The message of C1‖C3‖C2."""
        model.require_cipher(cipher)
        c1, c3 = cipher[: model.C1_LENGTH], cipher[model.C1_LENGTH : model.CIPHER_OVERHEAD]
        try:
            message = _core().decrypt(
                _point(c1), cipher[model.CIPHER_OVERHEAD :], c3, _private(private)
            )
        except GMError:
            message = None
        if message is None:
            raise Sm2Error("the ciphertext is damaged, or is for another key")
        return Secret(message)


def _core() -> SM2Core:
    return SM2Core(_CURVE, _Sm3())


def _bytes(number: int) -> bytes:
    return number.to_bytes(_HALF, "big")


def _public(point: tuple[int, int]) -> bytes:
    return _bytes(point[0]) + _bytes(point[1])


def _private(private: Secret) -> int:
    number = _number(private.reveal())
    if len(private) != model.PRIVATE_LENGTH or not 1 <= number <= _ORDER - 2:
        raise Sm2Error("the private key is out of range")
    return number


def _point(public: bytes) -> tuple[int, int]:
    x, y = _number(public[:_HALF]), _number(public[_HALF:])
    if len(public) != model.PUBLIC_LENGTH or max(x, y) >= _PRIME or not _CURVE.ec.isvalid((x, y)):
        raise Sm2Error("the public key is no point of the SM2 curve")
    return x, y
