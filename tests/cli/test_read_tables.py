"""What ``sscard read`` shows of cards of an old version, and of logs."""

from __future__ import annotations

import click
import pytest

from sscard_ic import profile
from sscard_ic.card import Reading
from sscard_ic.cli.read import describe, show

OLD, CARD = profile.load("1.00"), profile.load("dalian")
WAGES = {
    "DF01.EF0A.37": bytes.fromhex("00120000"),
    "DF01.EF0A.38": bytes.fromhex("3133EEEE"),
    "DF01.EF0A.39": bytes.fromhex("19990701"),
}
"""A contribution base of version 1.00 beside a party and its date of version 2.00."""


def shown(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_a_rewritten_item_bears_its_new_name_and_meaning() -> None:
    wanted = OLD.places_of("DF01", "EF0A")
    items = describe(OLD, b"", wanted, Reading(dict(WAGES)))["items"]
    assert [(item["path"], item["zh"], item["value"]) for item in items] == [
        ("DF01.EF0A.37", "缴费基数", "1200.00"),
        ("DF01.EF0A.38", "政治面貌", "13"),
        ("DF01.EF0A.39", "参加党派日期", "1999-07-01"),
    ]
    assert items[1]["meaning"]["zh"] == "群众"


def test_a_rewritten_item_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    show(OLD, OLD.places_of("DF01", "EF0A"), Reading(dict(WAGES)))
    rows = {line[0]: line[1] for line in shown(capsys)}
    assert rows["38"].startswith("political affiliation") and "13" in rows["38"]
    assert rows["37"].startswith("contribution base") and rows["37"].endswith("1200.00")


@pytest.mark.parametrize(
    ("values", "records"),
    [
        ({}, {"#1": "no record"}),
        (
            {"DF04.EF15#1": b"\x00\x021", "DF04.EF15#2": b"\x00\x019"},
            {
                "#1": "transaction sequence number 2; settlement category 1",
                "#2": "transaction sequence number 1; settlement category 9",
            },
        ),
    ],
)
def test_a_log_shows_the_records_that_are_there(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, bytes],
    records: dict[str, str],
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    show(CARD, CARD.places_of("DF04", "EF15"), Reading(values))
    rows = {line[0]: line[1] for line in shown(capsys) if line[0].startswith("#")}
    assert list(rows) == list(records)
    for number, text in records.items():
        assert text in rows[number]


def test_a_closed_log_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    places = CARD.places_of("DF04", "EF08")
    show(CARD, places, Reading({}, {place.path: place.read for place in places}))
    rows = [line for line in shown(capsys) if line[0].startswith("#")]
    assert [line[0] for line in rows] == ["#1"]
    assert rows[0][1].endswith("closed: pin")


def test_a_closed_item_says_in_chinese_what_opens_it(capsys: pytest.CaptureFixture[str]) -> None:
    place = CARD.places_of("DF01", "EF06")[0]
    context = click.Context(click.Command("read"))
    context.params["lang"] = "zh"
    with context:
        show(CARD, [place], Reading({}, {place.path: place.read}))
    assert "未开放：PIN 或 RK1DF01" in capsys.readouterr().out
