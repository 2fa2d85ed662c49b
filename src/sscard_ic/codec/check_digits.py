"""Check characters of the social security number, the card number and the bank card number."""

from __future__ import annotations

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHARACTERS = "10X98765432"
_CARD_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def id_check_character(body: str) -> str:
    """Check character of 17 digits, ISO 7064 MOD 11-2 (ref 01 §9.2, 05 §7.5)."""
    total = sum(int(digit) * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True))
    return _ID_CHARACTERS[total % 11]


def is_id_number(number: str) -> bool:
    """Whether ``number`` has 18 characters and the right check character."""
    body = number[:17]
    return len(number) == 18 and _is_digits(body) and id_check_character(body) == number[17]


def card_check_character(body: str) -> str:
    """Check character of the first eight characters of a card number (ref 01 §9.3)."""
    total = sum(int(c, 36) * weight for c, weight in zip(body, _CARD_WEIGHTS, strict=True))
    check = 11 - total % 11
    return {10: "X", 11: "0"}.get(check, str(check))


def is_card_number(number: str) -> bool:
    """Whether ``number`` is a capital letter, seven capitals or digits and the right check."""
    body = number[:8]
    if len(number) != 9 or not (number.isascii() and body.isalnum() and body == body.upper()):
        return False
    return body[0].isalpha() and card_check_character(body) == number[8]


def is_luhn(number: str) -> bool:
    """Whether the last digit of a bank card number is its Luhn check digit."""
    if not _is_digits(number):
        return False
    doubled = [
        int(digit) if index % 2 == 0 else sum(divmod(2 * int(digit), 10))
        for index, digit in enumerate(reversed(number))
    ]
    return sum(doubled) % 10 == 0


def _is_digits(text: str) -> bool:
    return bool(text) and text.isascii() and text.isdigit()
