"""Cards built from a bank's file, whose secrets stay under the transport key (ref 04 §7.6)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import pytest
from tests.support.bank_files import WRITERS, FileCard
from tests.support.bank_plans import SET, bank_model, bank_plan, bank_profile
from tests.support.bank_vaults import KMC, MASTERS, TRANSPORT, bank_vault

from sscard_ic.base.errors import InputError
from sscard_ic.card.bank_personalization import BankPersonalizer
from sscard_ic.card.bank_plan import BankPlan, PlannedGroup, Transported
from sscard_ic.crypto import des, sm4
from sscard_ic.crypto.pboc.symmetric import BankSuite
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.issuance.bank.files import read_bank_file
from sscard_ic.issuance.bank.steps import BankSteps
from sscard_ic.keys import SoftwareVault
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank

_RSA = ("p", "q", "exponent_p", "exponent_q", "coefficient")
_PIN_FORMAT_1 = bytes.fromhex("1612345612AB34CD")


@cache
def _vault() -> SoftwareVault:
    return bank_vault()


def _under_transport(value: bytes) -> bytes:
    return des.encrypt(TRANSPORT, value)


def _card_keys(algorithm: Algorithm) -> list[bytes]:
    suite = BankSuite(algorithm)
    return [suite.card_key(bytes.fromhex(each), SET["pan"], 1) for _, each in MASTERS.values()]


def _file_card(rsa: Sequence[int]) -> FileCard:
    """The card of appendix D as a data preparation sends it; ``rsa``: numbers of its parts."""
    plan = bank_plan()
    groups = [(each.number, each.value) for each in plan.instance("payment").groups]
    plain = {number: value for number, value in groups if value is not None}
    keys = _card_keys("3des")
    checks = b"".join(map(SUITES["3des"].check_value, keys))
    parts = [bytes.fromhex(SET["rsa"][part]) for part in _RSA]
    secret = [(0x8000, _under_transport(b"".join(keys))), (0x9000, checks)]
    secret += [(number, _under_transport(part)) for number, part in zip(rsa, parts, strict=True)]
    secret.append((0x8010, _under_transport(_PIN_FORMAT_1)))
    marked = frozenset({0x8000, 0x8010, *rsa})
    directories = {
        name: [(each.number, each.value or b"") for each in plan.instance(name).groups]
        for name in ("pse", "ppse")
    }
    return FileCard([*secret, *plain.items()], directories["pse"], directories["ppse"], marked)


def _built(plan: BankPlan) -> Chip:
    """A chip that was given ``plan``."""
    model = bank_model()
    chip: Chip = blank(bank_profile(model), bytes(6), transport_key=bytes(16), card_manager_key=KMC)
    BankPersonalizer(open_session(VirtualConnection(chip)), model, _vault()).personalize(plan)
    return chip


def _personalized(plan: BankPlan) -> dict[str, object]:
    """What a chip holds after ``plan``, counters of its channels apart."""
    states = _built(plan).persistent_state().items()
    return {path: state for path, state in states if not path.endswith("/sequence")}


@pytest.mark.parametrize("name", ["yl", "ht"])
def test_a_card_from_a_file_is_the_card_of_appendix_d(name: str, tmp_path: Path) -> None:
    own = (0x8205, 0x8204, 0x8203, 0x8202, 0x8201)
    other = (0x8204, 0x8205, 0x8202, 0x8203, 0x8201)  # as UnionPay Data has them
    file = tmp_path / "cards"
    file.write_bytes(WRITERS[name]([_file_card(other if name == "yl" else own)]))
    (plan,) = read_bank_file(file).cards
    assert _personalized(plan) == _personalized(bank_plan())


def test_keys_that_came_from_the_bank_stay_unproven(tmp_path: Path) -> None:
    file = tmp_path / "cards"
    file.write_bytes(WRITERS["cps"]([_file_card((0x8205, 0x8204, 0x8203, 0x8202, 0x8201))]))
    (plan,) = read_bank_file(file).cards
    session = open_session(VirtualConnection(_built(plan)))
    steps = BankSteps(bank_profile(bank_model()), bank_model(), _vault())
    proved = steps.prove(session, plan, {"AAC002": "650001199707010010"})
    assert proved == (SET["pan"], ["BANK-AC", "BANK-MAC", "BANK-ENC"])


def test_transported_groups_are_kept_with_the_plan() -> None:
    plan = bank_plan()
    payment = plan.instance("payment")
    sent = Transported(sm4.encrypt(TRANSPORT, bytes(48)), "sm4", "always")
    groups = (PlannedGroup(0x8030, transported=sent), *payment.groups)
    changed = BankPlan(plan.pan, plan.sequence, (type(payment)("payment", payment.aid, groups),))
    kept = changed.to_json()
    assert BankPlan.from_json(kept) == changed
    assert bytes(48).hex() not in kept.decode()
    for wrong in (kept.replace(b'"always"', b'"often"'), kept.replace(b'"sm4"', b'"aes"')):
        with pytest.raises(InputError, match="no plan"):
            BankPlan.from_json(wrong)


@pytest.mark.parametrize("which", ["value", "transported"])
def test_a_group_holds_one_thing(which: Literal["value", "transported"]) -> None:
    both = {"value": b"", "transported": Transported(bytes(8), "3des")}
    assert getattr(PlannedGroup(0x8000, **{which: both[which]}), which) == both[which]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="8000"):
        PlannedGroup(0x8000, b"", transported=Transported(bytes(8), "3des"))
