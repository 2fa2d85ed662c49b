"""Tokens of SoftHSM with the keys of the suites."""

from __future__ import annotations

from typing import Any

from tests.keys.suites.holdings import CREATED, GIVEN, given_use, roots
from tests.support.softhsm import (
    USER_PIN,
    new_token,
    open_softhsm,
    softhsm_settings,
)

from sscard_ic.base import Secret, SystemClock
from sscard_ic.keys import KeyInfo
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.inventory import RootAlgorithm
from sscard_ic.keys.pkcs11.derivation import Derivation
from sscard_ic.keys.pkcs11.inside import Pkcs11TokenService
from sscard_ic.keys.pkcs11.login import open_token
from sscard_ic.keys.pkcs11.opening import create_service
from sscard_ic.keys.pkcs11.service import Pkcs11Service
from sscard_ic.keys.pkcs11.settings import DerivedKeys

_HALF = ".left"


def held_token(derived_keys: DerivedKeys) -> Pkcs11Service:
    """One with the roots that SoftHSM can have: it has no SM4."""
    return open_softhsm(roots(), derived_keys=derived_keys)


def given_token() -> Pkcs11Service:
    """One whose roots are the 3DES keys of :data:`GIVEN`, and are used as if cards had them."""
    found = []
    for (algorithm, bits), name in GIVEN.items():
        value, use = bytes.fromhex(bits), given_use(name)
        if algorithm != "3des":
            continue
        kind: RootAlgorithm = "des" if len(value) == 8 else "3des"
        found.append(RootKey(name, 1, "maker", use, CREATED, Secret(value), kind))
        if kind == "3des":
            left = Secret(value[:8])
            found.append(RootKey(name + _HALF, 1, "maker", use, CREATED, left, "des"))
    settings = softhsm_settings(new_token(), "token")
    create_service(settings, USER_PIN, roots=found).close()
    return _Given(open_token(settings, USER_PIN), settings, SystemClock())


class _Given(Pkcs11TokenService):
    """Uses the roots of its token as keys of cards."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._derivation = _NoSteps(self._token, self._ciphers, self._keyring)


class _NoSteps(Derivation):
    """Begins and ends with the root; its left half is another root, which was put beside it."""

    def of_card(self, info: KeyInfo, division_code: str, factor: bytes) -> int:
        """The root itself."""
        return self._keyring.handle(info)

    def left_half(self, info: KeyInfo, division_code: str, factor: bytes) -> int:
        """The root of its left half."""
        return self._keyring.handle(self._keyring.info(info.name + _HALF, 1, "3des"))


def empty_token(derived_keys: DerivedKeys) -> Pkcs11Service:
    """One without keys."""
    return open_softhsm([], derived_keys=derived_keys)
