"""What is asked of a certificate authority is looked at before anything is sent."""

from __future__ import annotations

import pickle
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.certificate_requests import CARD_NUMBER, NAME, NUMBER, request_for

from sscard_ic.base import InputError
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.hosts.certificate_authority import RequestError

PAIR: KeyPair = provider().generate()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": "阿卜杜拉·阿卜杜热西提"},
        {"name": "\ue863一"},  # a rare character that has its place in GB18030 alone
        {"name": "John Q. Public"},
        {"card_number": "ET000077X"},
        {"region": "639900"},
        {"reference": "~" * 64},
    ],
)
def test_usable_requests(changes: dict[str, Any]) -> None:
    request_for(PAIR, **changes).require_usable()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "lacks the name of the holder"),
        ("name", "   ", "the name of the holder in the certificate request is not usable"),
        ("name", "张" * 51, "1 to 50 characters"),
        ("name", "张\x00三", "no control characters"),
        ("name", "张\ud800", "no control characters"),
        ("card_number", "", "lacks the card number"),
        ("card_number", "D2143569", "9 characters"),
        ("card_number", "D2143569-X", "9 characters"),
        ("card_number", "d2143569x", "capital letters"),
        ("card_number", "D2143569X\n", "9 characters"),
        ("social_security_number", "", "lacks the social security number"),
        ("social_security_number", NUMBER[:-1], "18 characters"),
        ("social_security_number", NUMBER.lower(), "capital letters"),
        ("social_security_number", "１" * 18, "18 characters"),
        ("public_key", b"", "lacks the signature public key"),
        ("public_key", PAIR.public[:-1], "64 bytes"),
        ("public_key", b"\x04" + PAIR.public, "64 bytes"),
        ("public_key", bytes(64), "of the SM2 curve"),
        ("public_key", PAIR.public[:-1] + bytes((PAIR.public[-1] ^ 1,)), "of the SM2 curve"),
        ("region", "", "lacks the division code"),
        ("region", "2102", "6 digits"),
        ("region", "21020A", "6 digits"),
        ("reference", "", "lacks the reference"),
        ("reference", "a b", "printable ASCII"),
        ("reference", "~" * 65, "1 to 64"),
        ("algorithm", "RSA", "SM2 is the only one"),
    ],
    ids=count(),  # the public keys are others in each process
)
def test_requests_that_nobody_can_use(field: str, value: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        request_for(PAIR, **{field: value}).require_usable()
    error = caught.value
    assert (error.field, error.empty) == (field, not value)
    assert isinstance(error, InputError)
    assert error.hint is not None
    assert error.what.zh != error.what.en
    assert error.__context__ is None
    again = pickle.loads(pickle.dumps(error))
    assert (again.field, str(again)) == (field, str(error))


@given(value=st.text(min_size=4, max_size=30).filter(lambda text: text.strip(" ") == text))
@pytest.mark.parametrize("field", ["name", "card_number", "social_security_number"])
def test_no_value_is_quoted(field: str, value: str) -> None:
    request = request_for(PAIR, **{field: value + "\x00"})
    with pytest.raises(RequestError) as caught:
        request.require_usable()
    fixed = request_for(PAIR, **{field: "\x00"})
    with pytest.raises(RequestError) as other:
        fixed.require_usable()
    assert caught.value.render("zh") == other.value.render("zh")
    assert caught.value.render("en") == other.value.render("en")


def test_the_repr_names_nobody() -> None:
    shown = repr(request_for(PAIR))
    assert not {word for word in (NAME, CARD_NUMBER, NUMBER) if word in shown}
