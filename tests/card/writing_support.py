"""Key services that lack or mistake a key, cards that lack a record, and a wire that remembers."""

from __future__ import annotations

from dataclasses import replace

from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.keys import SoftwareVault, UnknownKeyError
from sscard_ic.profile import CardProfile
from sscard_ic.reader import Connection
from sscard_ic.reader.wrappers import Wrapper


class Wire(Wrapper):
    """Remembers what was sent."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.sent: list[bytes] = []

    def transmit(self, command: Secretive) -> bytes:
        self.sent.append(command.reveal() if isinstance(command, Secret) else bytes(command))
        return self.inner.transmit(command)

    def count(self, *instructions: int) -> int:
        return sum(command[1] in instructions for command in self.sent)


class Lacking:
    """A key service that lacks some keys."""

    def __init__(self, vault: SoftwareVault, *names: str) -> None:
        self._vault, self._names = vault, names

    def cryptogram(self, *arguments: object) -> bytes:
        return self._vault.cryptogram(*arguments)  # type: ignore[arg-type]

    def require_key(self, name: str, version: int, algorithm: str) -> None:
        if name in self._names:
            raise UnknownKeyError(name, version)


class WrongKey(Lacking):
    """A key service with another key of one name."""

    def cryptogram(self, *arguments: object) -> bytes:
        right = super().cryptogram(*arguments)
        wrong = getattr(arguments[0], "name", "") in self._names
        return bytes(byte ^ 0xFF for byte in right) if wrong else right

    def require_key(self, name: str, version: int, algorithm: str) -> None:
        """It knows them all."""


def without(profile: CardProfile, file: str, tag: int) -> CardProfile:
    """A region whose cards lack one record: those after it move up (ref 01 §4.5, tag 60)."""
    directory, name = file.split(".")
    entry = profile.structure.directories[directory]
    old = entry.files[name]
    items = tuple(item for item in old.items if item.tag != tag)
    files = {**entry.files, name: old.model_copy(update={"items": items})}
    directories = {
        **profile.structure.directories,
        directory: entry.model_copy(update={"files": files}),
    }
    structure = profile.structure.model_copy(update={"directories": directories})
    return replace(profile, structure=structure)
