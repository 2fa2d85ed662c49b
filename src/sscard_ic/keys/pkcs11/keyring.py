"""The keys of an open, prepared token: finding them, adding, changing and destroying them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from pkcs11 import Attribute

from sscard_ic.base.errors import Text
from sscard_ic.keys.errors import DestroyedKeyError, KeyExistsError, UnknownKeyError
from sscard_ic.keys.inventory import Environment, KeyInfo, KeySpec, Origin
from sscard_ic.keys.pkcs11 import entries, objects, records
from sscard_ic.keys.pkcs11.entries import Contents, Entry, place_of
from sscard_ic.keys.pkcs11.errors import CryptokiError, HsmError, read_only
from sscard_ic.keys.pkcs11.mechanisms import Cipher, Ciphers
from sscard_ic.keys.pkcs11.objects import Attributes
from sscard_ic.keys.pkcs11.records import DataObject, KeyRecord
from sscard_ic.keys.pkcs11.storage import KEY_ID_LENGTH, Storage
from sscard_ic.keys.pkcs11.token import OpenToken

_CHECK_LENGTH = 3


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that is to be."""

    spec: KeySpec
    origin: Origin
    created: datetime
    make: Callable[[Cipher, Attributes], int]
    """Makes it by its template, and tells its handle."""
    approve: Callable[[bytes], None] = lambda check_value: None
    """Is given its check value, and raises when that is wrong."""
    repeatable: bool = True
    """Whether making it again gives the same bits."""


