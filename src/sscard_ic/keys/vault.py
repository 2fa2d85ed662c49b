"""The software vault: root keys in one encrypted file, and every capability over them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from pydantic import Field

from sscard_ic.base.errors import Text
from sscard_ic.base.sealing import Sealer
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import des
from sscard_ic.crypto.secure_messaging import MessageKey, Method, message_key
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys import loading, psam_loading, vault_file
from sscard_ic.keys.capabilities import (
    CardKey,
    Environment,
    KeyInfo,
    Level,
    Protection,
    PublishedKey,
    RootAlgorithm,
    Use,
)
from sscard_ic.keys.errors import EnvironmentMismatchError, VaultError
from sscard_ic.keys.hierarchy import TRANSPORT, Hierarchy, RootKey
from sscard_ic.keys.medical_vault import MedicalHost
from sscard_ic.keys.psam_loading import PsamRoot
from sscard_ic.keys.sealer import Digester, StorageSealer

SERIAL_LENGTH = 6
STORAGE_KEY_LENGTH = 32


class _StoredKey(vault_file.Stored):
    name: str
    version: int
    level: Level
    use: Use
    algorithm: RootAlgorithm
    created: datetime
    value: bytes = Field(repr=False)

    def root(self) -> RootKey:
        return RootKey(
            self.name,
            self.version,
            self.level,
            self.use,
            self.created,
            Secret(self.value),
            self.algorithm,
        )


class _Body(vault_file.Stored):
    environment: Environment
    storage_key: bytes = Field(repr=False)
    keys: tuple[_StoredKey, ...] = Field(repr=False)


class SoftwareVault(MedicalHost):
    """Every capability of :mod:`~sscard_ic.keys.capabilities` over root keys held in memory.

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
        if len({(root.name, root.version, root.family) for root in roots}) != len(roots):
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
        """Every root key, ordered by name, version and algorithm."""
        return [root.info(self._environment) for root in self._hierarchy.roots()]

    def require_key(self, name: str, version: int, algorithm: Algorithm) -> None:
        """Raise :class:`UnknownKeyError` unless there is such a root key."""
        self._hierarchy.root(name, version, algorithm)

    def root_check_value(self, name: str, version: int, algorithm: Algorithm = "3des") -> bytes:
        """3 bytes: the check value of a root key."""
        root = self._hierarchy.root(name, version, algorithm)
        return root.suite.check_value(root.value.reveal())

    def check_value(self, key: CardKey) -> bytes:
        """3 bytes: the check value of a derived card key."""
        return SUITES[key.algorithm].check_value(self._hierarchy.card_key(key))

    def cryptogram(self, key: CardKey, challenge: bytes, text: bytes) -> bytes:
        """8 bytes over ``text`` under the process key of ``challenge`` (ref 02 §3.2-3.5)."""
        value = self._hierarchy.card_key(key)
        return SUITES[key.algorithm].authentication_cryptogram(value, challenge, text)

    def transport_code(self, serial: bytes) -> Secret:
        """X = 3DES(Ktran, 0000 ‖ T8..TD) for the 6-byte chip serial (ref 11 §5.1)."""
        if len(serial) != SERIAL_LENGTH:
            raise ValueError(f"a chip serial has {SERIAL_LENGTH} bytes")
        transport = self._hierarchy.root(TRANSPORT, 1)
        return Secret(des.encrypt(transport.value.reveal(), serial.rjust(des.BLOCK, b"\x00")))

    def mac(self, key: CardKey, data: bytes, iv: bytes = bytes(8)) -> bytes:
        """4 bytes: retail, DES or folded SM4 MAC, ``iv`` filled with 00 (ref 02 §4.1)."""
        return SUITES[key.algorithm].mac(self._hierarchy.card_key(key), data, iv)

    def message_mac(self, key: CardKey, data: bytes, challenge: bytes, method: Method) -> bytes:
        """4 bytes over ``data`` for the command after ``challenge`` (ref 02 §4)."""
        return self._message_key(key, challenge, method).mac(data)

    def encipher(self, key: CardKey, data: Secret, challenge: bytes, method: Method) -> bytes:
        """LL ‖ ``data`` ‖ 80 00… enciphered for the command after ``challenge`` (ref 02 §4)."""
        return self._message_key(key, challenge, method).encipher(data.reveal())

    def _message_key(self, key: CardKey, challenge: bytes, method: Method) -> MessageKey:
        return message_key(key.algorithm, self._hierarchy.card_key(key), challenge, method)

    def blank_cryptogram(self, challenge: bytes, published: PublishedKey | None) -> bytes:
        """C = 3DES(K, R) under the published key, or the maker's own (ref 11 §3.7)."""
        own = published or PublishedKey(self._hierarchy.root(TRANSPORT, 1).value.reveal())
        return SUITES[own.algorithm].direct_cryptogram(own.value, challenge)

    def load_key(
        self, head: bytes, header: bytes, key: CardKey, protection: Protection, filled: int = 16
    ) -> Secret:
        """The finished command that loads the card key ``key`` (ref 11 §5.3)."""
        record = loading.key_record(header, self._hierarchy.card_key(key), filled)
        return self._load(head, record, protection)

    def load_pin(
        self, head: bytes, header: bytes, pin: Secret, protection: Protection, filled: int = 16
    ) -> Secret:
        """The finished command that loads a PIN given as BCD block (ref 11 §5.3)."""
        return self._load(head, loading.key_record(header, pin.reveal(), filled), protection)

    def load_psam_key(
        self, head: bytes, header: bytes, key: PsamRoot | CardKey, transport: str, challenge: bytes
    ) -> Secret:
        """The finished command that loads a root or a key of its own into a PSAM (ref 02 §7.5)."""
        if isinstance(key, PsamRoot):
            value = self._hierarchy.psam_root(key)
        else:
            value = self._hierarchy.card_key(key)
        protector = self._psam_protector(transport, challenge)
        return psam_loading.loading_command(head, header + value, protector)

    def sign_psam_command(self, head: bytes, transport: str, challenge: bytes) -> Secret:
        """The finished command to a PSAM that carries its MAC alone (ref 02 §7.5)."""
        return psam_loading.loading_command(head, b"", self._psam_protector(transport, challenge))

    def _psam_protector(self, transport: str, challenge: bytes) -> MessageKey:
        key = self._hierarchy.root(transport, 1).value.reveal()
        return message_key("3des", key, challenge, "card_key")

    def _load(self, head: bytes, record: bytes, protection: Protection) -> Secret:
        def encipher(data: bytes) -> bytes:
            under = protection.under
            assert under is not None  # Protection sees to it
            if isinstance(under, CardKey):
                return self._hierarchy.encryptor(under).encrypt(data)
            return SUITES[under.algorithm].encrypt(under.value, data)

        def authenticate(data: bytes) -> bytes:
            under = protection.under
            assert under is not None  # Protection sees to it
            if isinstance(under, CardKey):
                return self.mac(under, data, protection.iv)
            return SUITES[under.algorithm].mac(under.value, data, protection.iv)

        return loading.loading_command(head, record, protection, encipher, authenticate)

    def _card_key(self, key: CardKey) -> bytes:
        return self._hierarchy.card_key(key)

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
