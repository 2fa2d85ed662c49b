"""Private keys of cards made ahead, sealed, each given out once.

Making an RSA key takes longer than all the rest of a card's data. Every key is one file; it is
taken by renaming it, which one process alone can do, and erased as soon as it is read. A run that
is cut off in between wastes a key and gives none to two cards.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.base.files import replace_file
from sscard_ic.base.sealing import Sealer
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.rsa import RsaPrivate, private_from_der, private_to_der
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.crypto.sm2.model import PRIVATE_LENGTH

OnMade = Callable[[int], None]
"""Called with the number of keys made since it was called last."""

_SM2_KIND = "sm2"
_READY, _TAKEN = ".key", ".taken"


class PoolEmptyError(SscardError):
    """No key of the kind that was asked for is left."""

    def __init__(self, kind: str, folder: Path) -> None:
        super().__init__(
            Text(f"密钥池中没有 {kind} 密钥", f"the key pool has no key of the kind {kind} left"),
            where=str(folder),
            hint=Text("请先生成密钥", "make keys first"),
        )


class KeyPool:
    """Keys of cards in a folder, sealed by the key service."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self._folder = folder
        self._sealer = sealer
        self._listed: dict[str, Iterator[str]] = {}

    def fill_rsa(
        self, count: int, bits: int, exponent: int = 3, on_made: OnMade = lambda made: None
    ) -> None:
        """Make ``count`` RSA keys more; each is on disk before the next is begun."""
        make = partial(_new_rsa, bits, exponent)
        self._fill(_rsa_kind(bits, exponent), count, make, on_made)

    def fill_sm2(self, count: int, on_made: OnMade = lambda made: None) -> None:
        """Make ``count`` SM2 pairs more."""
        self._fill(_SM2_KIND, count, _new_sm2, on_made)

    def left(self, bits: int, exponent: int = 3) -> int:
        """How many RSA keys of a kind there are."""
        return sum(1 for _ in self._names(_rsa_kind(bits, exponent)))

    def left_sm2(self) -> int:
        """How many SM2 pairs there are."""
        return sum(1 for _ in self._names(_SM2_KIND))

    def take_rsa(self, bits: int, exponent: int = 3) -> RsaPrivate:
        """A key that nobody else gets; raises :class:`PoolEmptyError` when there is none.

        Raises :class:`SscardError`, too, for a file that was altered, copied or renamed: it has
        then left the pool.
        """
        return private_from_der(self._take(_rsa_kind(bits, exponent)))

    def take_sm2(self) -> KeyPair:
        """A pair that nobody else gets; errors as :meth:`take_rsa`."""
        value = self._take(_SM2_KIND).reveal()
        return KeyPair(Secret(value[:PRIVATE_LENGTH]), value[PRIVATE_LENGTH:])

    def _fill(self, kind: str, count: int, make: Callable[[], Secret], on_made: OnMade) -> None:
        folder = self._folder / kind
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(count):
            name = secrets.token_hex(16)
            sealed = self._sealer.seal(make().reveal(), _context(kind, name))
            replace_file(folder / f"{name}{_READY}", sealed)
            on_made(1)

    def _take(self, kind: str) -> Secret:
        while (name := self._next(kind)) is not None:
            ready = self._folder / kind / f"{name}{_READY}"
            taken = ready.with_suffix(_TAKEN)
            try:
                os.rename(ready, taken)
            except FileNotFoundError:
                continue  # another process was faster
            sealed = taken.read_bytes()
            taken.unlink()
            return Secret(self._sealer.unseal(sealed, _context(kind, name)))
        raise PoolEmptyError(kind, self._folder)

    def _next(self, kind: str) -> str | None:
        """A name that was ready when the folder was listed; it is listed again at the end."""
        name = next(self._listed.get(kind, iter(())), None)
        if name is None:
            listed = self._listed[kind] = iter(list(self._names(kind)))
            name = next(listed, None)
        return name

    def _names(self, kind: str) -> Iterator[str]:
        with suppress(FileNotFoundError), os.scandir(self._folder / kind) as entries:
            for entry in entries:
                if entry.name.endswith(_READY) and not entry.name.startswith("."):
                    yield entry.name.removesuffix(_READY)


def _new_rsa(bits: int, exponent: int) -> Secret:
    return private_to_der(RsaPrivate.generate(bits, exponent))


def _new_sm2() -> Secret:
    pair = provider().generate()
    return Secret(pair.private.reveal() + pair.public)


def _rsa_kind(bits: int, exponent: int) -> str:
    return f"rsa-{bits}-{exponent}"


def _context(kind: str, name: str) -> str:
    return f"bank key pool/{kind}/{name}"
