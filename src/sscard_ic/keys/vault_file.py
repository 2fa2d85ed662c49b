"""A vault's file that is open: read again before each change, and never written over blindly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys import vault_disk, vault_format
from sscard_ic.keys.errors import VaultError
from sscard_ic.keys.inventory import Environment
from sscard_ic.keys.vault_contents import Contents
from sscard_ic.keys.vault_format import Head, VaultKeys

PASSPHRASE_CHARACTERS = 12
"""Fewest of a production vault: whoever copies the file may guess for years. Test keys: any."""

_OPEN_ANEW = Text("请重新打开密钥库（重新运行命令）", "open the vault anew: run the command again")


class VaultFile:
    """One vault on the disk and the keys that its passphrase gave; one thread at a time."""

    def __init__(self, path: Path, head: Head, proof: bytes, keys: VaultKeys) -> None:
        self._path = path
        self._head = head
        self._proof = proof
        self._keys = keys

    @classmethod
    def create(cls, path: Path, passphrase: Secret, contents: Contents) -> VaultFile:
        """Write the first generation; an existing file is never overwritten."""
        where = str(path)
        _require_good(passphrase, contents.environment, where)
        keys = VaultKeys.fresh(passphrase)
        number = vault_format.new_vault_number()
        first = vault_format.written(contents, number, 1, keys)
        try:
            vault_disk.write_new(path, first.raw)
        except BaseException:
            keys.clear()
            raise
        return cls(path, first.head, first.proof, keys)

    @classmethod
    def open(cls, path: Path, passphrase: Secret) -> tuple[VaultFile, Contents]:
        """Unlock the vault at ``path``; raises :class:`VaultError`."""
        where = str(path)
        raw = vault_disk.read(path)
        head = vault_format.head_of(raw, where)
        keys = VaultKeys(passphrase, head.salt)
        try:
            vault_format.require_passphrase(head, keys, where)
            contents, proof = vault_format.contents_in(raw, head, keys, where)
        except BaseException:
            keys.clear()
            raise
        return cls(path, head, proof, keys), contents

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the vault meanwhile."""
        with vault_disk.locked(self._path):
            yield

    def reread(self, known: Contents, passphrase: Secret | None = None) -> Contents:
        """What the file holds now: ``known`` itself when nobody has changed it.

        With ``passphrase`` it is opened by that one. Raises :class:`VaultError` for a file that is
        damaged, that is another vault, that has another passphrase now, or that is older than what
        was read or written here.
        """
        where = str(self._path)
        raw = vault_disk.read(self._path)
        head = vault_format.head_of(raw, where)
        if head.vault != self._head.vault:
            raise VaultError(
                Text("此处现在是另一个密钥库", "another vault lies here now"),
                where=where,
                hint=_OPEN_ANEW,
            )
        if passphrase is not None:
            keys = VaultKeys(passphrase, head.salt)
            vault_format.require_passphrase(head, keys, where)
            self._take(keys)
        elif not self._keys.fit(head):
            raise VaultError(
                Text(
                    "密钥库打开后，其口令已被更改",
                    "the passphrase was changed since the vault was opened",
                ),
                where=where,
                hint=Text(
                    "请用新口令重新打开密钥库", "open the vault anew with the new passphrase"
                ),
            )
        contents, proof = vault_format.contents_in(raw, head, self._keys, where)
        if proof == self._proof:
            contents.clear()
            return known
        if head.generation <= self._head.generation:
            contents.clear()
            raise self._put_back(head)
        self._head, self._proof = head, proof
        return contents.sharing(known)

    def write(self, contents: Contents, passphrase: Secret | None = None) -> None:
        """The next generation; :meth:`reread` came before under the same lock.

        With ``passphrase`` everything is sealed anew under that one.
        """
        keys = self._keys
        if passphrase is not None:
            _require_good(passphrase, contents.environment, str(self._path))
            keys = VaultKeys.fresh(passphrase)
        head = self._head
        following = vault_format.written(contents, head.vault, head.generation + 1, keys)
        try:
            vault_disk.replace(self._path, following.raw)
        except BaseException:
            if keys is not self._keys:
                keys.clear()
            raise
        self._take(keys)
        self._head, self._proof = following.head, following.proof

    def close(self) -> None:
        """Forget the keys."""
        self._keys.clear()

    def _take(self, keys: VaultKeys) -> None:
        if keys is not self._keys:
            self._keys.clear()
            self._keys = keys

    def _put_back(self, head: Head) -> VaultError:
        now, known = head.generation, self._head.generation
        return VaultError(
            Text(
                f"磁盘上的密钥库（第 {now} 代）不是打开过的第 {known} 代之后的版本："
                "可能恢复了旧备份",
                f"the vault on the disk (generation {now}) does not follow the one that was "
                f"opened (generation {known}): was a backup put back?",
            ),
            where=str(self._path),
            hint=_OPEN_ANEW,
        )


def _require_good(passphrase: Secret, environment: Environment, where: str) -> None:
    if not len(passphrase):
        raise VaultError(
            Text("口令不能为空", "the passphrase is empty"),
            where=where,
            hint=Text("请输入口令", "type a passphrase"),
        )
    characters = len(passphrase.reveal().decode(errors="surrogateescape"))
    if environment == "production" and characters < PASSPHRASE_CHARACTERS:
        least = PASSPHRASE_CHARACTERS
        raise VaultError(
            Text(
                f"生产密钥库的口令少于 {least} 个字符",
                f"the passphrase of a production vault has fewer than {least} characters",
            ),
            where=where,
            hint=Text("请换一个更长的口令，例如几个词", "choose a longer one, as several words"),
        )
