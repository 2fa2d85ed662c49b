"""What the bank's part of a chip holds, told without keys, PIN and a person's data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sscard_ic.crypto.suites import Algorithm
from sscard_ic.simulator.pboc.registry import Installed, Module, Registry
from sscard_ic.simulator.pboc.stored import KEY_USES

BankState = Literal["installed", "issued", "blocked"]
"""In personalization; personalized; blocked by the bank or by its transaction counter."""
_ALGORITHMS: tuple[Algorithm, ...] = ("3des", "sm4")


@dataclass(frozen=True, slots=True)
class BankApplication:
    """One application of the bank."""

    aid: str
    module: Module
    state: BankState
    records: int
    keys: tuple[Algorithm, ...]
    """Algorithms that it has all card keys of."""
    private_keys: tuple[Literal["rsa", "sm2"], ...]
    pin_tries: int | None
    """Tries left; None without a PIN."""
    pin_limit: int | None
    transactions: int | None
    """Transaction counter (ATC); None for a directory."""


@dataclass(frozen=True, slots=True)
class BankDescription:
    """The bank's part as a whole."""

    issuer_domain: str
    key_data: str
    """KEYDATA: identifier of the master key, chip serial."""
    sequence: int
    """Sequence counter of the next secure channel."""
    card_blocked: bool
    """Whether CARD BLOCK has come."""
    applications: tuple[BankApplication, ...]


def describe_bank(registry: Registry) -> BankDescription:
    """The bank's part of an image."""
    return BankDescription(
        issuer_domain=registry.model.chip.issuer_domain.hex().upper(),
        key_data=registry.key_data.hex().upper(),
        sequence=registry.sequence,
        card_blocked=registry.card_blocked,
        applications=tuple(_application(each) for each in registry.installed()),
    )


def _application(installed: Installed) -> BankApplication:
    store, debit = installed.store, installed.debit
    state: BankState = "issued" if store.issued else "installed"
    records = sum(1 for _ in store.names_of_records())
    aid = installed.aid.hex().upper()
    if debit is None:
        return BankApplication(aid, installed.module, state, records, (), (), None, None, None)
    private: list[Literal["rsa", "sm2"]] = []
    if debit.rsa_part("p") is not None:
        private.append("rsa")
    if debit.sm2_private is not None:
        private.append("sm2")
    has_pin = debit.pin is not None
    return BankApplication(
        aid,
        installed.module,
        "blocked" if debit.blocked else state,
        records,
        tuple(
            algorithm
            for algorithm in _ALGORITHMS
            if all(debit.key(algorithm, use) is not None for use in KEY_USES)
        ),
        tuple(private),
        debit.pin_tries if has_pin else None,
        debit.pin_limit if has_pin else None,
        debit.counter("atc"),
    )
