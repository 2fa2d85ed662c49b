"""INIT SAM FOR PURCHASE and CREDIT SAM FOR PURCHASE (ref 12 §5.3, §8, §11 items 10, 11)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.psams import BY_AID, MF, PsamCard, open_psam, psam, with_settings

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "psam.toml").read_text("utf-8")
)["purchase"]
EXAMPLES: list[dict[str, Any]] = VECTORS["example"]
ROOTS = {3: VECTORS["root"], 2: VECTORS["second"], 1: VECTORS["third"]}
E1, E2, E3 = (EXAMPLES[index] for index in (0, 3, 4))


def purchaser(steps: int = 2, settings: dict[str, Any] | None = None) -> PsamCard:
    """A PSAM with the DPK 01 of ref 12 §8, which takes so many steps; file 0019 says 5."""
    usage = steps << 5 | 2
    key = bytes.fromhex(ROOTS[steps])
    return psam((usage, 0x01, key, 0), profile=with_settings(settings))


def stored_number(card: PsamCard) -> int:
    return int(card.data("00B0990004"), 16)


def p5(card: PsamCard, example: dict[str, Any]) -> str:
    return card.data(example["p5"].replace(" ", ""))


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["source"] for example in EXAMPLES])
def test_worked_examples(example: dict[str, Any]) -> None:
    card = purchaser(example["steps"])
    while stored_number(card) < example["number"]:
        p5(card, example)
    assert p5(card, example) == f"{example['number']:08X}{example['mac1']}"
    assert card.sw(f"8072000004{example['mac2']}") == "9000"


def test_number_grows_with_every_purchase() -> None:
    card = purchaser()
    numbers = [p5(card, example)[:8] for example in (E1, E2, E3)]
    assert numbers == ["00000005", "00000006", "00000007"]
    assert stored_number(card) == 8


def test_number_after_counting() -> None:
    card = purchaser(settings={"number_given": "counted"})
    assert p5(card, E1)[:8] == "00000006"
    assert stored_number(card) == 6


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_only_the_matching_number_of_factors_is_accepted(steps: int) -> None:
    card = purchaser(steps)
    answers = {example["steps"]: card.sw(example["p5"].replace(" ", "")) for example in EXAMPLES}
    assert answers == {1: "6A88", 2: "6A88", 3: "6A88", steps: "9000"}


def test_refusal_of_other_factors_is_a_setting() -> None:
    card = purchaser(3, {"purchase_steps_refusal": 0x6700})
    assert card.sw(E1["p5"].replace(" ", "")) == "6700"
    assert stored_number(card) == 5


@pytest.mark.parametrize(
    ("p5", "sw"),
    [
        ("8070010014" + "00" * 20, "6700"),
        ("807001001C" + "00" * 28, "6700"),
        ("807001003C" + "00" * 60, "6700"),
        ("8070000024" + "00" * 36, "6A86"),
        ("8070010124" + "00" * 36, "6A86"),
        (E1["p5"].replace(" 01 00 ", " 02 00 ").replace(" ", ""), "6A88"),
    ],
)
def test_refused_purchases_count_nothing(p5: str, sw: str) -> None:
    card = purchaser()
    assert card.sw(p5) == sw
    assert stored_number(card) == 5
    assert card.sw("807200000400000000") == "6901"


def test_no_purchase_outside_the_application() -> None:
    card = purchaser()
    card.must(MF)
    assert card.sw(E1["p5"].replace(" ", "")) == "6A88"


def test_mac2_before_a_purchase() -> None:
    assert purchaser().sw(f"8072000004{E1['mac2']}") == "6901"


@pytest.mark.parametrize(("settings", "sw"), [({}, "9302"), ({"mac2_refusal": 0x63CF}, "63CF")])
def test_wrong_mac2_is_told_once(settings: dict[str, Any], sw: str) -> None:
    card = purchaser(settings=settings)
    p5(card, E1)
    assert card.sw("807200000400000000") == sw
    assert card.sw(f"8072000004{E1['mac2']}") == "6901"


def test_mac2_counts_once() -> None:
    card = purchaser()
    p5(card, E1)
    assert card.sw(f"8072000004{E1['mac2']}") == "9000"
    assert card.sw(f"8072000004{E1['mac2']}") == "6901"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("8072000003" + "00" * 3, "6700"),
        ("8072000005" + "00" * 5, "6700"),
        ("80720001" + "04" + "00" * 4, "6A86"),
    ],
)
def test_malformed_mac2_leaves_the_purchase(apdu: str, sw: str) -> None:
    card = purchaser()
    p5(card, E1)
    assert card.sw(apdu) == sw
    assert card.sw(f"8072000004{E1['mac2']}") == "9000"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("8070000004" + "00" * 4, "6A86"),
        ("BFDE481308" + "00" * 8, "6A88"),
        ("801A481308" + "00" * 8, "6A88"),
    ],
)
def test_a_refused_successor_ends_the_purchase(apdu: str, sw: str) -> None:
    card = purchaser()
    p5(card, E1)
    assert card.sw(apdu) == sw
    assert card.sw(f"8072000004{E1['mac2']}") == "6901"


def test_reading_between_leaves_the_purchase() -> None:
    card = purchaser()
    p5(card, E1)
    stored_number(card)
    assert card.sw(f"8072000004{E1['mac2']}") == "9000"


@pytest.mark.parametrize("loss", [MF, BY_AID, "reset", "BFDE"])
def test_purchase_falls(loss: str) -> None:
    card = psam(
        (0x42, 0x01, bytes.fromhex(ROOTS[2]), 0),
        (0x07, 0x24, bytes(16), 0),
    )
    p5(card, E1)
    if loss == "reset":
        card.reset()
    elif loss == "BFDE":
        card.must("BFDE072408" + "00" * 8)
    else:
        card.must(loss)
    card.must(*([BY_AID] if loss != "BFDE" else []))
    assert card.sw(f"8072000004{E1['mac2']}") == "6901"


def test_last_number() -> None:
    """No number is given twice: at the end of the four bytes there is none left."""
    card = _with_number("FFFFFFFE")
    assert p5(card, E1)[:8] == "FFFFFFFE"
    assert card.sw(E1["p5"].replace(" ", "")) == "6985"
    assert stored_number(card) == 0xFFFFFFFF


def _with_number(digits: str) -> PsamCard:
    card = open_psam()
    assert card.load(0x42, 0x01, bytes.fromhex(ROOTS[2])) == "9000"
    card.must("00A40000020019", f"00D6000004{digits}")
    assert card.end() == "9000"
    return card
