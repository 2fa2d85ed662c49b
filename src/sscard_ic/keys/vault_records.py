"""One record of the vault's file: a key's identity in the clear, its bits sealed to that identity.

The bits are under AES-256-GCM with a random nonce of 12 bytes; associated data are the vault's
random number and the whole identity, so that a record means nothing beside another identity or in
another vault. The storage key is a record, too. What a destroyed key leaves is a record of the
same form, in which its 3-byte check value is sealed instead of the key.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import date
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.hierarchy import check_value
from sscard_ic.keys.inventory import (
    LENGTHS,
    Environment,
    KeyInfo,
    KeyState,
    Level,
    Origin,
    RootAlgorithm,
    Use,
)
from sscard_ic.keys.new_keys import LAST_VERSION, NAME
from sscard_ic.keys.vault_contents import STORAGE_KEY_LENGTH, Contents, HeldKey

_NONCE_LENGTH = 12
_TAG_LENGTH = 16
_STORAGE = "*"
"""No name of a key."""
_DOMAIN = b"sscard vault record\x00"

Hash = Annotated[bytes, Field(min_length=32, max_length=32)]
"""SHA-256, or a MAC by it."""
Name = Annotated[str, StringConstraints(pattern=rf"^(?:\*|{NAME})\z")]


class Stored(BaseModel):
    """Base of what is written: bytes in hex, and errors that never quote what they refuse."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        ser_json_bytes="hex",
        val_json_bytes="hex",
    )

    def json_bytes(self) -> bytes:
        """The only spelling that is accepted, on one line."""
        return self.model_dump_json().encode()


class Label(Stored):
    """By which a record is called; no two in a vault have the same."""

    name: Name
    version: Annotated[int, Field(ge=1, le=LAST_VERSION)]
    algorithm: RootAlgorithm

    def words(self) -> Text:
        """For people."""
        if self.name == _STORAGE:
            return Text("存储密钥", "the storage key")
        family = self.algorithm.upper()
        return Text(
            f"{self.name} 版本 {self.version}（{family}）",
            f"{self.name} version {self.version} ({family})",
        )

    def label(self) -> tuple[str, int, str]:
        """To look it up."""
        return self.name, self.version, self.algorithm


class Identity(Label):
    """What may be read beside the sealed bits."""

    level: Level
    use: Use | Literal["storage"]
    valid_from: date | None
    valid_until: date | None
    environment: Environment
    origin: Origin
    created: AwareDatetime
    state: KeyState
    destroyed: AwareDatetime | None


class Record(Stored):
    """One line of the file."""

    identity: Identity
    nonce: Annotated[bytes, Field(min_length=_NONCE_LENGTH, max_length=_NONCE_LENGTH)]
    sealed: Annotated[bytes, Field(min_length=_TAG_LENGTH)]
    """Cipher text ‖ tag."""

    def entry(self) -> Entry:
        """What the table of contents says about it."""
        mine = self.identity
        return Entry(
            name=mine.name,
            version=mine.version,
            algorithm=mine.algorithm,
            identity=hashlib.sha256(mine.json_bytes()).digest(),
            sealed=hashlib.sha256(self.nonce + self.sealed).digest(),
        )


class Entry(Label):
    """A record in the table of contents."""

    identity: Hash
    sealed: Hash
    """Of nonce ‖ sealed bits."""


class RecordCipher:
    """Seals and opens the records of one vault; made for one pass over them, then forgotten."""

    def __init__(self, key: Secret, vault: bytes) -> None:
        self._cipher = AESGCM(key.reveal())
        self._vault = vault

    def seal(self, identity: Identity, value: bytes) -> Record:
        """The record of ``identity``."""
        nonce = secrets.token_bytes(_NONCE_LENGTH)
        sealed = self._cipher.encrypt(nonce, value, self._bound(identity))
        return Record(identity=identity, nonce=nonce, sealed=sealed)

    def opened(self, record: Record) -> Secret | None:
        """What is sealed in ``record``; None when it is not as it was sealed."""
        plain = bytearray(len(record.sealed) - _TAG_LENGTH)
        bound = self._bound(record.identity)
        try:
            self._cipher.decrypt_into(record.nonce, record.sealed, bound, plain)
        except InvalidTag:
            return None
        value = Secret(plain)
        plain[:] = bytes(len(plain))
        return value

    def _bound(self, identity: Identity) -> bytes:
        return _DOMAIN + self._vault + identity.json_bytes()


def records_of(contents: Contents, cipher: RecordCipher) -> list[Record]:
    """Every record of ``contents``, sealed anew: the storage key, then the keys in order."""
    storage = Identity(
        name=_STORAGE,
        version=1,
        algorithm="aes",
        level="site",
        use="storage",
        valid_from=None,
        valid_until=None,
        environment=contents.environment,
        origin="generated",
        created=contents.created,
        state="active",
        destroyed=None,
    )
    records = [cipher.seal(storage, contents.storage_key.reveal())]
    for place in sorted(contents.held):
        key = contents.held[place]
        left = bytes.fromhex(key.info.check_value) if key.value is None else key.value.reveal()
        records.append(cipher.seal(_identity(key.info), left))
    return records


def contents_of(environment: Environment, records: list[Record], cipher: RecordCipher) -> Contents:
    """What the records hold; raises ``ValueError`` or :class:`InputError` for broken rules."""
    storage: list[tuple[Identity, Secret]] = []
    keys: list[HeldKey] = []
    for record in records:
        value = cipher.opened(record)
        if value is None:
            raise ValueError("a record cannot be opened")
        if record.identity.use == "storage":
            storage.append((record.identity, value))
        else:
            keys.append(_held(record.identity, value))
    if len(storage) != 1:
        raise ValueError("there is one storage key")
    (identity, value), *_ = storage
    if len(value) != STORAGE_KEY_LENGTH or identity.environment != environment:
        raise ValueError("not the storage key of this vault")
    return Contents.joined(environment, identity.created, value, keys)


def _identity(info: KeyInfo) -> Identity:
    if info.created is None:
        raise ValueError("a key in a vault has a date")
    return Identity(
        name=info.name,
        version=info.version,
        algorithm=info.algorithm,
        level=info.level,
        use=info.use,
        valid_from=info.valid_from,
        valid_until=info.valid_until,
        environment=info.environment,
        origin=info.origin,
        created=info.created,
        state=info.state,
        destroyed=info.destroyed,
    )


def _held(identity: Identity, value: Secret) -> HeldKey:
    gone = identity.state == "destroyed"
    if gone != (identity.destroyed is not None) or identity.use == "storage":
        raise ValueError("the state of a key contradicts itself")
    length = 3 if gone else LENGTHS[identity.algorithm]
    if len(value) != length:
        raise ValueError("length and algorithm of a key disagree")
    known = value.reveal() if gone else check_value(identity.algorithm, value)
    info = KeyInfo(
        identity.name,
        identity.version,
        identity.level,
        identity.use,
        identity.algorithm,
        identity.valid_from,
        identity.valid_until,
        check_value=known.hex().upper(),
        environment=identity.environment,
        created=identity.created,
        origin=identity.origin,
        state=identity.state,
        destroyed=identity.destroyed,
    )
    return HeldKey(info, None if gone else value)
