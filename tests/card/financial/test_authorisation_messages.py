"""Field 55 of request and answer, scripts and their results."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.base.secret import Secret
from sscard_ic.card.financial.authorisation import (
    AuthorisationRequest,
    AuthorisationResponse,
    IssuerScript,
    ScriptResult,
)
from sscard_ic.codec.tlv import TlvError

SCRIPTS = st.lists(
    st.builds(
        IssuerScript,
        st.lists(st.binary(min_size=4, max_size=20), min_size=1, max_size=4).map(tuple),
        st.binary(min_size=4, max_size=4),
        st.booleans(),
    ),
    max_size=3,
).map(tuple)


@given(
    st.binary(min_size=2, max_size=2),
    st.one_of(st.just(b""), st.binary(min_size=8, max_size=16)),
    SCRIPTS,
)
def test_answers_come_back(
    code: bytes, authentication: bytes, scripts: tuple[IssuerScript, ...]
) -> None:
    told = AuthorisationResponse(code, authentication, scripts)
    assert AuthorisationResponse.parse(told.field_55) == told


def test_answer_of_the_reference() -> None:
    """ARPC of ref 04 §6.8 and a load as a bank sends it (ref 04 §8.5)."""
    load = IssuerScript((bytes.fromhex("04DA9F790A0000000200004D69882B"),))
    told = AuthorisationResponse(b"00", bytes.fromhex("365D35CFDA7F60823030"), (load,))
    assert told.field_55.hex().upper() == (
        "8A023030910A365D35CFDA7F608230307211860F04DA9F790A0000000200004D69882B"
    )


@pytest.mark.parametrize("raw", ["", "8A0130", "8A023030 9A03260115", "8A0230", "91023030"])
def test_answers_of_another_structure(raw: str) -> None:
    with pytest.raises(TlvError):
        AuthorisationResponse.parse(bytes.fromhex(raw))


@pytest.mark.parametrize(
    ("outcome", "failed", "wanted"),
    [
        ("not_run", 0, "0001020304"),
        ("failed", 3, "1301020304"),
        ("failed", 20, "1F01020304"),
        ("done", 0, "2001020304"),
        ("unknown", 1, "1101020304"),
    ],
)
def test_results(outcome: str, failed: int, wanted: str) -> None:
    """Ref 14 §3: high nibble what became of it, low nibble the command that failed."""
    result = ScriptResult(bytes.fromhex("01020304"), outcome, failed)  # type: ignore[arg-type]
    assert bytes(result).hex().upper() == wanted


def test_requests_show_nobody() -> None:
    values = {0x9F26: bytes(8), 0x5F34: b"\x01"}
    request = AuthorisationRequest("6210948000000011", 1, values, pin=Secret(b"123456"))
    assert request.field_55.hex().upper() == "9F260800000000000000005F340101"
    assert "6210948000000011" not in repr(request) and "123456" not in repr(request)
