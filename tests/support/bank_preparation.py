"""Data preparation in tests: the inputs of ref 04 appendix D, and key pairs at hand."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from sscard_ic.base import Secret
from sscard_ic.card.bank_plan import BankPlan
from sscard_ic.crypto.pboc.offline_data import PublicKeyCertificate
from sscard_ic.crypto.rsa import RsaPrivate
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.issuance.bank import (
    BankHolder,
    CardCertifier,
    IssuerCertificate,
    PublishedIssuer,
    RsaCertifier,
    prepare_bank,
)
from sscard_ic.profile import load_financial
from sscard_ic.profile.financial import FinancialApplication

SET: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "debit_card.toml").read_text("utf-8")
)
"""Ref 04 appendix D."""

HOLDER = BankHolder(
    pan=SET["pan"],
    name="样例",
    id_number="650001199707010010",
    effective=date(2026, 1, 1),
    expiry=date(2049, 12, 31),
    latin_name="SAMPLE/CARD",
    pin=Secret(b"000000"),
)


def appendix_d(**changes: Any) -> FinancialApplication:
    """The shipped application with the settings of appendix D.

    Latin name, RSA of 1024 bits, contact issuer data without room for amounts.

    ``changes``: settings of holding (``name_form``…), signing (``algorithms``…) and chip.
    """
    model = load_financial()
    plan = model.plan
    holding = {"name_form": "latin"} | _of(plan.holding, changes)
    signing = {"rsa_bits": 1024} | _of(plan.signing, changes)
    contact = plan.paths["contact"].model_copy(update={"discretionary": b""})
    plan = plan.model_copy(
        update={
            "paths": {**plan.paths, "contact": contact},
            "holding": plan.holding.model_copy(update=holding),
            "signing": plan.signing.model_copy(update=signing),
        }
    )
    chip = model.chip.model_copy(update=_of(model.chip, changes))
    return model.model_copy(update={"plan": plan, "chip": chip})


def _of(part: object, changes: dict[str, Any]) -> dict[str, Any]:
    fields = type(part).model_fields  # type: ignore[attr-defined]
    return {name: value for name, value in changes.items() if name in fields}


@dataclass(frozen=True)
class Keys:
    """The card key of appendix D, or one made once for all tests; always the same ones."""

    def take_rsa(self, bits: int, exponent: int) -> RsaPrivate:
        if (bits, exponent) == (1024, 3):
            parts = "p", "q", "exponent_p", "exponent_q", "coefficient"
            return RsaPrivate.of_components(*(bytes.fromhex(SET["rsa"][each]) for each in parts))
        return _made(bits, exponent)

    def take_sm2(self) -> KeyPair:
        private = Secret(bytes.fromhex(SET["sm2"]["card_private"]))
        return KeyPair(private, provider().public_of(private))


@lru_cache(maxsize=4)
def _made(bits: int, exponent: int) -> RsaPrivate:
    return RsaPrivate.generate(bits, exponent)


@dataclass(frozen=True)
class AppendixDIssuer:
    """Shows the issuer certificate of appendix D and signs with another key as long as its."""

    def certifier(self, algorithm: Algorithm, pan: str) -> CardCertifier:
        ours = PublishedIssuer().certifier(algorithm, pan)
        assert isinstance(ours, RsaCertifier)
        groups = {number: bytes.fromhex(value) for number, value in SET["groups"].items()}
        held = PublicKeyCertificate(groups["0201"][6:], bytes.fromhex("4981416F"), b"\x03")
        return RsaCertifier(ours.private, IssuerCertificate(0xF8, held, date(2049, 12, 31)))


def prepared(holder: BankHolder = HOLDER, **changes: Any) -> BankPlan:
    """A plan by the published test issuer; ``changes`` as in :func:`appendix_d`."""
    return prepare_bank(appendix_d(**changes), holder, PublishedIssuer(), Keys())
