"""What the certificate application keeps: PINs, control keys, files (ref 02 §8.1).

Everything is read from the memory where it is used, so a change that the memory takes back is
gone here, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Literal

from sscard_ic.crypto import sm3, sm4
from sscard_ic.crypto.sm2.model import PRIVATE_LENGTH, PUBLIC_LENGTH
from sscard_ic.profile.certificate import (
    CONTROL_KEY_LENGTH,
    CertificateApplication,
    PinName,
    Purpose,
)
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.memory import Memory, damaged

Place = Literal["environment", "application"]
"""The two directories: DDF and ADF."""

PINS: tuple[PinName, ...] = ("user", "admin")
PLACES: tuple[Place, ...] = ("environment", "application")
PURPOSES: tuple[Purpose, ...] = ("signature", "encryption")
PIN_BYTES = range(2, 8)
"""Lengths of a PIN, two digits to the byte."""

_ROOT = "certificate"
_TRIES = "tries"


def is_pin(value: bytes) -> bool:
    """Whether ``value`` is a PIN: 2 to 7 bytes of decimal digits."""
    return len(value) in PIN_BYTES and value.hex().isdecimal()


class Stored(ABC):
    """A PIN or a control key with its tries."""

    __slots__ = ("_memory", "most", "path")

    def __init__(self, memory: Memory, path: str, most: int) -> None:
        self._memory = memory
        self.path = path
        self.most = most
        """Tries after a success."""

    @property
    def value(self) -> bytes:
        """The PIN as BCD, or the key."""
        return bytes.fromhex(str(self._memory.states[self.path]))

    @property
    @abstractmethod
    def key(self) -> bytes:
        """The SM4 key that proofs are made with, 16 bytes."""

    @property
    def tries(self) -> int:
        """Tries left."""
        return int(self._memory.states[f"{self.path}/{_TRIES}"])

    def manufacture(self, value: bytes) -> None:
        """Hold the first value with all tries."""
        self.replace(value)
        self.succeeded()

    def replace(self, value: bytes) -> None:
        """Hold another value; the tries stay."""
        self._memory.put(self.path, value.hex().upper())

    def require_tries(self) -> None:
        """Refuse 6983 when locked."""
        if self.tries == 0:
            raise Refusal(0x6983)

    def failed(self) -> Refusal:
        """Count a failure; the refusal 63Cx to answer."""
        left = self.tries - 1
        self._count(left)
        return Refusal(0x63C0 | left)

    def succeeded(self) -> None:
        """All tries are there again."""
        self._count(self.most)

    def _count(self, tries: int) -> None:
        self._memory.put(f"{self.path}/{_TRIES}", tries)

    def check(self) -> None:
        """Raise :class:`InputError` when the memory cannot be right."""
        states = self._memory.states
        value, tries = states.get(self.path), states.get(f"{self.path}/{_TRIES}")
        if not self._fits(_bytes(self.path, value)):
            raise damaged(self.path)
        if not isinstance(tries, int) or not 0 <= tries <= self.most:
            raise damaged(f"{self.path}/{_TRIES}")

    @abstractmethod
    def _fits(self, value: bytes) -> bool: ...


class StoredPin(Stored):
    """A PIN; K = SM3(PIN), its first 16 bytes (ref 02 §8.3)."""

    __slots__ = ()

    @property
    def key(self) -> bytes:
        """K."""
        return sm3.digest(self.value)[: sm4.KEY_LENGTH]

    def _fits(self, value: bytes) -> bool:
        return is_pin(value)


class StoredControlKey(Stored):
    """The control key of a directory (ref 02 §8.6)."""

    __slots__ = ()

    @property
    def key(self) -> bytes:
        """The key itself."""
        return self.value

    def _fits(self, value: bytes) -> bool:
        return len(value) == CONTROL_KEY_LENGTH


class StoredFiles:
    """Key pairs and certificates; whatever was never written is not in the memory."""

    __slots__ = ("_memory", "_model")

    def __init__(self, memory: Memory, model: CertificateApplication) -> None:
        self._memory = memory
        self._model = model

    def public_key(self, purpose: Purpose) -> bytes | None:
        """X‖Y; None while there is none."""
        return self._get(self._model.files.public(purpose))

    def private_key(self, purpose: Purpose) -> bytes | None:
        """32 bytes; None while there is none."""
        return self._get(self._model.files.private(purpose))

    def certificate(self, purpose: Purpose) -> bytes:
        """The whole certificate file: 00 where nothing was written."""
        written = self._get(self._model.files.certificate(purpose)) or b""
        return written.ljust(self._model.settings.certificate_size, b"\x00")

    def put_public_key(self, purpose: Purpose, public: bytes) -> None:
        """Hold a public key of 64 bytes."""
        self._put(self._model.files.public(purpose), public)

    def put_private_key(self, purpose: Purpose, private: bytes) -> None:
        """Hold a private key of 32 bytes."""
        self._put(self._model.files.private(purpose), private)

    def drop_private_key(self, purpose: Purpose) -> None:
        """Forget a private key."""
        self._memory.drop(_file(self._model.files.private(purpose)))

    def put_certificate(self, purpose: Purpose, content: bytes) -> None:
        """Hold the content of a certificate file; 00 at its end are not kept."""
        content = content.rstrip(b"\x00")
        fid = self._model.files.certificate(purpose)
        if content:
            self._put(fid, content)
        else:
            self._memory.drop(_file(fid))

    def is_set(self, fid: int) -> bool:
        """Whether anything was written to a file."""
        return _file(fid) in self._memory.states

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Every file with its bytes, in order of identifiers."""
        files, settings = self._model.files, self._model.settings
        sizes = {}
        for purpose in PURPOSES:
            sizes[files.public(purpose)] = len(settings.public_key_header) + PUBLIC_LENGTH
            sizes[files.private(purpose)] = PRIVATE_LENGTH
            sizes[files.certificate(purpose)] = settings.certificate_size
        yield from sorted(sizes.items())

    def check(self) -> None:
        """Raise :class:`InputError` when the memory cannot be right."""
        files = self._model.files
        longest = self._model.settings.certificate_size
        for purpose in PURPOSES:
            for fid, lengths in (
                (files.public(purpose), (PUBLIC_LENGTH,)),
                (files.private(purpose), (PRIVATE_LENGTH,)),
                (files.certificate(purpose), range(1, longest + 1)),
            ):
                path = _file(fid)
                state = self._memory.states.get(path)
                if state is not None and len(_bytes(path, state)) not in lengths:
                    raise damaged(path)

    def _get(self, fid: int) -> bytes | None:
        state = self._memory.states.get(_file(fid))
        return None if state is None else bytes.fromhex(str(state))

    def _put(self, fid: int, content: bytes) -> None:
        self._memory.put(_file(fid), content.hex().upper())


def pin(memory: Memory, model: CertificateApplication, name: PinName) -> StoredPin:
    """A PIN of the application."""
    settings = model.settings
    most = settings.user_pin_tries if name == "user" else settings.admin_pin_tries
    return StoredPin(memory, f"{_ROOT}/pins/{name}", most)


def control_key(memory: Memory, model: CertificateApplication, place: Place) -> StoredControlKey:
    """The control key of a directory."""
    return StoredControlKey(memory, f"{_ROOT}/keys/{place}", model.settings.control_key_tries)


def _file(fid: int) -> str:
    return f"{_ROOT}/files/{fid:04X}"


def _bytes(path: str, state: str | int | None) -> bytes:
    try:
        return bytes.fromhex(str(state))
    except ValueError as error:
        raise damaged(path) from error
