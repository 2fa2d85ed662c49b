"""Which implementation offers which capability for cards of which algorithm: said once, here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.keys.suites.holdings import DERIVED
from tests.keys.suites.implementations import IMPLEMENTATIONS

from sscard_ic.crypto.medical import TacForm
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import capabilities, medical
from sscard_ic.keys.psam_loading import PsamLoader
from sscard_ic.keys.service import KeyService
from sscard_ic.keys.store import KeyStore

BOTH: tuple[Algorithm, ...] = ("3des", "sm4")
TRIPLE_DES: tuple[Algorithm, ...] = ("3des",)
"""All that SoftHSM can; blanks and the medical account are 3DES everywhere (ref 11 §5.1, 12 §6)."""

CAPABILITIES: Mapping[str, type] = {
    name: value
    for module in (capabilities, medical)
    for name, value in sorted(vars(module).items())
    if isinstance(value, type) and getattr(value, "_is_runtime_protocol", False)
} | {each.__name__: each for each in (KeyService, KeyStore, PsamLoader)}

_VAULT: Mapping[str, tuple[Algorithm, ...]] = {
    "AnswerChecker": BOTH,
    "Authenticator": BOTH,
    "BlankOpener": TRIPLE_DES,
    "BulkDeriver": BOTH,
    "Crediter": TRIPLE_DES,
    "Inventory": BOTH,
    "KeyHolder": BOTH,
    "KeyLoader": BOTH,
    "KeyService": BOTH,
    "KeyStore": BOTH,
    "Macer": BOTH,
    "MessageProtector": BOTH,
    "PsamLoader": BOTH,
    "PurchaseHost": TRIPLE_DES,
    "TacChecker": TRIPLE_DES,
}
_HSM = {name: TRIPLE_DES for name in _VAULT if name != "PsamLoader"}
_REMOTE: Mapping[str, tuple[Algorithm, ...]] = {
    "Authenticator": BOTH,
    "KeyHolder": BOTH,
    "KeyService": BOTH,
    "MessageProtector": BOTH,
    "PurchaseHost": TRIPLE_DES,
    "TacChecker": TRIPLE_DES,
}
OFFERS: Mapping[str, Mapping[str, tuple[Algorithm, ...]]] = {
    "vault": _VAULT,
    "psam": {
        "AnswerChecker": BOTH,
        "Authenticator": BOTH,
        "Debiter": TRIPLE_DES,
        "KeyHolder": BOTH,
        "MessageProtector": BOTH,
    },
    "pkcs11-host": {**_HSM, "CardExpecter": TRIPLE_DES},
    "pkcs11-token": {
        **{name: each for name, each in _HSM.items() if name not in ("BulkDeriver", "KeyLoader")},
    },
    "remote": _REMOTE,
    "remote-pkcs11": dict.fromkeys(_REMOTE, TRIPLE_DES),
}
TAC_FORMS: Mapping[str, tuple[TacForm, ...]] = {
    "vault": ("xor_halves", "double_length"),
    "pkcs11-host": ("xor_halves", "double_length"),
    "pkcs11-token": ("double_length",),
    "remote": ("xor_halves",),
    "remote-pkcs11": ("double_length",),
}
"""A token does not join the halves of a key; an HSM service has one form, and names it nowhere."""

BY_MESSAGES = ("remote", "remote-pkcs11")
"""Those that can only what the ministry's step messages have words for."""

EXAMPLES: Mapping[str, int] = {
    "psam": 30,
    "pkcs11-host": 25,
    "pkcs11-token": 15,
    "remote": 10,
    "remote-pkcs11": 6,
}
"""Random inputs on which each is compared with the vault: few for the slow ones."""


def offering(capability: str) -> list[tuple[str, Algorithm]]:
    """Implementations that offer it, once for each algorithm."""
    return [
        (implementation, algorithm)
        for implementation, offered in OFFERS.items()
        for algorithm in offered.get(capability, ())
    ]


def each_offering(capability: str) -> list[str]:
    """Implementations that offer it."""
    return list(dict.fromkeys(implementation for implementation, _ in offering(capability)))


def with_rows(
    capability: str, rows: list[dict[str, Any]], *, label: str = "source", bits: str = ""
) -> pytest.MarkDecorator:
    """One test for each implementation and each row of vectors that its algorithm is offered for.

    Parameters ``implementation`` and ``row``; a row without algorithm is of 3DES. ``bits``: the
    field of the row that gives a card key, which not every implementation can be given.
    """
    cases = [
        pytest.param(implementation, row, id=f"{implementation}-{algorithm}-{row[label]}")
        for implementation, algorithm in offering(capability)
        for row in rows
        if row.get("algorithm", "3des") == algorithm
        if not bits
        or (algorithm, row[bits]) in DERIVED
        or IMPLEMENTATIONS[implementation].given is not None
    ]
    return pytest.mark.parametrize(("implementation", "row"), cases)


def has_message(implementation: str, head: bytes, data: bytes, *, enciphered: bool) -> bool:
    """Whether an implementation can protect such a command: all but those of messages can."""
    if implementation not in BY_MESSAGES:
        return True
    if enciphered:
        return bool(data) and head[:2] == bytes.fromhex("8424")
    return not data and head[:2] in map(bytes.fromhex, ("8424", "8416", "8418", "841E"))
