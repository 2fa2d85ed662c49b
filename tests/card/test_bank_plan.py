"""Plans on their way through a file: secrets sealed, everything else as it was."""

from __future__ import annotations

import pytest
from tests.support.bank_preparation import prepared

from sscard_ic.base.errors import InputError, SscardError
from sscard_ic.base.secret import Secret
from sscard_ic.card.bank_plan import BankPlan, PlannedGroup
from sscard_ic.keys import published_keys

SEALER = published_keys({}).sealer()
PLAN = prepared(algorithms=("3des", "sm4"))


def test_a_plan_comes_back_as_it_was() -> None:
    again = BankPlan.from_json(PLAN.to_json(SEALER, "row 7"), SEALER, "row 7")
    assert again == PLAN
    assert again.instance("payment").group(0x8010) is not None


def test_secrets_are_not_in_the_file() -> None:
    text = PLAN.to_json(SEALER, "row 7").decode("ascii").lower()
    secrets = [g.secret for each in PLAN.instances for g in each.groups if g.secret is not None]
    assert len(secrets) == 7  # PIN, five numbers of RSA, one of SM2
    assert all(secret.reveal().hex() not in text for secret in secrets)
    assert PLAN.pan not in repr(PLAN)


def test_a_plan_of_another_place_is_refused() -> None:
    with pytest.raises(SscardError, match="altered, moved"):
        BankPlan.from_json(PLAN.to_json(SEALER, "row 7"), SEALER, "row 8")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"pan":"1","sequence":"1","instances":[]}',
        b'{"pan":"1","sequence":1,"instances":[{"instance":"x","aid":"","groups":[]}]}',
        b'{"pan":"1","sequence":1,"instances":[{"instance":"pse","aid":"00","groups":'
        b'[{"dgi":"8000","keys":"des"}]}]}',
    ],
    ids=["empty", "list", "no-keys", "sequence", "instance", "algorithm"],
)
def test_what_is_no_plan_is_refused(text: bytes) -> None:
    with pytest.raises(InputError, match="no plan"):
        BankPlan.from_json(text, SEALER, "")


def test_a_group_has_one_content() -> None:
    with pytest.raises(ValueError, match="8000"):
        PlannedGroup(0x8000)
    with pytest.raises(ValueError, match="8000"):
        PlannedGroup(0x8000, b"\x00", Secret(b"\x00"))
