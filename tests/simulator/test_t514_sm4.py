"""WRITE KEY under a control key of SM4: 16-byte blocks, folded MAC (ref 02 §4.1, 11 §5.3).

The commands are those of ``key_loading.toml`` for SM4; the card draws 0123456789ABCDEF.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.simulator import cards
from tests.simulator.cards import Card

_LOADED: list[dict[str, Any]] = [
    row
    for row in tomllib.loads(
        (Path(__file__).parents[1] / "vectors" / "key_loading.toml").read_text("utf-8")
    )["load"]
    if row.get("algorithm") == "sm4"
]
_ENCIPHERED = next(row["command"] for row in _LOADED if row["mode"] == "enciphered")
_WITH_MAC = next(row["command"] for row in _LOADED if row["mode"] == "enciphered_mac")


def _card(control_key: str = "000000EF3303FF10") -> Card:
    """The SSSE of ref 11 §8 with the control key 11…, by default of SM4."""
    card = cards.blank_card(presented=False)
    cards.initialise(card, until="6a")
    assert card.sw(f"00D4010018{control_key}" + "11" * 16) == "9000"
    return card


def _holds_the_key(card: Card) -> bool:
    card.data("0084000008")
    return card.sw("0082000411A2C46385C7C728790123456789ABCDEF01") == "9000"


@pytest.mark.parametrize("row", _LOADED, ids=lambda row: row["mode"])
def test_vector(row: dict[str, Any]) -> None:
    card = _card()
    if row["mode"] != "enciphered":
        card.data("0084000008")
    assert card.sw(row["command"]) == "9000"
    assert _holds_the_key(card)


def test_the_start_value_is_eight_random_bytes() -> None:
    card = _card()
    for length, expected in (("04", "6988"), ("10", "9000")):
        card.data(f"00840000{length}")
        assert card.sw(_WITH_MAC) == expected
    assert card.sw(_WITH_MAC) == "6984", "the challenge is used up"


def test_a_wrong_mac_loads_nothing() -> None:
    card = _card()
    card.data("0084000008")
    assert card.sw(_WITH_MAC[:-2] + "00") == "6988"
    assert not _holds_the_key(card)


def test_whole_blocks_of_sixteen() -> None:
    card = _card()
    body = _ENCIPHERED[10:]
    assert card.sw("80D4000018" + body[:48]) == "6700", "three blocks of DES are none of SM4"
    assert card.sw("80D4000020" + "00" * 32) == "6A80"


def test_a_control_key_of_3des_deciphers_otherwise() -> None:
    card = _card("000000EF3300FF10")
    assert card.sw(_ENCIPHERED) == "6A80"


def test_the_control_key_is_proved_by_sm4() -> None:
    """Vector: R = 0123456789ABCDEF, T = R under 11… (see crypto_sm4.toml for the rule)."""
    card = _card()
    card.data("0084000008")
    assert card.sw("008200001039CE07DAF9789B400123456789ABCDEF") == "63C2", "that of 3DES"
