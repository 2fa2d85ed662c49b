"""The bytes of a vault file, format version 2: JSON, one record on each line.

    {"head":{…},                      format, version, vault, environment, generation, salt, check
    "contents":{"entries":[…],…},     table of contents and its proof
    "records":[
    {"identity":{…},"nonce":…,"sealed":…},
    …
    ]}

Identities may be read by anybody, bits by nobody without the passphrase. The passphrase gives, by
scrypt, the key that seals each record (:mod:`~sscard_ic.keys.vault_records`) and the key of the
proof: HMAC-SHA256 over the head and the table of contents, which holds the digests of every
identity and every sealed value in their order. So no record can be swapped, dropped, doubled or
taken from an older copy of the same file unseen, and the table tells which one it was. The head
counts generations, one with each change.

There is one spelling of each line; another one is damage. The cost of opening a file is that of
one scrypt with fixed parameters and of reading its lines once, whatever it says.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated, Literal, NoReturn, TypeVar

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.errors import VaultError
from sscard_ic.keys.inventory import Environment
from sscard_ic.keys.vault_contents import Contents
from sscard_ic.keys.vault_damage import found_damage
from sscard_ic.keys.vault_records import (
    Entry,
    Hash,
    Record,
    RecordCipher,
    Stored,
    contents_of,
    records_of,
)

VERSION = 2

_FORMAT = "sscard-vault"
_KEY_LENGTH = 32
_SALT_LENGTH = 16
_VAULT_LENGTH = 16
_HEAD = b'{"head":'
_CONTENTS = b'"contents":'
_RECORDS = b'"records":['
_END = b"]}"

RESTORE = Text(
    "请从备份恢复；测试密钥库可删除后用 sscard keys init --test 重建",
    "restore it from a backup; a test vault can be deleted and made anew: sscard keys init --test",
)

M = TypeVar("M", bound=Stored)


class _Head(Stored):
    format: Literal["sscard-vault"] = "sscard-vault"
    version: Literal[2] = 2
    vault: Annotated[bytes, Field(min_length=_VAULT_LENGTH, max_length=_VAULT_LENGTH)]
    """Random, and the same as long as the vault lives."""
    environment: Environment
    generation: Annotated[int, Field(ge=1)]
    salt: Annotated[bytes, Field(min_length=_SALT_LENGTH, max_length=_SALT_LENGTH)]
    check: Hash
    """Recognises the passphrase."""


class Head(_Head):
    """What is readable without the passphrase."""

    digest: Hash
    """SHA-256 of the rest: tells damage from a wrong passphrase, proves nothing."""

    @classmethod
    def of(cls, vault: bytes, environment: Environment, generation: int, keys: VaultKeys) -> Head:
        """The head of one generation."""
        rest = _Head(
            vault=vault,
            environment=environment,
            generation=generation,
            salt=keys.salt,
            check=keys.check,
        )
        digest = hashlib.sha256(rest.json_bytes()).digest()
        return cls(**rest.model_dump(), digest=digest)

    def is_whole(self) -> bool:
        """Whether the digest is right."""
        rest = _Head(**self.model_dump(exclude={"digest"}))
        return self.digest == hashlib.sha256(rest.json_bytes()).digest()


class Table(Stored):
    """The table of contents."""

    entries: tuple[Entry, ...]
    proof: Hash
    """Of the head and the entries."""


class _AnyVersion(BaseModel):
    """As much as every version of the format says of itself."""

    model_config = ConfigDict(hide_input_in_errors=True)

    format: Literal["sscard-vault"]
    version: int


class VaultKeys:
    """What a passphrase gives by scrypt (n = 2^15, r = 8, p = 1) and the salt of a vault."""

    def __init__(self, passphrase: Secret, salt: bytes) -> None:
        both = bytearray(2 * _KEY_LENGTH)
        kdf = Scrypt(salt=salt, length=len(both), n=32768, r=8, p=1)
        kdf.derive_into(passphrase.reveal(), both)
        self.salt = salt
        self._sealing = Secret(both[:_KEY_LENGTH])
        self._proving = Secret(both[_KEY_LENGTH:])
        both[:] = bytes(len(both))
        self.check = self._tag(b"sscard vault check")
        """By which the passphrase is recognised."""

    @classmethod
    def fresh(cls, passphrase: Secret) -> VaultKeys:
        """With a new salt."""
        return cls(passphrase, secrets.token_bytes(_SALT_LENGTH))

    def fit(self, head: Head) -> bool:
        """Whether they are those of the file with this head."""
        return self.salt == head.salt and hmac.compare_digest(self.check, head.check)

    def cipher(self, vault: bytes) -> RecordCipher:
        """For one pass over the records."""
        return RecordCipher(self._sealing, vault)

    def proof(self, head: Head, entries: tuple[Entry, ...]) -> bytes:
        """32 bytes over the head and the table of contents."""
        lines = [head.json_bytes(), *(entry.json_bytes() for entry in entries)]
        return self._tag(b"sscard vault contents\n" + b"\n".join(lines))

    def clear(self) -> None:
        """Overwrite them."""
        self._sealing.clear()
        self._proving.clear()

    def _tag(self, data: bytes) -> bytes:
        return hmac.digest(self._proving.reveal(), data, "sha256")


@dataclass(frozen=True, slots=True)
class Written:
    """One generation of a vault as it is in its file."""

    head: Head
    proof: bytes
    raw: bytes


def new_vault_number() -> bytes:
    """16 random bytes: by which a vault is told from another."""
    return secrets.token_bytes(_VAULT_LENGTH)


def written(contents: Contents, vault: bytes, generation: int, keys: VaultKeys) -> Written:
    """The file that holds ``contents``."""
    head = Head.of(vault, contents.environment, generation, keys)
    records = records_of(contents, keys.cipher(vault))
    entries = tuple(record.entry() for record in records)
    table = Table(entries=entries, proof=keys.proof(head, entries))
    raw = b"".join(
        (
            _HEAD + head.json_bytes() + b",\n",
            _CONTENTS + table.json_bytes() + b",\n",
            _RECORDS + b"\n",
            b",\n".join(record.json_bytes() for record in records) + b"\n",
            _END + b"\n",
        )
    )
    return Written(head, table.proof, raw)


def head_of(raw: bytes, where: str) -> Head:
    """The head of a vault file that is whole in form; raises :class:`VaultError`."""
    lines = raw.split(b"\n", 3)
    framed = len(lines) == 4 and raw.endswith(b"\n" + _END + b"\n") and lines[2] == _RECORDS
    start, end = len(_HEAD), -1
    if not framed or not (lines[0].startswith(_HEAD) and lines[0].endswith(b",")):
        _refuse_strange(raw, where)
    head = _exact(Head, lines[0][start:end])
    if head is None or not head.is_whole():
        _refuse_other_version(lines[0][start:end], where)
        raise damaged(Text("文件头", "the head"), where)
    return head


def contents_in(raw: bytes, head: Head, keys: VaultKeys, where: str) -> tuple[Contents, bytes]:
    """What the file ``raw`` holds, and the proof of its table; ``keys`` fit its head.

    Raises :class:`VaultError`, which names what is damaged.
    """
    lines = raw.split(b"\n")[1:-2]
    table = _table(lines[0])
    if table is None or not hmac.compare_digest(table.proof, keys.proof(head, table.entries)):
        raise damaged(Text("目录或文件头", "the table of contents, or the head"), where)
    records = _records(lines[2:])
    cipher = keys.cipher(head.vault)
    found = found_damage(table.entries, records, lambda record: _opens(cipher, record))
    if found is not None:
        raise damaged(found, where)
    whole = [record for record in records if record is not None]
    try:
        return contents_of(head.environment, whole, cipher), table.proof
    except (ValueError, InputError):
        raise VaultError(
            Text("密钥库内容不合规则", "the vault's content breaks its own rules"),
            where=where,
            hint=Text("由更新的版本写成？请升级", "written by a newer version? upgrade"),
        ) from None


def require_passphrase(head: Head, keys: VaultKeys, where: str) -> None:
    """Refuse a passphrase that is not that of the vault."""
    if not keys.fit(head):
        keys.clear()
        raise VaultError(
            Text("口令错误", "the passphrase is wrong"),
            where=where,
            hint=Text(
                "检查 SSCARD_PASSPHRASE、SSCARD_PASSPHRASE_FILE 或重新输入",
                "check SSCARD_PASSPHRASE or SSCARD_PASSPHRASE_FILE, or type it again",
            ),
        )


def looks_whole(raw: bytes) -> bool:
    """Whether it is a vault file from the outside: more takes the passphrase."""
    try:
        head_of(raw, "")
    except VaultError:
        return False
    lines = raw.split(b"\n")[1:-2]
    return _table(lines[0]) is not None and None not in _records(lines[2:])


def damaged(what: Text, where: str) -> VaultError:
    """The vault is not as it was written."""
    return VaultError(
        Text(f"密钥库已损坏或被改动：{what.zh}", f"the vault is damaged or was altered: {what.en}"),
        where=where,
        hint=RESTORE,
    )


def _opens(cipher: RecordCipher, record: Record) -> bool:
    value = cipher.opened(record)
    if value is None:
        return False
    value.clear()
    return True


def _table(line: bytes) -> Table | None:
    framed = line.startswith(_CONTENTS) and line.endswith(b",")
    return _exact(Table, line[len(_CONTENTS) : -1]) if framed else None


def _records(lines: list[bytes]) -> list[Record | None]:
    last = len(lines) - 1
    return [
        _exact(Record, line if place == last else line[:-1])
        if place == last or line.endswith(b",")
        else None
        for place, line in enumerate(lines)
    ]


def _exact(kind: type[M], line: bytes) -> M | None:
    """The value that is spelled so; None when it is not valid or is spelled otherwise."""
    try:
        value = kind.model_validate_json(line)
    except ValidationError:
        return None
    return value if value.json_bytes() == line else None


def _refuse_other_version(text: bytes, where: str) -> None:
    """Tell a file of another version of the format from a damaged one."""
    try:
        version = _AnyVersion.model_validate_json(text).version
    except ValidationError:
        return
    if version < VERSION:
        raise VaultError(
            Text(
                f"密钥库文件格式为第 {version} 版，本程序只读第 {VERSION} 版",
                f"the vault has format version {version}; this program reads version {VERSION}",
            ),
            where=where,
            hint=Text(
                "第 1 版只用于测试密钥：移走该文件，再用 sscard keys init --test 重建",
                "version 1 was for test keys alone: move the file away and make a vault anew: "
                "sscard keys init --test",
            ),
        )
    if version > VERSION:
        raise VaultError(
            Text(
                f"密钥库文件格式为第 {version} 版，本程序只读到第 {VERSION} 版",
                f"the vault has format version {version}; this program reads up to {VERSION}",
            ),
            where=where,
            hint=Text("由更新的版本写成？请升级", "written by a newer version? upgrade"),
        )


def _refuse_strange(raw: bytes, where: str) -> NoReturn:
    _refuse_other_version(raw, where)
    raise VaultError(
        Text("不是密钥库文件，或文件不完整", "not a vault, or not a whole one"),
        where=where,
        hint=RESTORE,
    )
