"""The software vault: root keys in one encrypted file, and every capability over them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, NoReturn

from pydantic import Field

from sscard_ic.base.errors import Text
from sscard_ic.base.sealing import Sealer
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import des, mac
from sscard_ic.crypto import keys as rules
from sscard_ic.keys import loading, vault_file
from sscard_ic.keys.capabilities import CardKey, Environment, KeyInfo, Level, Protection, Use
from sscard_ic.keys.errors import EnvironmentMismatchError, VaultError
from sscard_ic.keys.hierarchy import TRANSPORT, Hierarchy, RootKey
from sscard_ic.keys.sealer import Digester, StorageSealer

SERIAL_LENGTH = 6
STORAGE_KEY_LENGTH = 32


class _StoredKey(vault_file.Stored):
    name: str
    version: int
    level: Level
    use: Use
    algorithm: Literal["des", "3des"]
    created: datetime
    value: bytes = Field(repr=False)

    def root(self) -> RootKey:
        root = RootKey(
            self.name, self.version, self.level, self.use, self.created, Secret(self.value)
        )
        if len(root.value) not in (8, 16) or root.algorithm != self.algorithm:
            raise ValueError("length and algorithm of a key disagree")
        return root


class _Body(vault_file.Stored):
    environment: Environment
    storage_key: bytes = Field(repr=False)
    keys: tuple[_StoredKey, ...] = Field(repr=False)


class SoftwareVault:
    """Authenticator, macer, key loader and inventory over root keys held in memory.

    Threads may share one; processes open their own.
    """

    def __init__(
        self, path: Path, environment: Environment, roots: Iterable[RootKey], storage_key: Secret
    ) -> None:
        self._path = path
        self._environment = environment
        self._hierarchy = Hierarchy(roots, where=str(path))
        self._sealer = StorageSealer(storage_key)
        self._digester = Digester(storage_key)

    @classmethod
    def create(
        cls,
        path: Path,
        passphrase: Secret,
        *,
        environment: Environment,
        keys: Iterable[RootKey],
    ) -> SoftwareVault:
        """Write a new vault with a fresh storage key; an existing file is never overwritten."""
        if not len(passphrase):
            raise VaultError(Text("口令不能为空", "the passphrase is empty"), where=str(path))
        body = _Body(
            environment=environment,
            storage_key=secrets.token_bytes(STORAGE_KEY_LENGTH),
            keys=tuple(_stored(root) for root in keys),
        )
        vault = cls._unlocked(path, body)
        vault_file.write_new(path, vault_file.seal(body.model_dump_json().encode(), passphrase))
        return vault

    @classmethod
    def open(cls, path: Path, passphrase: Secret) -> SoftwareVault:
        """Unlock the vault at ``path``; raises :class:`VaultError`."""
        raw = vault_file.unseal(vault_file.read(path), passphrase, str(path))
        try:
            return cls._unlocked(path, _Body.model_validate_json(raw))
        except ValueError:
            raise VaultError(
                Text("密钥库内容不合规则", "the vault's content breaks its own rules"),
                where=str(path),
                hint=Text("由更新的版本写成？请升级", "written by a newer version? upgrade"),
            ) from None

    @classmethod
    def _unlocked(cls, path: Path, body: _Body) -> SoftwareVault:
        roots = [stored.root() for stored in body.keys]
        if len({(root.name, root.version) for root in roots}) != len(roots):
            raise ValueError("a key is there twice")
        if len(body.storage_key) != STORAGE_KEY_LENGTH:
            raise ValueError("the storage key has a wrong length")
        return cls(path, body.environment, roots, Secret(body.storage_key))

    @property
    def path(self) -> Path:
        """Where the vault lies."""
        return self._path

    @property
    def environment(self) -> Environment:
        """Whether its keys are test keys."""
        return self._environment

    def require_environment(self, environment: Environment, where: str = "") -> None:
        """Refuse to serve a profile (``where``) of the other environment."""
        if environment == self._environment:
            return
        names = {"test": Text("测试", "test"), "production": Text("生产", "production")}
        mine, asked = names[self._environment], names[environment]
        raise EnvironmentMismatchError(
            Text(
                f"密钥库 {self._path} 是{mine.zh}密钥库，不能用于{asked.zh}发卡配置",
                f"the vault {self._path} holds {mine.en} keys; the profile is of {asked.en}",
            ),
            where=where,
            hint=Text(
                f"请使用{asked.zh}密钥库，或改用{mine.zh}配置",
                f"use a {asked.en} vault, or a {mine.en} profile",
            ),
        )

    def keys(self) -> Sequence[KeyInfo]:
        """Every root key, ordered by name and version."""
        return [root.info(self._environment) for root in self._hierarchy.roots()]

    def root_check_value(self, name: str, version: int) -> bytes:
        """3 bytes: the check value of a root key."""
        return rules.check_value(self._hierarchy.root(name, version).value.reveal())

    def check_value(self, key: CardKey) -> bytes:
        """3 bytes: the check value of a derived card key."""
        return rules.check_value(self._hierarchy.card_key(key))

    def cryptogram(self, key: CardKey, challenge: bytes, text: bytes) -> bytes:
        """8 bytes over ``text`` under the process key of ``challenge`` (ref 02 §3.2-3.5)."""
        return rules.authentication_cryptogram(self._hierarchy.card_key(key), challenge, text)

    def transport_code(self, serial: bytes) -> Secret:
        """X = 3DES(Ktran, 0000 ‖ T8..TD) for the 6-byte chip serial (ref 11 §5.1)."""
        if len(serial) != SERIAL_LENGTH:
            raise ValueError(f"a chip serial has {SERIAL_LENGTH} bytes")
        transport = self._hierarchy.root(TRANSPORT, 1)
        return Secret(des.encrypt(transport.value.reveal(), serial.rjust(des.BLOCK, b"\x00")))

    def mac(self, key: CardKey, data: bytes, iv: bytes = bytes(8)) -> bytes:
        """4 bytes: retail MAC with a 16-byte key, DES MAC with an 8-byte key (ref 02 §4.1)."""
        value = self._hierarchy.card_key(key)
        method = mac.des_mac if len(value) == des.BLOCK else mac.retail_mac
        return method(value, data, iv)

    def load_key(self, head: bytes, header: bytes, key: CardKey, protection: Protection) -> Secret:
        """The finished command that loads the card key ``key`` (ref 11 §5.3)."""
        record = loading.key_record(header, self._hierarchy.card_key(key))
        return self._load(head, record, protection)

    def load_pin(self, head: bytes, header: bytes, pin: Secret, protection: Protection) -> Secret:
        """The finished command that loads a PIN given as BCD block (ref 11 §5.3)."""
        return self._load(head, loading.key_record(header, pin.reveal()), protection)

    def _load(self, head: bytes, record: bytes, protection: Protection) -> Secret:
        def under() -> CardKey:
            assert protection.under is not None  # Protection sees to it
            return protection.under

        return loading.loading_command(
            head,
            record,
            protection,
            encipher=lambda data: self._hierarchy.encryptor(under()).encrypt(data),
            authenticate=lambda data: self.mac(under(), data, protection.iv),
        )

    def sealer(self) -> Sealer:
        """Encrypts records at rest under this vault's storage key."""
        return self._sealer

    def digest(self, text: str, context: str) -> str:
        """Keyed digest, 64 hex digits, by which equal texts are found without storing them."""
        return self._digester.digest(text, context)

    def __repr__(self) -> str:
        count = len(self._hierarchy)
        return f"<SoftwareVault {self._path}: {count} {self._environment} keys>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault is not pickled; open it in each process")


def _stored(root: RootKey) -> _StoredKey:
    return _StoredKey(
        name=root.name,
        version=root.version,
        level=root.level,
        use=root.use,
        algorithm=root.algorithm,
        created=root.created,
        value=root.value.reveal(),
    )
