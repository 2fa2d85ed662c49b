"""Dumps as documents, and what is different between two of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sscard_ic.base.errors import InputError
from sscard_ic.profile import load
from sscard_ic.profile.contents import Contents, differences, parse_contents

DALIAN = load("dalian")
ATR = bytes.fromhex("3B6D00000081484242865321024C878E08")
VALUES = {"SSSE.EF06.0A": b"1", "SSSE.EF06.0D": bytes.fromhex("19900401")}
ACCOUNT = {"balance": 100, "self_paid": 1, "pooled": 2, "year": 2026}
CONTENTS = Contents(DALIAN.name, ATR, VALUES, {"DF01.EF06.28": "pin or key:RK1DF01"}, ACCOUNT)


def document(**changes: Any) -> str:
    return json.dumps(CONTENTS.to_json(DALIAN) | changes)


def test_the_document() -> None:
    found = CONTENTS.to_json(DALIAN)
    assert found["items"][0] == {
        "path": "SSSE.EF06.0A",
        "zh": "性别",
        "en": "sex",
        "raw": "31",
        "value": "1",
        "meaning": {"zh": "男性", "en": "male"},
        "remarks": [],
    }
    assert {key: value for key, value in found.items() if key != "items"} == {
        "format": "sscard-dump/1",
        "profile": "regions/dalian",
        "atr": ATR.hex().upper(),
        "closed": {"DF01.EF06.28": "pin or key:RK1DF01"},
        "account": ACCOUNT,
    }


def test_it_is_read_as_it_was_written() -> None:
    assert parse_contents(document(), "a.json") == CONTENTS
    assert parse_contents(document(account=None), "a.json").account is None
    assert "19900401" not in repr(CONTENTS)


def test_only_the_bytes_count() -> None:
    """Names, values and meanings are for people; unknown members may come later."""
    items = [{"path": "SSSE.EF06.0A", "raw": "31", "value": "9", "zh": 5, "more": {}}]
    assert parse_contents(document(items=items, more=1), "a").values == {"SSSE.EF06.0A": b"1"}


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("", "a.json:1", "not a JSON document"),
        ("{\n'a'", "a.json:2", "not a JSON document"),
        ("[" * 100_000, "a.json", "nested too deep"),
        ("[]", "a.json", "not a dump"),
        ("{}", "a.json", "not a dump of a card: format"),
        ("9" * 5000, "a.json", "not a dump"),
        (document(format="sscard-dump/2"), "a.json", "format"),
        (document(atr="3B6"), "a.json", "atr"),
        (document(atr=None), "a.json", "atr"),
        (document(items=[{"path": "SSSE.EF06.0A", "raw": "3G"}]), "a.json", "items.0.raw"),
        (document(items=[{"path": "SSSE.EF06.0A"}]), "a.json", "items.0.raw"),
        (document(items=[{"path": "a", "raw": ""}] * 2), "a.json", "an item is there twice"),
        (document(account={"balance": -1}), "a.json", "account"),
        (document(account=[]), "a.json", "account"),
    ],
)
def test_what_is_no_dump(text: str, where: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_contents(text, "a.json")
    assert (caught.value.where, message in caught.value.what.en) == (where, True)


def test_differences() -> None:
    after = {"SSSE.EF06.0A": b"2", "DF01.EF06.28": b"1".ljust(15, b"\x00")}
    found = differences(DALIAN, VALUES, after)
    assert [each.place.path for each in found] == ["SSSE.EF06.0A", "SSSE.EF06.0D", "DF01.EF06.28"]
    sex, birth, phone = found
    assert sex.before is not None and sex.after is not None
    assert (sex.before.text, sex.after.text) == ("1", "2")
    assert birth.before is not None and birth.after is None
    assert phone.before is None and phone.after is not None
    assert [d.place.path for d in differences(DALIAN, VALUES, after, ["SSSE.EF06.0A"])] == [
        "SSSE.EF06.0A"
    ]
    assert not differences(DALIAN, VALUES, VALUES | {"XX": b""})


def test_an_old_card_is_compared_in_the_meaning_that_holds() -> None:
    old = load("1.00")
    leader, follower = "DF03.EF07.71", "DF03.EF07.70"
    before = {leader: bytes.fromhex("00000000"), follower: b"012"}
    after = {leader: bytes.fromhex("210200EE"), follower: b"110"}
    new = {each.place.path: each.after for each in differences(old, before, after)}
    place, kind = new[leader], new[follower]
    assert place is not None and kind is not None
    assert (place.text, kind.text) == ("210200", "110")
    assert kind.meaning is not None
