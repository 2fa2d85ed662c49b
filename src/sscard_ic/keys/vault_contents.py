"""What an opened vault holds, as values: every change makes new contents from the old."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sscard_ic.base.secret import Secret
from sscard_ic.keys.errors import DestroyedKeyError, KeyExistsError, UnknownKeyError
from sscard_ic.keys.hierarchy import Hierarchy, RootKey
from sscard_ic.keys.inventory import Environment, KeyInfo, KeySpec
from sscard_ic.keys.new_keys import require_software, require_sound

STORAGE_KEY_LENGTH = 32

Place = tuple[str, int, str]
"""Name, version and family: by which a key is found, and which is never used again."""


def place_of(name: str, version: int, algorithm: str) -> Place:
    """Where a key is found; ``algorithm`` may be its family or its own, as ``des``."""
    return name, version, "3des" if algorithm == "des" else algorithm


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A root key with its bits, or what is left of a destroyed one."""

    info: KeyInfo
    value: Secret | None
    """None once it is destroyed."""

    def root(self) -> RootKey | None:
        """As the hierarchy takes it."""
        info = self.info
        if self.value is None or info.created is None:
            return None
        return RootKey.of(info, self.value, info.created, info.origin)


@dataclass(frozen=True, slots=True)
class Contents:
    """Storage key and root keys of one environment."""

    environment: Environment
    created: datetime
    """When the vault was made, UTC."""
    storage_key: Secret
    held: Mapping[Place, HeldKey]

    @classmethod
    def of(
        cls,
        environment: Environment,
        created: datetime,
        storage_key: Secret,
        roots: Iterable[RootKey],
    ) -> Contents:
        """Contents of their own: no secret is shared with whoever gave it.

        Raises ``ValueError`` for a key given twice, :class:`InputError` for one that no vault
        holds.
        """
        keys = [HeldKey(root.info(environment), Secret(root.value.reveal())) for root in roots]
        return cls.joined(environment, created, Secret(storage_key.reveal()), keys)

    @classmethod
    def joined(
        cls,
        environment: Environment,
        created: datetime,
        storage_key: Secret,
        keys: Iterable[HeldKey],
    ) -> Contents:
        """The same with keys that these contents own from here on."""
        held: dict[Place, HeldKey] = {}
        for key in keys:
            require_sound(key.info)
            require_software(key.info)
            if key.info.environment != environment:
                raise ValueError("a key of another environment")
            place = place_of(key.info.name, key.info.version, key.info.algorithm)
            if place in held:
                raise ValueError("a key is there twice")
            held[place] = key
        if len(storage_key) != STORAGE_KEY_LENGTH:
            raise ValueError("the storage key has a wrong length")
        return cls(environment, created, storage_key, held)

    def infos(self) -> list[KeyInfo]:
        """Every key, destroyed ones too, ordered by name, version and family."""
        return [self.held[place].info for place in sorted(self.held)]

    def hierarchy(self, where: str) -> Hierarchy:
        """Derivation from the keys that have bits."""
        roots = (key.root() for key in self.held.values())
        return Hierarchy((root for root in roots if root is not None), where)

    def active(self, place: Place, where: str) -> HeldKey:
        """A key that is not destroyed; raises :class:`UnknownKeyError`."""
        key = self.held.get(place)
        if key is None:
            raise UnknownKeyError(place[0], place[1], where, algorithm=place[2])
        if key.info.state == "destroyed":
            raise DestroyedKeyError(key.info, where)
        return key

    def require_free(self, spec: KeySpec, where: str) -> None:
        """Refuse a name, version and family that is there, or was."""
        if (spec.name, spec.version, spec.family) in self.held:
            raise KeyExistsError(spec, where)

    def with_key(self, key: HeldKey) -> Contents:
        """One key more."""
        place = key.info.name, key.info.version, key.info.family
        return replace(self, held={**self.held, place: key})

    def with_days(
        self, place: Place, valid_from: date | None, until: date | None, where: str
    ) -> Contents:
        """Another first and last day of a key."""
        key = self.active(place, where)
        info = replace(key.info, valid_from=valid_from, valid_until=until)
        require_sound(info, where)
        return replace(self, held={**self.held, place: HeldKey(info, key.value)})

    def without_bits(self, place: Place, moment: datetime, where: str) -> Contents:
        """What remains when a key is destroyed: its description and check value."""
        key = self.active(place, where)
        info = replace(key.info, state="destroyed", destroyed=moment)
        return replace(self, held={**self.held, place: HeldKey(info, None)})

    def sharing(self, older: Contents) -> Contents:
        """The same, with the secrets of ``older`` where they are equal.

        Threads that work with the older contents are not disturbed when the rest is cleared.
        """
        held = {place: _sharing(key, older.held.get(place)) for place, key in self.held.items()}
        self.storage_key.clear()
        return replace(self, storage_key=older.storage_key, held=held)

    def clear(self, kept: Contents | None = None) -> None:
        """Overwrite every secret, but those that ``kept`` shares."""
        wanted = set() if kept is None else {id(secret) for secret in kept.secrets()}
        for secret in self.secrets():
            if id(secret) not in wanted:
                secret.clear()

    def secrets(self) -> list[Secret]:
        """Storage key and bits of all keys."""
        values = (key.value for key in self.held.values())
        return [self.storage_key, *(value for value in values if value is not None)]


def _sharing(key: HeldKey, older: HeldKey | None) -> HeldKey:
    if older is None or older.value is None or key.value != older.value:
        return key
    if key.value is not None:
        key.value.clear()
    return HeldKey(key.info, older.value)
