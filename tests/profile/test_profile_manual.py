"""The manual of a card."""

from __future__ import annotations

import pytest

from sscard_ic import profile
from sscard_ic.base.errors import Language
from sscard_ic.profile.manual import manual, rule_words


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_file_item_rule_key_and_code_is_in_it(language: Language) -> None:
    card = profile.load("urumqi")
    text = manual(card, language)
    for located in card.structure.locate_all():
        for item in (located.item, *located.item.items):
            assert item.zh in text and item.en in text
            assert item.tag is None or f"| {item.tag:02X} |" in text
        assert f"### {located.directory_name} {located.file_name} " in text
        assert rule_words(located.read).to(language) in text
        assert rule_words(located.update).to(language) in text
    for name in card.keys:
        assert f"| {name} |" in text
    assert "| 650000 | 新疆维吾尔自治区 | Xinjiang |" in text


def test_tables_are_well_formed() -> None:
    lines = manual(profile.load("dalian"), "en").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) > 200
    widths: list[int] = []
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("|"):
            cells = line.replace("\\|", "").count("|")
            if before.startswith("|"):
                assert cells == widths[-1], line
            widths.append(cells)


@pytest.mark.parametrize(
    ("rule", "zh", "en"),
    [
        ("free", "自由", "free"),
        ("pin or key:RK1DF01", "PIN 或 RK1DF01", "PIN or RK1DF01"),
        ("pin and key:RK1DF04", "PIN 且 RK1DF04", "PIN and RK1DF04"),
        ("key:UKSSSE+mac:STK", "UKSSSE，并以 STK 计算 MAC", "UKSSSE, with a MAC by STK"),
    ],
)
def test_rules_in_words(rule: str, zh: str, en: str) -> None:
    words = rule_words(profile.AccessRule.parse(rule))
    assert (words.zh, words.en) == (zh, en)
