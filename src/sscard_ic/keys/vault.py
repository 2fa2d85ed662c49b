"""The software vault: root keys in one encrypted file, and every capability over them.

How far its memory is cleared: every key it holds is in a buffer that :meth:`SoftwareVault.close`
overwrites, and so are the keys that come from the passphrase. Python and OpenSSL make copies that
nobody can reach (the arguments of a cipher, the schedule inside one, what ``Secret.reveal`` gave);
they are freed, not overwritten. Memory may be swapped out, and whoever may debug the process reads
all of it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NoReturn, Self

from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.sealing import Sealer
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import des
from sscard_ic.crypto.secure_messaging import MessageKey, message_key
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import key_block, new_keys, psam_loading
from sscard_ic.keys.capabilities import CardKey
from sscard_ic.keys.errors import EnvironmentMismatchError, UnknownKeyError, VaultError
from sscard_ic.keys.hierarchy import Hierarchy, RootKey, check_value
from sscard_ic.keys.host_service import HostService
from sscard_ic.keys.inventory import TRANSPORT, Environment, KeyInfo, KeySpec, Origin
from sscard_ic.keys.key_block import KeyBlock
from sscard_ic.keys.policy import require_use
from sscard_ic.keys.psam_loading import PsamRoot
from sscard_ic.keys.sealer import Digester, StorageSealer
from sscard_ic.keys.secure_channel import ChannelHost
from sscard_ic.keys.vault_contents import (
    STORAGE_KEY_LENGTH,
    Contents,
    HeldKey,
    Place,
    place_of,
)
from sscard_ic.keys.vault_file import VaultFile


@dataclass(frozen=True, slots=True)
class _Opened:
    contents: Contents
    hierarchy: Hierarchy


class SoftwareVault(HostService, ChannelHost):
    """Every capability of :mod:`~sscard_ic.keys.capabilities` over root keys held in memory.

    It is a :class:`~sscard_ic.keys.store.KeyStore`, too. A change is made under a lock between
    processes, to what the file holds at that moment, and stands in the file before it stands here.
    Keys that another process changed are known here after a change of one's own, or when the vault
    is opened again. Threads may share one; processes open their own.
    """

    def __init__(
        self,
        path: Path,
        environment: Environment,
        roots: Iterable[RootKey],
        storage_key: Secret,
        clock: Clock | None = None,
    ) -> None:
        """A vault in memory alone; ``path`` is what errors call it."""
        clock = clock or SystemClock()
        contents = Contents.of(environment, clock.now(), storage_key, roots)
        self._set_up(path, contents, None, clock)

    def _set_up(self, path: Path, contents: Contents, file: VaultFile | None, clock: Clock) -> None:
        super().__init__(clock)
        self._path = path
        self._environment = contents.environment
        self._file = file
        self._changing = threading.Lock()
        self._opened: _Opened | None = _Opened(contents, contents.hierarchy(str(path)))
        self._sealer = StorageSealer(contents.storage_key)
        self._digester = Digester(contents.storage_key)

    @classmethod
    def create(
        cls,
        path: Path,
        passphrase: Secret,
        *,
        environment: Environment,
        keys: Iterable[RootKey] = (),
        clock: Clock | None = None,
    ) -> Self:
        """Write a new vault with a fresh storage key; an existing file is never overwritten."""
        clock = clock or SystemClock()
        storage_key = Secret(secrets.token_bytes(STORAGE_KEY_LENGTH))
        contents = Contents.of(environment, clock.now(), storage_key, keys)
        storage_key.clear()
        try:
            file = VaultFile.create(path, passphrase, contents)
        except BaseException:
            contents.clear()
            raise
        return cls._on(path, contents, file, clock)

    @classmethod
    def open(cls, path: Path, passphrase: Secret, *, clock: Clock | None = None) -> Self:
        """Unlock the vault at ``path``; raises :class:`VaultError`, which names any damage."""
        file, contents = VaultFile.open(path, passphrase)
        return cls._on(path, contents, file, clock or SystemClock())

    @classmethod
    def _on(cls, path: Path, contents: Contents, file: VaultFile, clock: Clock) -> Self:
        vault = cls.__new__(cls)
        vault._set_up(path, contents, file, clock)
        return vault

    def close(self) -> None:
        """Overwrite the keys as far as Python lets one; every use afterwards is refused."""
        with self._changing:
            if self._opened is None:
                return
            contents, self._opened = self._opened.contents, None
            self._forget_ciphers()
            contents.clear()
            self._sealer.close()
            self._digester.close()
            if self._file is not None:
                self._file.close()

    @property
    def path(self) -> Path:
        """Where the vault lies."""
        return self._path

    @property
    def environment(self) -> Environment:
        """Whether its keys are test keys."""
        return self._environment

    def keys(self) -> Sequence[KeyInfo]:
        """Every root key, destroyed ones too, ordered by name, version and algorithm."""
        return self._contents.infos()

    def root_info(self, name: str, version: int, algorithm: str = "3des") -> KeyInfo:
        """What may be told about a root key, destroyed ones too; :class:`UnknownKeyError`."""
        key = self._contents.held.get(place_of(name, version, algorithm))
        if key is None:
            raise UnknownKeyError(name, version, self.place, algorithm=algorithm)
        return key.info

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

    def _under_root(self, name: str, version: int, algorithm: Algorithm, blocks: bytes) -> bytes:
        root = self._hierarchy.root(name, version, algorithm)
        return root.suite.encrypt(root.value.reveal(), blocks)

    def _out_of_root(self, name: str, version: int, algorithm: Algorithm, blocks: bytes) -> bytes:
        root = self._hierarchy.root(name, version, algorithm)
        return root.suite.decrypt(root.value.reveal(), blocks)

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
        self._require(transport, 1, "3des", "protect")
        key = self._hierarchy.root(transport, 1).value.reveal()
        return message_key("3des", key, challenge, "card_key")

    def sealer(self) -> Sealer:
        """Encrypts records at rest under this vault's storage key."""
        self._require_open()
        return self._sealer

    def digest(self, text: str, context: str) -> str:
        """Keyed digest, 64 hex digits, by which equal texts are found without storing them."""
        self._require_open()
        return self._digester.digest(text, context)

    # Managing the keys

    def generate(self, spec: KeySpec) -> KeyInfo:
        """Make a key from random numbers of the operating system."""
        self._require_possible(spec)

        def made(contents: Contents) -> Contents:
            contents.require_free(spec, self.place)
            return contents.with_key(self._new(spec, new_keys.generated(spec), "generated"))

        return self._changed(spec, made)

    def combine(
        self, spec: KeySpec, components: Sequence[Secret], check_value: bytes | None
    ) -> KeyInfo:
        """Join two or more components by XOR; None: nobody was told a check value of the whole.

        Raises :class:`ComponentError`.
        """
        self._require_possible(spec)

        def joined(contents: Contents) -> Contents:
            contents.require_free(spec, self.place)
            value = new_keys.combined(spec, components, check_value, self.place)
            return contents.with_key(self._new(spec, value, "components"))

        return self._changed(spec, joined)

    def export_block(self, name: str, version: int, algorithm: str, under: KeySpec) -> KeyBlock:
        """A key protected by the transport key ``under``."""
        contents = self._contents
        place = place_of(name, version, algorithm)
        key = contents.active(place, self.place)
        wrapping = place_of(under.name, under.version, under.algorithm)
        kbpk = self._kbpk(contents, wrapping)
        if place == wrapping:
            raise InputError(
                Text("密钥不能用自己保护", "a key cannot protect itself"),
                where=self.place,
                hint=Text("请换用另一个传输密钥", "use another transport key"),
            )
        assert key.value is not None  # active
        spec = _plain(key.info)
        block = KeyBlock(self._environment, spec, key.info.check_value, under.name, under.version)
        return key_block.seal(block, key.value, kbpk)

    def import_block(self, block: KeyBlock) -> KeyInfo:
        """Take a key out of its block, by the transport key that the block names."""
        spec = block.spec
        self._require_possible(spec)
        if block.environment != self._environment:
            raise _foreign(block, self._environment)

        def taken(contents: Contents) -> Contents:
            contents.require_free(spec, self.place)
            kbpk = self._kbpk(contents, (block.under_name, block.under_version, "aes"))
            return contents.with_key(self._new(spec, _unsealed(block, kbpk, self.place), "block"))

        return self._changed(spec, taken)

    def set_validity(
        self, name: str, version: int, algorithm: str, valid_from: date | None, until: date | None
    ) -> KeyInfo:
        """Change the days of a key."""
        place = place_of(name, version, algorithm)
        contents = self._change(
            lambda contents: contents.with_days(place, valid_from, until, self.place)
        )
        return contents.held[place].info

    def destroy(self, name: str, version: int, algorithm: str) -> KeyInfo:
        """Leave of a key its description alone; copies of the file elsewhere still hold it."""
        place = place_of(name, version, algorithm)
        moment = self._clock.now()
        contents = self._change(lambda contents: contents.without_bits(place, moment, self.place))
        return contents.held[place].info

    def change_passphrase(self, old: Secret, new: Secret) -> None:
        """Seal the whole vault anew; raises :class:`VaultError` when ``old`` is not its own."""
        with self._changing:
            known = self._contents
            file = self._file
            if file is None:
                raise VaultError(
                    Text("内存中的密钥库没有口令", "a vault in memory has no passphrase"),
                    where=self.place,
                    hint=Text("请打开密钥库文件", "open the file of a vault"),
                )
            with file.locked():
                current = file.reread(known, old)
                self._adopt(current)
                file.write(current, new)

    # Inside

    @property
    def _contents(self) -> Contents:
        return self._require_open().contents

    @property
    def _hierarchy(self) -> Hierarchy:
        return self._require_open().hierarchy

    def _require_open(self) -> _Opened:
        opened = self._opened
        if opened is None:
            raise VaultError(
                Text("密钥库已关闭", "the vault is closed"),
                where=self.place,
                hint=Text("请重新打开密钥库", "open it again"),
            )
        return opened

    def _require_possible(self, spec: KeySpec) -> None:
        new_keys.require_sound(spec, self.place)
        new_keys.require_software(spec, self.place)

    def _kbpk(self, contents: Contents, place: Place) -> Secret:
        """A key that may protect others today."""
        key = contents.active(place, self.place)
        require_use(key.info, "wrap", self._clock.today(), self.place)
        assert key.value is not None  # active
        return key.value

    def _new(self, spec: KeySpec, value: Secret, origin: Origin) -> HeldKey:
        root = RootKey.of(spec, value, self._clock.now(), origin)
        return HeldKey(root.info(self._environment), value)

    def _changed(self, spec: KeySpec, step: Callable[[Contents], Contents]) -> KeyInfo:
        contents = self._change(step)
        return contents.held[spec.name, spec.version, spec.family].info

    def _change(self, step: Callable[[Contents], Contents]) -> Contents:
        """What ``step`` makes of the contents: in the file first, then here; or neither."""
        with self._changing:
            current = self._contents
            file = self._file
            with nullcontext() if file is None else file.locked():
                if file is not None:
                    current = file.reread(current)
                    self._adopt(current)
                following = step(current)
                if file is not None:
                    try:
                        file.write(following)
                    except BaseException:
                        following.clear(kept=current)
                        raise
            self._adopt(following)
            return following

    def _adopt(self, contents: Contents) -> None:
        """Go on with ``contents``; bits that are in them no more are overwritten."""
        before = self._contents
        if contents is before:
            return
        self._opened = _Opened(contents, contents.hierarchy(self.place))
        self._forget_ciphers()
        before.clear(kept=contents)

    def __repr__(self) -> str:
        if self._opened is None:
            return f"<SoftwareVault {self._path}: closed>"
        count = len(self._contents.held)
        return f"<SoftwareVault {self._path}: {count} {self._environment} keys>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault is not pickled; open it in each process")


def _plain(info: KeyInfo) -> KeySpec:
    """What it is, without what has happened to it."""
    return KeySpec(
        info.name,
        info.version,
        info.level,
        info.use,
        info.algorithm,
        info.valid_from,
        info.valid_until,
    )


def _foreign(block: KeyBlock, environment: Environment) -> EnvironmentMismatchError:
    names = {"test": Text("测试", "test"), "production": Text("生产", "production")}
    mine, theirs = names[environment], names[block.environment]
    return EnvironmentMismatchError(
        Text(
            f"密钥块中是{theirs.zh}密钥，此密钥库只存{mine.zh}密钥",
            f"the block holds a {theirs.en} key, the vault {mine.en} keys",
        ),
        where=block.spec.name,
        hint=Text(f"请使用{theirs.zh}密钥库", f"use a {theirs.en} vault"),
    )


def _unsealed(block: KeyBlock, kbpk: Secret, place: str) -> Secret:
    value = key_block.unseal(block, kbpk)
    if check_value(block.spec.algorithm, value).hex().upper() != block.check_value:
        value.clear()
        raise key_block.altered(block)
    try:
        new_keys.require_strong(block.spec, value, place)
    except BaseException:
        value.clear()
        raise
    return value