class Keyring:
    """Threads may share it; raises :class:`HsmError` when entries or keys were altered."""

    def __init__(self, token: OpenToken, ciphers: Ciphers, storage: Storage) -> None:
        self._token = token
        self._ciphers = ciphers
        self._storage = storage
        with token.calling():
            self._contents = entries.read(token, storage.record_mac)
            for entry in self._contents.entries.values():
                self._require_same(entry)

    @property
    def environment(self) -> Environment:
        """What the token was prepared for."""
        return self._contents.token.environment

    def __len__(self) -> int:
        return len(self._contents.entries)

    def infos(self) -> list[KeyInfo]:
        """Every key, destroyed ones too, ordered by name, version and family."""
        known = self._contents.entries
        return [known[place].info for place in sorted(known)]

    def info(self, name: str, version: int, family: str) -> KeyInfo:
        """What may be told about a key; raises :class:`UnknownKeyError`."""
        return self._entry(name, version, family).info

    def faults(self) -> list[Text]:
        """Entries without a key, keys without an entry; none of them is ever used."""
        return self._contents.faults()

    def handle(self, info: KeyInfo) -> int:
        """The key itself; raises :class:`HsmError` when somebody removed it."""
        entry = self._entry(*place_of(info))
        if entry.record.state == "destroyed":
            raise DestroyedKeyError(info, self._token.place)
        if entry.handle is None:
            raise HsmError(
                entries.key_missing(info),
                where=self._token.place,
                hint=Text(
                    "用备份恢复令牌，或销毁该登记项",
                    "restore the token from its backup, or destroy the entry",
                ),
            )
        return entry.handle

    def add(self, *wanted: NewKey) -> list[KeyInfo]:
        """New keys, all of them; when anything fails they are removed again.

        Raises :class:`KeyExistsError` for one that is, or was, there.
        """
        added: list[Entry] = []
        with self._token.calling():
            self._require_changeable()
            self._look_again(wanted)
            try:
                for each in wanted:
                    added.append(self._add(each))
            except BaseException:
                for entry in added:
                    self._remove(entry)
                raise
        return [entry.info for entry in added]

    def change(self, info: KeyInfo) -> KeyInfo:
        """Write down what has become of a key; its bits stay as they are."""
        with self._token.calling():
            self._require_changeable()
            entry, old = self._present(info)
            return self._retell(entry, old, info)

    def destroy(self, info: KeyInfo, moment: datetime) -> KeyInfo:
        """Remove the bits of a key, then mark its entry; interrupted, it is asked for again."""
        with self._token.calling():
            self._require_changeable()
            entry, old = self._present(info)
            if entry.handle is not None:
                self._token.functions.destroy(self._token.handle, entry.handle)
                entry = replace(entry, handle=None)
                self._put(entry)
            told = replace(entry.info, state="destroyed", destroyed=moment)
            return self._retell(entry, old, told)

    def _add(self, wanted: NewKey) -> Entry:
        spec = wanted.spec
        if place_of(spec) in self._contents.entries:
            raise KeyExistsError(spec, self._token.place)
        cipher = self._ciphers.of(spec.algorithm)
        key_id = secrets.token_bytes(KEY_ID_LENGTH)
        stored = objects.Stored(records.key_label(spec), key_id)
        handle = wanted.make(cipher, objects.secret_key(cipher, objects.usages(spec.use), stored))
        try:
            check_value = self._check_value(spec, key_id, handle) or self._of_twin(wanted, cipher)
            wanted.approve(check_value)
            record = KeyRecord.of(self._told(wanted, check_value), key_id)
            entry = Entry(record, self._write(record), handle)
        except BaseException:
            self._discard(handle)
            raise
        self._put(entry)
        return entry

    def _remove(self, entry: Entry) -> None:
        place = place_of(entry.info)
        left = {each: kept for each, kept in self._contents.entries.items() if each != place}
        self._contents = replace(self._contents, entries=left)
        if entry.handle is not None:
            self._discard(entry.handle)
        self._discard(entry.data.handle)

    def _discard(self, handle: int) -> None:
        # What cannot be removed is a stray that nobody uses, and is named as one; or it ends with
        # the session.
        with suppress(CryptokiError):
            self._token.functions.destroy(self._token.handle, handle)

    def _entry(self, name: str, version: int, family: str) -> Entry:
        entry = self._contents.entries.get((name, version, family))
        if entry is None:
            raise UnknownKeyError(name, version, self._token.place, algorithm=family)
        return entry

    def _look_again(self, wanted: Sequence[NewKey]) -> None:
        """Another program may have added keys; finding one entry is quicker than reading all."""
        if len(wanted) != 1:
            self._contents = entries.read(self._token, self._storage.record_mac)
            return
        known, _ = entries.find(self._token, self._storage.record_mac, wanted[0].spec)
        if known is not None:
            self._put(known)

    def _present(self, info: KeyInfo) -> tuple[Entry, list[DataObject]]:
        """The entry of a key as it is now, for another program may have changed it."""
        entry, old = entries.find(self._token, self._storage.record_mac, info)
        if entry is None:
            raise records.altered(records.key_label(info), self._token.place)
        self._put(entry)
        if entry.record.state == "destroyed":
            raise DestroyedKeyError(entry.info, self._token.place)
        return entry, old

    def _require_changeable(self) -> None:
        if self._token.state.read_only:
            raise read_only(self._token.place)
        self._token.require_present()

    def _put(self, entry: Entry) -> None:
        known: Contents = self._contents
        self._contents = replace(known, entries={**known.entries, place_of(entry.info): entry})

    def _write(self, record: KeyRecord) -> DataObject:
        value = records.sealed(record.label, record, self._storage.record_mac)
        return objects.write_data(self._token, record.label, value)

    def _retell(self, entry: Entry, old: list[DataObject], info: KeyInfo) -> KeyInfo:
        key_id = bytes.fromhex(entry.record.key_id)
        record = KeyRecord.of(info, key_id, entry.record.revision + 1)
        self._put(Entry(record, self._write(record), entry.handle))
        # The new entry counts from here on; an old one that stays is removed at the next change.
        for each in (entry.data, *old):
            self._discard(each.handle)
        return info

    def _told(self, wanted: NewKey, check_value: bytes) -> KeyInfo:
        spec = wanted.spec
        return KeyInfo(
            spec.name,
            spec.version,
            spec.level,
            spec.use,
            spec.algorithm,
            spec.valid_from,
            spec.valid_until,
            check_value=check_value.hex().upper(),
            environment=self.environment,
            created=wanted.created,
            origin=wanted.origin,
        )

    def _check_value(self, spec: KeySpec, key_id: bytes, handle: int) -> bytes:
        """The check value of a stored key, 3 bytes.

        Computed with it; told by the token where it may not encrypt, or nothing.
        """
        if Attribute.ENCRYPT in objects.usages(spec.use):
            return self._computed(self._ciphers.of(spec.algorithm), handle)
        return objects.own_check_value(self._token, key_id)

    def _computed(self, cipher: Cipher, handle: int) -> bytes:
        zeros = bytes(cipher.block)
        block = self._token.functions.encrypt(self._token.handle, cipher.ecb, handle, zeros)
        return block[:_CHECK_LENGTH]

    def _of_twin(self, wanted: NewKey, cipher: Cipher) -> bytes:
        """The check value of the same bits in a passing key that can do nothing but encrypt."""
        if not wanted.repeatable:
            raise HsmError(
                Text(
                    "令牌不给出自己生成的密钥的校验值（CKA_CHECK_VALUE）",
                    "the token tells no check value of a key that it made (CKA_CHECK_VALUE)",
                ),
                where=self._token.place,
                hint=Text("请以分量建立此传输密钥", "make this transport key of components"),
            )
        twin = wanted.make(cipher, objects.secret_key(cipher, frozenset({Attribute.ENCRYPT})))
        try:
            return self._computed(cipher, twin)
        finally:
            self._discard(twin)

    def _require_same(self, entry: Entry) -> None:
        """Refuse a key whose bits are not those that its entry was written for."""
        info = entry.info
        if entry.handle is None or not self._ciphers.has(info.algorithm):
            return
        found = self._check_value(info, bytes.fromhex(entry.record.key_id), entry.handle)
        if found and found.hex().upper() != info.check_value:
            raise records.altered(entry.record.label, self._token.place)
