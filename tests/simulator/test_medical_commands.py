"""The commands of the medical account, one by one (ref 12 §4, §11)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.simulator import cards
from tests.simulator.medical_cards import (
    DSK,
    KEYS,
    SELECT,
    UK2,
    VECTORS,
    VERIFY,
    MedicalCard,
    medical_card,
    with_counters,
)

from sscard_ic.apdu.medical import Amounts, LogRecord
from sscard_ic.base import InputError
from sscard_ic.simulator import open_image

PURCHASES = {case["name"]: case for case in VECTORS["purchase"]}
NOON = "20260315120000"
SOME = Amounts(0, 1500, 500)


def _hex(text: str) -> str:
    return text.replace(" ", "")


def _purchase(medical: MedicalCard, name: str) -> None:
    case = PURCHASES[name]
    medical.random(case["random"])
    offer = medical.data(_hex(case["initialize"]))
    # Balance and totals depend on what the card did before; the vectors stand alone.
    assert offer[24:] == _hex(case["offer"])[24:]
    assert medical.data(_hex(case["debit"])) == _hex(case["answer"])
    assert medical.log[0] == _hex(case["record"])


def test_worked_examples_e1_to_e4() -> None:
    medical = with_counters(medical_card(), purchases=7)
    case = PURCHASES["E1"]
    medical.random(case["random"])
    assert medical.data(_hex(case["initialize"])) == _hex(case["offer"])
    assert medical.data(_hex(case["debit"])) == _hex(case["answer"])
    assert medical.log[0] == _hex(case["record"])
    _purchase(medical, "E2")
    medical.credit(7000, "20260317080000")
    case = PURCHASES["E3"]
    medical.random(case["random"])
    assert medical.data(_hex(case["initialize"])) == _hex(case["offer"])
    assert medical.data(_hex(case["debit"])) == _hex(case["answer"])
    assert medical.log[0] == _hex(case["record"])
    assert medical.balance == 5000
    assert medical.totals == (15000 + 4250 + 2500, 11000 + 4250, "2026")


def test_worked_example_e4() -> None:
    medical = medical_card()
    for amount in (1000, 1500, 2500):
        medical.credit(amount, NOON)
    case = VECTORS["credit"]
    medical.random(case["random"])
    assert medical.data(_hex(case["initialize"])) == _hex(case["offer"])
    assert medical.data(_hex(case["credit"])) == case["tac_xor_halves"]
    assert medical.balance == case["new_balance"]
    assert medical.log[0] == _hex(case["record"])


@pytest.mark.parametrize("name", ["E1", "E2", "E3"])
def test_the_other_form_of_the_tac(name: str) -> None:
    case = PURCHASES[name]
    medical = medical_card({"tac_form": "double_length"})
    medical.credit(2000, NOON)
    with_counters(medical, purchases=case["counter"])
    medical.random(case["random"])
    medical.data(_hex(case["initialize"]))
    assert medical.data(_hex(case["debit"])) == case["tac_double_length"] + case["mac2"]


def test_twice_e1() -> None:
    """Ref 12 §11 test 6."""
    medical = with_counters(medical_card(), purchases=7)
    for _ in range(2):
        medical.debit(Amounts(0, 15000, 11000), PURCHASES["E1"]["time"])
    assert medical.totals == (30000, 22000, "2026")
    assert [record[:4] for record in medical.log[:2]] == ["0008", "0007"]
    assert medical.initialize(SOME).data[14:16] == b"\x00\x09"


def test_the_pin_is_needed_where_one_is_set() -> None:
    """Ref 12 §11 test 1."""
    medical = medical_card(opened=False)
    medical.open(pin=False)
    commands = ("B028010113" + "01" * 19 + "16", "B02800010B" + "01" * 11 + "10")
    readings = ("B026000104", "B026000206", "B026000306", "B056010002", "B02E003202000008")
    for command in (*commands, *readings):
        assert medical.sw(command) == "6982", command
    assert medical.sw(VERIFY) == "9000"
    medical.debit(SOME, NOON)


def test_a_card_without_a_pin() -> None:
    medical = medical_card(pin=False)
    medical.credit(100, NOON)
    medical.debit(SOME, NOON)
    assert medical.balance == 100


def test_the_proof_may_be_free() -> None:
    medical = medical_card({"proof_needs_pin": False})
    medical.debit(SOME, NOON)
    medical.open(pin=False)
    assert medical.sw("B02E003202000008") == "9000"
    assert medical.sw("B026000104") == "6982"


@pytest.mark.parametrize("command", ["B028010113{}" + "00" * 18 + "16", "B02800010B{}" + "00" * 10])
def test_an_unknown_key_index(command: str) -> None:
    """Ref 12 §11 test 2: 9403, nothing else, nothing prepared."""
    medical = medical_card()
    assert medical.card.send(command.format("07")).data == b""
    assert medical.sw(command.format("07")) == "9403"
    assert medical.sw("B02C01000F" + "00" * 15) == "6901"
    assert medical.sw("B02A00000B" + "00" * 11) == "6901"


def test_the_second_key_index() -> None:
    medical = medical_card()
    offer = medical.initialize(SOME, index=2).data
    assert offer[16:18] == b"\x02\x00"  # version and algorithm
    command, expected = medical.debit_command(SOME, NOON, offer=offer, dpk=b"\xd2" * 16)
    assert medical.data(command) == expected.hex().upper()


@pytest.mark.parametrize("status", ["6901", "6985"])
def test_the_second_command_alone(status: str) -> None:
    """Ref 12 §11 test 3."""
    medical = medical_card({"no_transaction": int(status, 16)})
    assert medical.sw("B02C01000F" + "00" * 15) == status
    assert medical.sw("B02A00000B" + "00" * 11) == status


def test_a_wrong_mac_changes_nothing() -> None:
    """Ref 12 §11 test 4."""
    medical = with_counters(medical_card(), purchases=1)
    medical.credit(5000, NOON)
    before = medical.balance, medical.totals, medical.log
    command, _ = medical.debit_command(SOME, NOON, offer=medical.initialize(SOME).data)
    wrong = command[:-10] + f"{int(command[-10:-2], 16) ^ 1:08X}08"
    assert medical.sw(wrong) == "9302"
    assert medical.sw(command) == "6901"
    command, _ = medical.credit_command(100, NOON)
    wrong = command[:-10] + f"{int(command[-10:-2], 16) ^ 1:08X}04"
    assert medical.sw(wrong) == "9302"
    assert medical.sw(command) == "6901"
    assert (medical.balance, medical.totals, medical.log) == before
    assert medical.initialize(SOME).data[14:16] == b"\x00\x01"


@pytest.mark.parametrize(
    "between",
    [
        "0084000008",
        "B026000104",
        "B02E003202000008",
        "B056010002",
        "B099000000",
        "00B2010400",
        "00A4020002EF08",
        SELECT,
        "00A404000F7378312E73682EC9E7BBE1B1A3D5CF",
        VERIFY,
    ],
)
def test_any_command_between_makes_void(between: str) -> None:
    """Ref 12 §4.2."""
    medical = medical_card()
    command, _ = medical.debit_command(SOME, NOON, offer=medical.initialize(SOME).data)
    medical.sw(between)
    medical.sw(SELECT)
    assert medical.sw(command) == "6901"


def test_get_response_keeps_what_was_prepared() -> None:
    medical = medical_card()
    raw = medical.card.raw(f"B028010113{'01'}{bytes(SOME).hex()}{KEYS['terminal']}")
    assert raw == "6116"
    first = medical.card.raw("00C0000010")
    rest = medical.card.raw("00C0000006")
    offer = bytes.fromhex(first[:-4] + rest[:-4])
    command, expected = medical.debit_command(SOME, NOON, offer=offer)
    assert medical.data(command) == expected.hex().upper()


def test_a_reset_makes_void() -> None:
    medical = medical_card()
    command, _ = medical.debit_command(SOME, NOON, offer=medical.initialize(SOME).data)
    medical.open()
    assert medical.sw(command) == "6901"


def test_one_prepared_transaction_is_not_the_other() -> None:
    medical = medical_card()
    debit, _ = medical.debit_command(SOME, NOON, offer=medical.initialize(SOME).data)
    credit, _ = medical.credit_command(100, NOON)
    assert medical.sw(debit) == "6901"
    assert medical.sw(credit) == "6901"
    assert medical.balance == 0


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("B026010104", "6A86"),
        ("B026000404", "6A86"),
        ("B02600010101", "6700"),
        ("B028000213" + "01" * 19, "6A86"),
        ("B028020113" + "01" * 19, "6A86"),
        ("B028010112" + "01" * 18, "6700"),
        ("B02800010A" + "01" * 10, "6700"),
        ("B02E003302000008", "6A86"),
        ("B02E013202000008", "6A86"),
        ("B02E0032010008", "6700"),
        ("B056020002", "6A86"),
        ("B056010102", "6A86"),
        ("B05600000101", "6700"),
        ("B05601000101", "6700"),
        ("B099000000", "6D00"),
    ],
)
def test_malformed_commands(command: str, status: str) -> None:
    assert medical_card().sw(command) == status


@pytest.mark.parametrize(
    ("tail", "status"), [("01000E" + "00" * 14, "6700"), ("01010F" + "00" * 15, "6A86")]
)
def test_a_malformed_second_command_makes_void(tail: str, status: str) -> None:
    medical = medical_card()
    command, _ = medical.debit_command(SOME, NOON, offer=medical.initialize(SOME).data)
    assert medical.sw("B02C" + tail) == status
    assert medical.sw(command) == "6901"


@pytest.mark.parametrize(
    "time",
    ["20261315120000", "2026031512AB00", "20260315126000", "20260229120000", "21000229120000"],
)
def test_a_time_that_is_none(time: str) -> None:
    medical = medical_card()
    command, _ = medical.debit_command(SOME, time, offer=medical.initialize(SOME).data)
    assert medical.sw(command) == "6A80"
    assert medical.totals == (0, 0, "0000")


def test_the_29th_of_february_of_a_leap_year() -> None:
    medical = medical_card()
    medical.debit(Amounts(0, 0, 0), "20280229120000")


def test_the_account_answers_in_its_directory_only() -> None:
    medical = medical_card()
    assert medical.sw(cards.SSSE) == "9000"
    assert medical.sw("B026000104") == "6E00"


def test_a_card_without_an_account_knows_no_class_b0() -> None:
    base = cards.with_dialect()
    structure = base.structure.model_copy(update={"medical": None})
    card = cards.finished_card(replace(base, structure=structure))
    assert card.sw(SELECT) == "9000"
    assert card.sw("B026000104") == "6E00"


@pytest.mark.parametrize("missing", ["EF81", "EF08", "09", "0A"])
def test_what_a_transaction_needs(missing: str) -> None:
    """Amount file, log and keys; without one of them nothing begins."""
    medical = medical_card(without=missing)
    status = {"EF81": "6A82", "EF08": "6A82", "09": "9403", "0A": "6A88"}[missing]
    assert medical.sw(f"B02801011301{bytes(SOME).hex()}{KEYS['terminal']}16") == status
    assert medical.sw("B02C01000F" + "00" * 15) == "6901"


# Amounts


def test_lengths_of_get_balance() -> None:
    """Ref 12 §11 test 15."""
    medical = medical_card()
    lengths = [len(medical.data(f"B02600{which}")) // 2 for which in ("0104", "0206", "0306")]
    assert lengths == [4, 6, 6]


@pytest.mark.parametrize("checked", ["initialize", "debit"])
def test_an_amount_above_the_balance(checked: str) -> None:
    medical = medical_card({"balance_checked": checked})
    medical.credit(1000, NOON)
    medical.debit(Amounts(1000, 1000, 0), NOON)
    offer = medical.initialize(Amounts(1, 1, 0))
    if checked == "initialize":
        assert (offer.sw, offer.data) == (0x9401, b"")
    else:
        command, _ = medical.debit_command(Amounts(1, 1, 0), NOON, offer=offer.data)
        assert medical.sw(command) == "9401"
    assert medical.balance == 0
    assert len(medical.log) == 2


def test_amounts_that_would_overflow() -> None:
    medical = medical_card()
    medical.credit(0xFFFFFFFF, NOON)
    assert medical.sw(f"B02800010B0100000001{KEYS['terminal']}10") == "6985"
    most = Amounts(0, 0xFFFFFFFF, 0xFFFFFFFF)
    medical.debit(most, NOON)
    for more in (Amounts(0, 1, 0), Amounts(0, 0, 1)):
        command, _ = medical.debit_command(more, NOON, offer=medical.initialize(more).data)
        assert medical.sw(command) == "6985"
    assert medical.balance == 0xFFFFFFFF
    assert medical.totals == (0xFFFFFFFF, 0xFFFFFFFF, "2026")
    medical.debit(Amounts(1, 1, 1), "20270315120000")
    assert medical.totals == (1, 1, "2027")


def test_totals_that_only_offline_cards_keep() -> None:
    medical = medical_card({"totals_online": False})
    medical.credit(1000, NOON)
    medical.debit(Amounts(0, 700, 300), NOON)
    assert medical.totals == (0, 0, "2026")
    medical.debit(Amounts(100, 700, 300), NOON)
    assert medical.totals == (700, 300, "2026")


# Years


@pytest.mark.parametrize(
    ("day", "time", "totals"),
    [
        ("0101", "20270101000000", (1, 2, "2027")),
        ("0101", "20261231235959", (1501, 502, "2026")),
        ("0401", "20270101000000", (1501, 502, "2026")),
        ("0401", "20270331235959", (1501, 502, "2026")),
        ("0401", "20270401000000", (1, 2, "2027")),
    ],
)
def test_a_new_payment_year(day: str, time: str, totals: tuple[int, int, str]) -> None:
    """Ref 12 §3.2, §11 test 7."""
    medical = medical_card({"starting_day": bytes.fromhex(day)})
    medical.debit(SOME, "20261001000000")
    medical.debit(Amounts(0, 1, 2), time)
    assert medical.totals == totals


@pytest.mark.parametrize(
    ("rule", "totals"), [("add", (1501, 502, "2026")), ("restart", (1, 2, "2025"))]
)
def test_a_purchase_of_an_older_year(rule: str, totals: tuple[int, int, str]) -> None:
    medical = medical_card({"older_year": rule})
    medical.debit(SOME, NOON)
    medical.debit(Amounts(0, 1, 2), "20251231000000")
    assert medical.totals == totals


def test_binary_years_and_days() -> None:
    medical = medical_card({"year_coding": "binary", "day_coding": "binary"})
    medical.debit(SOME, NOON)
    assert medical.totals == (1500, 500, "07EA")
    assert medical.card.authenticate(0x87, DSK) == "9000"
    assert medical.sw("B056000002" + "0C1F") == "9000"
    assert medical.sw("B056000002" + "0C20") == "6A80"
    medical.debit(Amounts(0, 1, 1), "20271231000000")
    assert medical.totals == (1, 1, "07EB")


def test_the_starting_day() -> None:
    """Ref 12 §11 test 14."""
    medical = medical_card()
    assert medical.data("B056010002") == "0101"
    assert medical.sw("B0560000020401") == "6982"
    assert medical.card.authenticate(0x87, DSK) == "9000"
    assert medical.sw("B0560000020401") == "9000"
    for wrong in ("0400", "1301", "0431", "04AA", "0000"):
        assert medical.sw("B056000002" + wrong) == "6A80"
    assert medical.data("B056010002") == "0401"
    medical.open(pin=False)
    assert medical.sw("B056010002") == "6982"
    assert medical.card.authenticate(0x86, UK2) == "9000"
    assert medical.sw("B0560000020101") == "6982"
    assert medical.card.authenticate(0x87, DSK) == "9000"
    assert medical.sw("B0560000020101") == "9000"  # no PIN: DSK alone


# Log


def test_the_log_is_a_ring_that_nobody_writes() -> None:
    """Ref 12 §11 tests 8 and 9."""
    medical = medical_card()
    for number in range(31):
        medical.debit(Amounts(0, number, 0), NOON)
    log = [LogRecord.parse(bytes.fromhex(record)) for record in medical.log]
    assert [record.sequence for record in log] == list(range(30, 0, -1))
    assert [record.amounts.self_paid for record in log] == list(range(30, 0, -1))
    for command in ("00DC01041C", "00DC00031C", "00E200001C"):
        assert medical.sw(command + "00" * 28) == "6982"
    assert len(medical.log) == 30


def test_the_number_after_its_increment() -> None:
    medical = medical_card({"log_sequence": "after"})
    medical.credit(1000, NOON)
    medical.debit(SOME, NOON)
    assert [record[:6] for record in medical.log] == ["000132", "000131"]


# Proofs


@pytest.mark.parametrize("order", ["mac_tac", "tac_mac"])
@pytest.mark.parametrize(("kind", "types"), [("character", "3132"), ("number", "0102")])
def test_proofs(order: str, kind: str, types: str) -> None:
    medical = medical_card({"proof_order": order, "proof_type": kind})
    credit, purchase = types[:2], types[2:]
    assert medical.sw(f"B02E00{purchase}02000008") == "9406"
    command, tac = medical.credit_command(1000, NOON)
    medical.data(command)
    mac2 = bytes.fromhex(command[-10:-2])
    both = mac2 + tac if order == "mac_tac" else tac + mac2
    assert medical.data(f"B02E00{credit}02000008") == both.hex().upper()
    offer = medical.initialize(SOME).data
    command, answer = medical.debit_command(SOME, NOON, offer=offer)
    medical.data(command)
    both = answer[4:] + answer[:4] if order == "mac_tac" else answer
    medical.open()  # power lost: the proof stays
    assert medical.data(f"B02E00{purchase}02000008") == both.hex().upper()
    assert medical.sw(f"B02E00{purchase}02000108") == "9406"
    assert medical.sw(f"B02E00{credit}02000008") == "9000"
    medical.initialize(SOME)
    assert medical.sw(f"B02E00{purchase}02000008") == "9406"
    assert medical.sw(f"B02E00{credit}02000008") == "9000"


# Counters


def test_counters_at_their_end(tmp_path: Path) -> None:
    """9402 when a counter stands at FFFF: the amount file of a saved card is set so."""
    image = tmp_path / "card.img"
    medical = medical_card(path=image, opened=False)
    medical.card.chip.close()
    lines = image.read_text(encoding="utf-8")
    state = "FFFEFFFE" + "00" * 8 + "00" * 8 + "00" * 11
    path = next(key for key in medical.card.chip.persistent_state() if key.endswith("/EF81"))
    image.write_text(lines + f'{{"{path}/0":"{state}"}}\n', encoding="utf-8")
    chip = open_image(image, entropy=medical.card.randomness)
    medical.card.chip = chip
    medical.open()
    medical.credit(100, NOON)
    medical.debit(SOME, NOON)
    assert medical.initialize(SOME).sw == 0x9402
    assert medical.sw(f"B02800010B0100000001{KEYS['terminal']}10") == "9402"
    assert medical.log[0][:4] == "FFFE"


# Persistence


def test_everything_survives_in_the_image(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    medical = medical_card(path=image)
    medical.credit(5000, NOON)
    medical.debit(Amounts(2000, 2500, 10), NOON)
    log = medical.log
    medical.card.chip.close()
    medical.card.chip = open_image(image, entropy=medical.card.randomness)
    medical.open()
    assert medical.balance == 3000
    assert medical.totals == (2500, 10, "2026")
    assert medical.log == log
    assert medical.sw("B02E003202000008") == "9000"


def test_a_damaged_description(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    medical_card(path=image, opened=False).card.chip.close()
    text = image.read_text(encoding="utf-8")
    assert '"tac_form":"xor_halves"' in text
    image.write_text(text.replace('"xor_halves"', '"both"'), encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        open_image(image)
