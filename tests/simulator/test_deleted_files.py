"""What is gone with a file or a directory: its keys, what they proved, proofs of transactions."""

from __future__ import annotations

from tests.simulator import cards
from tests.simulator import mcos_cards as mcos
from tests.simulator.cards import DF01, SSSE
from tests.simulator.mcos_cards import CLEAR, MASTER, VECTORS
from tests.simulator.medical_cards import medical_card

from sscard_ic.apdu.medical import Amounts

EF05_CREATE = next(r["apdu"] for r in VECTORS["worked"] if r["what"] == "create file SSSE/EF05")


def test_what_keys_of_a_deleted_file_proved_falls_with_them() -> None:
    """The master key of an ended directory opens it no longer, once it is deleted."""
    card = cards.finished_card()
    card.data(SSSE)
    card.data(DF01)
    assert card.authenticate(0x00, "22" * 16) == "9000"
    assert card.sw("80E1000302EF80") == "9000"
    assert card.sw("80E1000302EF05") == "6982"
    card = cards.finished_card()
    card.data(SSSE)
    card.data(DF01)
    assert card.authenticate(0x00, "22" * 16) == "9000"
    assert card.sw("80E1000302EF05") == "9000", "while it is there it does"


def test_what_cleared_keys_proved_falls_with_them() -> None:
    """UKSSSE opens EF05; the master key, which stays, is still proved."""
    card = mcos.worked_card()
    assert card.authenticate_short(0x00, MASTER) == "9000"
    assert card.authenticate_short(0x04, "41" * 16) == "9000"
    update = "00DC0204060204" + "31" * 4
    assert card.sw("00A4000002EF05") == "9000"
    assert card.sw(update) != "6982"
    assert card.sw(CLEAR) == "9000"
    assert card.sw(EF05_CREATE) == "9000"
    assert card.sw("00A4000002EF05") == "9000"
    assert card.sw(update) == "6982"


def test_a_deleted_directory_leaves_no_proofs() -> None:
    """They are stored beside the tree, and name no transaction of a directory made anew."""
    medical = medical_card()
    medical.debit(Amounts(0, 0, 0), "20260315120000")
    assert [path for path in medical.card.chip.persistent_state() if path.startswith("medical/")]
    assert medical.card.authenticate(0x00, "44" * 16) == "9000"
    assert medical.sw("80E1000202DF04") == "9000"
    assert not [path for path in medical.card.chip.persistent_state() if "DF04" in path]
