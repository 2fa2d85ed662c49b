"""What a key is to be: settled before people are called together for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from sscard_ic import profile
from sscard_ic.base.errors import InputError, Text
from sscard_ic.keys.errors import DestroyedKeyError, KeyExistsError, UnknownKeyError
from sscard_ic.keys.inventory import TRANSPORT, KeyInfo, KeySpec, Level, RootAlgorithm, Use
from sscard_ic.keys.new_keys import LAST_VERSION, require_sound
from sscard_ic.keys.published_roots import merge_keys
from sscard_ic.keys.store import KeyStore
from sscard_ic.profile.structure import Key


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody says about a new key; None: as the shipped profiles declare it."""

    name: str
    version: int
    algorithm: RootAlgorithm | None = None
    level: Level | None = None
    use: Use | None = None
    valid_from: date | None = None
    valid_until: date | None = None


@cache
def declared_keys() -> Mapping[str, Key]:
    """Every key of the cards and PSAMs that the shipped profiles describe, by name."""
    known = profile.available()
    cards = (profile.load(each.name) for each in known if each.kind in ("national", "region"))
    psams = (profile.load_psam(each.name) for each in known if each.kind == "psam")
    return merge_keys([*(card.keys for card in cards), *(psam.control_roots for psam in psams)])


@cache
def _bank_keys() -> Mapping[str, Use]:
    """Every key of banks that the shipped profiles name, and what it is for."""
    known = (each.name for each in profile.available() if each.kind == "financial")
    found: dict[str, Use] = {}
    for each in known:
        found.update(profile.load_financial(each).keys.uses)
    return found


def spec_of(wanted: Wanted) -> KeySpec:
    """The key that is wanted, whole and sound; raises :class:`InputError`."""
    level, use, algorithm = wanted.level, wanted.use, wanted.algorithm
    if use == "wrap":
        level, algorithm = level or "site", algorithm or "aes"
    elif wanted.name == TRANSPORT:
        level, use = level or "maker", use or "transport"
    elif wanted.name in (bank := _bank_keys()):
        level, use = level or "bank", use or bank[wanted.name]
    elif level is None or use is None or algorithm is None:
        declared = declared_keys().get(wanted.name)
        if declared is not None:
            level, use = level or declared.level, use or declared.use
            algorithm = algorithm or ("des" if declared.length == 8 else "3des")
    if level is None or use is None:
        raise InputError(
            Text(
                f"各卡片配置中没有密钥 {wanted.name}，无法得知其级别和用途",
                f"no card profile has a key {wanted.name}, which would tell its level and use",
            ),
            hint=Text("请用 --level 和 --use 说明", "say them by --level and --use"),
        )
    spec = KeySpec(
        wanted.name,
        wanted.version,
        level,
        use,
        algorithm or "3des",
        wanted.valid_from,
        wanted.valid_until,
    )
    require_sound(spec)
    return spec


def require_unused(store: KeyStore, spec: KeySpec, place: str) -> None:
    """Refuse a name, version and algorithm that is, or ever was, in ``store``."""
    listed = store.keys()
    for info in listed:
        if (info.name, info.version, info.family) == (spec.name, spec.version, spec.family):
            raise KeyExistsError(spec, place)


def find(
    store: KeyStore, name: str, version: int, algorithm: RootAlgorithm | None, place: str
) -> KeyInfo:
    """The key of this name and version that is not destroyed.

    Raises :class:`UnknownKeyError`, and :class:`InputError` when the algorithm must be said.
    """
    listed = store.keys()
    named = [info for info in listed if (info.name, info.version) == (name, version)]
    if algorithm is not None:
        family = "3des" if algorithm == "des" else algorithm
        named = [info for info in named if info.family == family]
    there = [info for info in named if info.state == "active"]
    if len(there) > 1:
        families = ", ".join(info.family for info in there)
        raise InputError(
            Text(
                f"密钥 {name} 版本 {version} 有多种算法：{families}",
                f"there are several keys {name} version {version}: {families}",
            ),
            where=place,
            hint=Text("请用 --algorithm 指明", "say which by --algorithm"),
        )
    if there:
        return there[0]
    if named:
        raise DestroyedKeyError(named[0], place)
    raise _unknown(name, version, algorithm, place)


def _unknown(
    name: str, version: int, algorithm: RootAlgorithm | None, place: str
) -> UnknownKeyError:
    if algorithm is not None:
        return UnknownKeyError(name, version, place, algorithm=algorithm)
    error = UnknownKeyError(name, version, place)
    error.what = Text(
        f"没有密钥 {name} 版本 {version}", f"there is no key {name} version {version}"
    )
    return error


def newest(
    store: KeyStore, name: str, version: int | None, algorithm: RootAlgorithm | None, place: str
) -> KeyInfo:
    """The key of this name; without ``version`` the newest that is not destroyed."""
    if version is None:
        listed = store.keys()
        there = [info.version for info in listed if info.name == name and info.state == "active"]
        version = max(there, default=1)
    return find(store, name, version, algorithm, place)


def next_version(store: KeyStore, old: KeyInfo, place: str) -> int:
    """The first version above all that ever were of this name and algorithm."""
    listed = store.keys()
    family = old.name, old.family
    last = max(info.version for info in listed if (info.name, info.family) == family)
    if last == LAST_VERSION:
        raise InputError(
            Text(f"密钥 {old.name} 的版本号已用尽", f"the versions of {old.name} are used up"),
            where=place,
        )
    return last + 1
