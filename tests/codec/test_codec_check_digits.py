"""Check characters: the vectors, and that a wrong character is noticed."""

from __future__ import annotations

import string
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.codec import check_digits

_VECTORS = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "check_digits.toml").read_text(encoding="utf-8")
)
_CARD_BODY = st.tuples(
    st.sampled_from(string.ascii_uppercase),
    st.text(string.ascii_uppercase + string.digits, min_size=7, max_size=7),
).map("".join)


@pytest.mark.parametrize("number", _VECTORS["social_security_number"]["numbers"])
def test_social_security_number(number: str) -> None:
    assert check_digits.is_id_number(number)
    assert check_digits.id_check_character(number[:17]) == number[17]


@pytest.mark.parametrize("number", _VECTORS["card_number"]["numbers"])
def test_card_number(number: str) -> None:
    assert check_digits.is_card_number(number)
    assert check_digits.card_check_character(number[:8]) == number[8]


@pytest.mark.parametrize("number", _VECTORS["bank_card_number"]["numbers"])
def test_bank_card_number(number: str) -> None:
    assert check_digits.is_luhn(number)
    others = set(string.digits) - {number[-1]}
    assert not any(check_digits.is_luhn(number[:-1] + digit) for digit in others)


@given(st.text(string.digits, min_size=17, max_size=17), st.integers(0, 16), st.data())
def test_one_wrong_digit_of_a_social_security_number(
    body: str, at: int, data: st.DataObject
) -> None:
    check = check_digits.id_check_character(body)
    wrong = data.draw(st.sampled_from([d for d in string.digits if d != body[at]]))
    assert check_digits.is_id_number(body + check)
    assert not check_digits.is_id_number(body[:at] + wrong + body[at + 1 :] + check)


@given(_CARD_BODY)
def test_exactly_one_check_character_fits_a_card_number(body: str) -> None:
    fitting = [c for c in string.digits + "X" if check_digits.is_card_number(body + c)]
    assert fitting == [check_digits.card_check_character(body)]


@pytest.mark.parametrize(
    "number",
    ["", "11010519491231002x", "1101051949123100２X", "11010519491231002", "110105194912310021"],
)
def test_not_a_social_security_number(number: str) -> None:
    assert not check_digits.is_id_number(number)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "D2143569",
        "D21435691",
        "d2143569X",
        "12143569X",
        "D214-569X",
        "D2143569-X",
        "Ｄ2143569X",
    ],
)
def test_not_a_card_number(number: str) -> None:
    assert not check_digits.is_card_number(number)


@pytest.mark.parametrize("number", ["", "4992739871x", "４９927398716", "49927398716 "])
def test_not_a_bank_card_number(number: str) -> None:
    assert not check_digits.is_luhn(number)


@given(st.text(max_size=20))
def test_any_text_is_judged_without_an_exception(text: str) -> None:
    assert check_digits.is_id_number(text) in (True, False)
    assert check_digits.is_card_number(text) in (True, False)
    assert check_digits.is_luhn(text) in (True, False)
