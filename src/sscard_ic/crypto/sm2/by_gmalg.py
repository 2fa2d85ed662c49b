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
from sscard_ic.crypto.sm2.curve import ORDER, PRIME, A, B, G
from sscard_ic.crypto.sm2.model import KeyPair, Sm2Error, halves

_LENGTH = 32

_CURVE = ECDLP(PRIME, int.from_bytes(A, "big"), int.from_bytes(B, "big"), halves(G), ORDER)


class _Sm3(Hash):  # type: ignore[misc]
    """SM3 of `cryptography`, which is a hundred times faster than gmalg's own."""

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
        return KeyPair(Secret(_bytes(private)), _joined(point))

    def public_of(self, private: Secret) -> bytes:
        """The public key of a private one."""
        return _joined(_core().generate_pk(_private(private)))

    def check_public(self, public: bytes) -> None:
        """Raise :class:`Sm2Error` unless it is a point of the curve."""
        _point(public)

    def sign(self, private: Secret, digest: bytes) -> bytes:
        """r‖s over a digest of 32 bytes."""
        model.require_digest(digest)
        # gmalg hashes the public key with the message, and would compute it; its hash is given.
        any_point = _CURVE.G
        return _joined(SM2Core(_CURVE, _Given(digest)).sign(b"", _private(private), b"", any_point))

    def verify(self, public: bytes, digest: bytes, signature: bytes) -> bool:
        """Whether r‖s is the signature over the digest."""
        model.require_digest(digest)
        point = _point(public)
        if not model.is_signature(signature):
            return False
        r, s = halves(signature)
        return bool(SM2Core(_CURVE, _Given(digest)).verify(b"", r, s, b"", point))

    def encrypt(self, public: bytes, message: bytes) -> bytes:
        """C1‖C3‖C2."""
        model.require_message(message)
        c1, c2, c3 = _core().encrypt(message, _point(public))
        return _joined(c1) + bytes(c3) + bytes(c2)

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
            raise Sm2Error(model.DAMAGED)
        return Secret(message)


def _core() -> SM2Core:
    return SM2Core(_CURVE, _Sm3())


def _bytes(number: int) -> bytes:
    return number.to_bytes(_LENGTH, "big")


def _joined(pair: tuple[int, int]) -> bytes:
    return _bytes(pair[0]) + _bytes(pair[1])


def _private(private: Secret) -> int:
    model.require_private(private)
    return int.from_bytes(private.reveal(), "big")


def _point(public: bytes) -> tuple[int, int]:
    model.require_public(public)
    point = halves(public)
    if not _CURVE.ec.isvalid(point):
        raise Sm2Error(model.OFF_CURVE)
    return point
