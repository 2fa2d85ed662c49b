"""Key addresses of an HSM service and the keys that stand at them (ref 01 §10.5, 02 §2.3, 03 §1.6).

Addresses are a contract between driver and service: a profile says them (``hsm_address`` of a key),
settings may say others. Four hexadecimal digits name the first group of a key, the next numbers
its other groups; a name, or six digits, stand for one group alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sscard_ic.base.errors import InputError, Text
from sscard_ic.keys.errors import UnknownKeyError
from sscard_ic.profile.structure import Key

KeyPlace = tuple[str, int]
"""Name and version."""

_NUMBER = re.compile(r"[0-9A-F]{4}")
_WITH_ID = re.compile(r"([0-9A-F]{4})([0-9A-F]{2})")
_LARGEST = 0xFFFF


class NoAddressError(UnknownKeyError):
    """Nobody has told at which address an HSM service keeps a key."""

    def __init__(self, name: str, version: int, where: str, algorithm: str = "3des") -> None:
        super().__init__(name, version, where, algorithm=algorithm)
        self.what = Text(
            f"不知道密钥 {name} 版本 {version} 在加密机服务中的地址",
            f"no address of the key {name} version {version} in the HSM service is known",
        )
        self.hint = Text(
            "由服务方告知，写入 sscard.toml 的 [keys.remote.addresses]；或改用其他密钥服务",
            "ask its operator and put it under [keys.remote.addresses] of sscard.toml, or use "
            "another key service",
        )


class Addresses:
    """Which key stands at which address; ``overrides`` name them as ``UKSSSE`` or ``UKSSSE/2``."""

    def __init__(self, keys: Mapping[str, Key], overrides: Mapping[str, str] | None = None) -> None:
        self._keys = keys
        self._of: dict[KeyPlace, str] = {}
        for name, key in keys.items():
            for version, number in enumerate(key.hsm_addresses, 1):
                self._of[name, version] = f"{number:04X}"
        for words, address in (overrides or {}).items():
            self._override(words, address)
        self._at = {address: place for place, address in self._of.items()}

    def _override(self, words: str, address: str) -> None:
        name, slash, group = words.partition("/")
        if slash:
            self._of[name, int(group)] = address
            return
        groups = self._keys[name].groups if name in self._keys else 1
        for version in range(1, groups + 1):
            self._of.pop((name, version), None)
        self._of[name, 1] = address
        if _NUMBER.fullmatch(address):
            first = int(address, 16)
            for version in range(2, groups + 1):
                if first + version - 1 <= _LARGEST:
                    self._of[name, version] = f"{first + version - 1:04X}"

    def of(self, name: str, version: int) -> str | None:
        """The address of a key; None where nobody has told it."""
        return self._of.get((name, version))

    def require_unique(self, where: str) -> None:
        """Raise :class:`InputError` when two keys have one address."""
        for place, address in self._of.items():
            other = self._at[address]
            if other != place:
                raise InputError(
                    Text(
                        f"密钥地址 {address} 同时属于 {place[0]} 与 {other[0]}",
                        f"the key address {address} is that of {place[0]} and of {other[0]}",
                    ),
                    where=where,
                    hint=Text("检查配置中的 hsm_address", "check hsm_address in the profile"),
                )

    def at(self, address: str) -> KeyPlace | None:
        """The key at an address; None where there is none.

        Drivers put two digits more behind the address: the identifier of the key in a PSAM, or in
        the card (ref 03 §1.6). Another one than the profile says is no key of ours.
        """
        found = self._at.get(address)
        parts = _WITH_ID.fullmatch(address)
        if found is not None or parts is None:
            return found
        found = self._at.get(parts[1])
        if found is None or int(parts[2], 16) not in self._identifiers(*found):
            return None
        return found

    def _identifiers(self, name: str, version: int) -> set[int]:
        key = self._keys.get(name)
        if key is None:
            return set()
        ahead = version - 1 if key.indexed else 0
        known = {key.id + ahead}
        if key.psam_id is not None:
            known.add(key.psam_id + ahead)
        return known
