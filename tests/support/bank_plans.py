"""The plan of the card of ref 04 appendix D: payment application, PSE and PPSE."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.simulator.cards import with_dialect

from sscard_ic.base.secret import Secret
from sscard_ic.card.bank_plan import BankPlan, InstancePlan, PlannedGroup
from sscard_ic.crypto.pboc.symmetric import pin_block
from sscard_ic.profile import CardProfile
from sscard_ic.profile.financial import FinancialApplication

_FOLDER = Path(__file__).parents[2]
SET: dict[str, Any] = tomllib.loads(
    (_FOLDER / "tests" / "vectors" / "debit_card.toml").read_text("utf-8")
)
PAN = "8888800000123456"
AID = bytes.fromhex("A000000333010101")
PSE, PPSE = b"1PAY.SYS.DDF01", b"2PAY.SYS.DDF01"
_ENTRY = "61194F08A000000333010101500A50424F43204445424954870101"
_RSA = (
    (0x8205, "p"),
    (0x8204, "q"),
    (0x8203, "exponent_p"),
    (0x8202, "exponent_q"),
    (0x8201, "coefficient"),
)


def bank_model(**chip: Any) -> FinancialApplication:
    """The application of the package, its chip with other settings."""
    model = FinancialApplication(zh="借记", en="debit", aid=AID, label="PBOC DEBIT")
    return model.model_copy(update={"chip": type(model.chip).model_validate(chip)})


def bank_profile(model: FinancialApplication, protocol: str = "T=1") -> CardProfile:
    """A profile of cards that bear the application ``model``."""
    return replace(with_dialect(features={"protocol": protocol}), financial=model)


def bank_plan(**groups: str) -> BankPlan:
    """The plan; ``groups`` replace values of the payment application (``x0101="70…"``)."""
    values = {**SET["groups"], **{name.removeprefix("x"): each for name, each in groups.items()}}
    plain = [
        PlannedGroup(int(number, 16), bytes.fromhex(value)) for number, value in values.items()
    ]
    keys = [PlannedGroup(0x8000, keys="3des"), PlannedGroup(0x9000, check="3des")]
    secret = [
        PlannedGroup(number, secret=Secret(bytes.fromhex(SET["rsa"][part])))
        for number, part in _RSA
    ]
    pin = [
        PlannedGroup(0x8010, secret=Secret(pin_block(SET["pin"]))),
        PlannedGroup(0x9010, bytes.fromhex("0303")),
    ]
    payment = InstancePlan("payment", AID, (*plain, *keys, *secret, *pin))
    pse = _directory(
        "pse",
        PSE,
        (0x0101, f"701B{_ENTRY}"),
        (0x9102, "A515880101" + "5F2D027A68" + "BF0C0A9F4D020B0ADF4D020C0A"),
    )
    ppse = _directory("ppse", PPSE, (0x9102, f"A51EBF0C1B{_ENTRY}"))
    return BankPlan(PAN, 1, (payment, pse, ppse))


def _directory(name: Any, aid: bytes, *groups: tuple[int, str]) -> InstancePlan:
    planned = tuple(PlannedGroup(number, bytes.fromhex(value)) for number, value in groups)
    return InstancePlan(name, aid, planned)
