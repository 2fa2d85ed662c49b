"""What is told about the keys of a token, kept in the token beside them.

PKCS#11 has no attributes for owner's level, purpose, days or check value, so each key has a data
object (CKO_DATA, application ``sscard-ic``, private) with the label ``sscard:key:NAME:VERSION:
FAMILY`` and this value:

    MAC     AES-CMAC, 16 bytes, over label ‖ 00 ‖ text
    text    JSON, fields sorted, without blanks

The object ``sscard:token`` tells in the same form what the token as a whole is for. The MAC's key
never leaves the token, so entries cannot be edited, nor given to another key or token; whoever has
the PIN can remove them, or put back an older one. Tokens do not let one change a data object: a
new one is written first, the old one removed after it, and the one with the greatest ``revision``
counts.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sscard_ic.base.errors import Text
from sscard_ic.keys.inventory import (
    Environment,
    KeyInfo,
    KeySpec,
    KeyState,
    Level,
    Origin,
    RootAlgorithm,
    Use,
)
from sscard_ic.keys.pkcs11.errors import HsmError
from sscard_ic.keys.pkcs11.mechanisms import CMAC_LENGTH

APPLICATION = "sscard-ic"
TOKEN_LABEL = "sscard:token"
STORAGE_LABEL = "sscard:storage"
KEY_LABEL = "sscard:key:"

Mac = Callable[[bytes], bytes]
"""AES-CMAC under the token's own key."""


class Record(BaseModel):
    """Base of what is written; errors never quote what they refuse."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    format: Literal["1"] = "1"
    revision: int = Field(default=1, ge=1)


class TokenRecord(Record):
    """What a token was prepared for."""

    environment: Environment
    created: datetime


class KeyRecord(Record):
    """Everything about one key but its bits."""

    key_id: str
    """CKA_ID of its object, in hex: random, so that no other object can be taken for it."""
    name: str
    version: int
    level: Level
    use: Use
    algorithm: RootAlgorithm
    valid_from: date | None
    valid_until: date | None
    check_value: str
    environment: Environment
    created: datetime
    origin: Origin
    state: KeyState
    destroyed: datetime | None

    @classmethod
    def of(cls, info: KeyInfo, key_id: bytes, revision: int = 1) -> KeyRecord:
        """The record of the key that ``info`` tells about."""
        assert info.created is not None  # every key of a token has its moment
        return cls(
            revision=revision,
            key_id=key_id.hex(),
            name=info.name,
            version=info.version,
            level=info.level,
            use=info.use,
            algorithm=info.algorithm,
            valid_from=info.valid_from,
            valid_until=info.valid_until,
            check_value=info.check_value,
            environment=info.environment,
            created=info.created,
            origin=info.origin,
            state=info.state,
            destroyed=info.destroyed,
        )

    @property
    def info(self) -> KeyInfo:
        """What may be told about the key."""
        return KeyInfo(
            self.name,
            self.version,
            self.level,
            self.use,
            self.algorithm,
            self.valid_from,
            self.valid_until,
            check_value=self.check_value,
            environment=self.environment,
            created=self.created,
            origin=self.origin,
            state=self.state,
            destroyed=self.destroyed,
        )

    @property
    def label(self) -> str:
        """That of its data object and of the key itself."""
        return key_label(self.info)


@dataclass(frozen=True, slots=True)
class DataObject:
    """A data object as it lies in the token."""

    label: str
    value: bytes
    handle: int


AnyRecord = TypeVar("AnyRecord", bound=Record)


def key_label(spec: KeySpec) -> str:
    """The label of a key, and of its entry."""
    return f"{KEY_LABEL}{spec.name}:{spec.version}:{spec.family}"


def is_ours(label: str) -> bool:
    """Whether an object with this label belongs to this program."""
    return label == STORAGE_LABEL or label.startswith(KEY_LABEL)


def sealed(label: str, record: Record, mac: Mac) -> bytes:
    """The value of the data object ``label`` that tells ``record``."""
    plain = record.model_dump(mode="json")
    text = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    return mac(_covered(label, text)) + text


def unsealed(data: DataObject, model: type[AnyRecord], mac: Mac, where: str) -> AnyRecord:
    """What :func:`sealed` wrote; raises :class:`HsmError` when it was altered."""
    seal, text = data.value[:CMAC_LENGTH], data.value[CMAC_LENGTH:]
    if hmac.compare_digest(seal, mac(_covered(data.label, text))):
        with suppress(ValidationError):
            return model.model_validate_json(text)
    raise altered(data.label, where)


def altered(label: str, where: str) -> HsmError:
    """The entry ``label`` is not as this program wrote it."""
    return HsmError(
        Text(
            f"令牌中的登记项 {label} 被改动，或由更新的版本写成",
            f"the entry {label} in the token was altered, or a newer version wrote it",
        ),
        where=where,
        hint=Text(
            "不要使用该令牌；用备份恢复，或升级本程序",
            "do not use the token: restore it from its backup, or upgrade this program",
        ),
    )


def not_prepared(where: str) -> HsmError:
    """The token has nothing of this program's, or a preparation was interrupted."""
    return HsmError(
        Text("令牌尚未为本程序准备", "the token was not prepared for this program"),
        where=where,
        hint=Text(
            "先准备令牌：sscard keys init --test 或 --production",
            "prepare it: sscard keys init --test, or --production",
        ),
    )


def _covered(label: str, text: bytes) -> bytes:
    return label.encode() + b"\x00" + text
