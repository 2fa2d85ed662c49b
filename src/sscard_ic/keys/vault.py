"""The software vault: root keys in one encrypted file, and every capability over them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from pydantic import Field

from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.errors import Text
from sscard_ic.base.sealing import Sealer
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import des
from sscard_ic.crypto.secure_messaging import MessageKey, message_key
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import psam_loading, vault_file
from sscard_ic.keys.capabilities import CardKey
from sscard_ic.keys.errors import EnvironmentMismatchError, UnknownKeyError, VaultError
from sscard_ic.keys.hierarchy import Hierarchy, RootKey
from sscard_ic.keys.host_service import HostService
from sscard_ic.keys.inventory import (
    TRANSPORT,
    Environment,
    KeyInfo,
    Level,
    RootAlgorithm,
    Use,
)
from sscard_ic.keys.psam_loading import PsamRoot
from sscard_ic.keys.sealer import Digester, StorageSealer

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


class SoftwareVault(HostService):
    """Every capability of :mod:`~sscard_ic.keys.capabilities` over root keys held in memory.

    Threads may share one; processes open their own.
    """

    def __init__(
        self,
        path: Path,
        environment: Environment,
        roots: Iterable[RootKey],
        storage_key: Secret,
        clock: Clock | None = None,
    ) -> None:
        self._path = path
        self._environment = environment
        super().__init__(clock or SystemClock())
        held = list(roots)
        self._hierarchy = Hierarchy(held, where=str(path))
        self._infos = {
            (root.name, root.version, root.family): root.info(environment) for root in held
        }
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
        return [self._infos[place] for place in sorted(self._infos)]

    def root_info(self, name: str, version: int, algorithm: str = "3des") -> KeyInfo:
        """What may be told about a root key; raises :class:`UnknownKeyError`."""
        info = self._infos.get((name, version, algorithm))
        if info is None:
            raise UnknownKeyError(name, version, self.place, algorithm=algorithm)
        return info

    def derive_many(
        self, name: str, version: int, algorithm: Algorithm, division_code: str, factors: bytes
    ) -> bytearray:
        """The keys of many cards of one city, one behind the other; 8-byte ``factors``."""
        self._require(name, version, algorithm, "load")
        return self._hierarchy.derive_many(name, version, algorithm, division_code, factors)

    @property
    def place(self) -> str:
        """Its file."""
        return str(self._path)

    def _derive(self, key: CardKey) -> bytes:
        return self._hierarchy.card_key(key)

    def _transport_cryptogram(self, block: bytes) -> bytes:
        return des.encrypt(self._hierarchy.root(TRANSPORT, 1).value.reveal(), block)

    def load_psam_key(
        self, head: bytes, header: bytes, key: PsamRoot | CardKey, transport: str, challenge: bytes
    ) -> Secret:
        """The finished command that loads a root or a key of its own into a PSAM (ref 02 §7.5)."""
        if isinstance(key, PsamRoot):
            self._require(key.name, key.version, key.algorithm, "load")
            value = self._hierarchy.psam_root(key)
        else:
            value = self._card_key(key, "load")
        protector = self._psam_protector(transport, challenge)
        return psam_loading.loading_command(head, header + value, protector)

    def sign_psam_command(self, head: bytes, transport: str, challenge: bytes) -> Secret:
        """The finished command to a PSAM that carries its MAC alone (ref 02 §7.5)."""
        return psam_loading.loading_command(head, b"", self._psam_protector(transport, challenge))

    def _psam_protector(self, transport: str, challenge: bytes) -> MessageKey:
        key = self._hierarchy.root(transport, 1).value.reveal()
        return message_key("3des", key, challenge, "card_key")

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
