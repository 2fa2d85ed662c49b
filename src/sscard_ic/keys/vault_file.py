"""The vault's file: one JSON envelope around one authenticated, encrypted body.

Nothing but the format, the parameters of the key derivation and a value that recognises the
passphrase can be read without the passphrase. The whole body is one record, so that entries can
neither be swapped nor dropped; the envelope's head is authenticated with it.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import BaseModel, ConfigDict, ValidationError

from sscard_ic.base.errors import Text, os_reason
from sscard_ic.base.files import replace_file
from sscard_ic.base.secret import Secret
from sscard_ic.keys.errors import VaultError

_KEY_LENGTH = 32
_NONCE_LENGTH = 12
_SALT_LENGTH = 16
_LARGEST = 16 * 1024 * 1024
_RESTORE = Text(
    "请从备份恢复；测试密钥库可删除后用 sscard keys init --test 重建",
    "restore it from a backup; a test vault can be deleted and made anew: sscard keys init --test",
)


class Stored(BaseModel):
    """Base of what is written: bytes in hex, and errors that never quote what they refuse."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        ser_json_bytes="hex",
        val_json_bytes="hex",
    )


class Derivation(Stored):
    """Parameters of scrypt; version 1 allows these alone, so a file cannot ask for more work."""

    name: Literal["scrypt"] = "scrypt"
    n: Literal[32768] = 32768
    r: Literal[8] = 8
    p: Literal[1] = 1
    salt: bytes


class Head(Stored):
    """What is readable without the passphrase."""

    format: Literal["sscard-vault"] = "sscard-vault"
    version: Literal[1] = 1
    kdf: Derivation
    check: bytes
    """Recognises the passphrase."""
    nonce: bytes

    def authenticated(self) -> bytes:
        """The bytes that the body's seal covers besides the body."""
        return Head(kdf=self.kdf, check=self.check, nonce=self.nonce).model_dump_json().encode()


class Envelope(Head):
    """The whole file."""

    body: bytes

    def canonical(self) -> bytes:
        """The only spelling of this envelope that is accepted."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def seal(body: bytes, passphrase: Secret) -> bytes:
    """The file that holds ``body``."""
    salt = secrets.token_bytes(_SALT_LENGTH)
    key, check = _stretch(passphrase, salt)
    nonce = secrets.token_bytes(_NONCE_LENGTH)
    head = Head(kdf=Derivation(salt=salt), check=check, nonce=nonce)
    sealed = AESGCM(key).encrypt(nonce, body, head.authenticated())
    return Envelope(kdf=head.kdf, check=check, nonce=nonce, body=sealed).canonical()


def unseal(raw: bytes, passphrase: Secret, where: str) -> bytes:
    """The body of the file ``raw``; raises :class:`VaultError` when anything is not as written."""
    try:
        envelope = Envelope.model_validate_json(raw)
    except ValidationError:
        raise VaultError(
            Text("不是密钥库文件，或文件不完整", "not a vault, or not a whole one"),
            where=where,
            hint=_RESTORE,
        ) from None
    if envelope.canonical() != raw:
        raise _altered(where)
    key, check = _stretch(passphrase, envelope.kdf.salt)
    if not hmac.compare_digest(check, envelope.check):
        raise VaultError(
            Text("口令错误（或文件头被改动）", "the passphrase is wrong (or the head was altered)"),
            where=where,
            hint=Text(
                "检查 SSCARD_PASSPHRASE、SSCARD_PASSPHRASE_FILE 或重新输入",
                "check SSCARD_PASSPHRASE or SSCARD_PASSPHRASE_FILE, or type it again",
            ),
        )
    try:
        return AESGCM(key).decrypt(envelope.nonce, envelope.body, envelope.authenticated())
    except (InvalidTag, ValueError):
        raise _altered(where) from None


def _altered(where: str) -> VaultError:
    return VaultError(
        Text("密钥库文件被改动或已损坏", "the vault was altered or is damaged"),
        where=where,
        hint=_RESTORE,
    )


def _stretch(passphrase: Secret, salt: bytes) -> tuple[bytes, bytes]:
    """Encryption key and the value by which the passphrase is recognised."""
    kdf = Scrypt(salt=salt, length=2 * _KEY_LENGTH, n=32768, r=8, p=1)
    both = kdf.derive(passphrase.reveal())
    return both[:_KEY_LENGTH], hmac.digest(both[_KEY_LENGTH:], b"sscard vault check", "sha256")


def read(path: Path) -> bytes:
    """The bytes of a vault file; raises :class:`VaultError` with the next step."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise VaultError(
            Text("密钥库文件不存在", "there is no vault"),
            where=str(path),
            hint=Text(
                "先建立测试密钥库：sscard keys init --test",
                "make a test vault first: sscard keys init --test",
            ),
        ) from None
    except OSError as error:
        raise _unusable(path, error) from None
    if len(raw) > _LARGEST:
        raise VaultError(Text("文件过大，不是密钥库", "too large for a vault"), where=str(path))
    return raw


def write_new(path: Path, raw: bytes) -> None:
    """Write a file that must not exist yet: complete or not at all, mode 0600."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error) from None
    try:
        # Claims the name first, so that of two writers one is refused on any file system.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise VaultError(
            Text("文件已存在，不会覆盖", "already exists and is not overwritten"),
            where=str(path),
            hint=Text("另选路径，或先移走该文件", "choose another path, or move the file away"),
        ) from None
    except OSError as error:
        raise _unusable(path, error) from None
    try:
        replace_file(path, raw)
    except BaseException as error:
        with suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise _unusable(path, error) from None
        raise


def _unusable(path: Path, error: OSError) -> VaultError:
    reason = os_reason(error)
    return VaultError(
        Text(
            f"密钥库文件无法读写（{reason.zh}）",
            f"the vault cannot be read or written ({reason.en})",
        ),
        where=str(path),
        hint=Text("检查路径与权限", "check the path and its permissions"),
    )
