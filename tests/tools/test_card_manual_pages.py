"""The pages of the documentation that are written from the profiles."""

from __future__ import annotations

import re

from sscard_ic import profile
from tools import card_manuals

PAGES = dict(card_manuals.pages())


def test_every_card_has_a_page_in_both_languages() -> None:
    names = [info.name for info in profile.available() if info.kind in ("national", "region")]
    expected = {f"cards/{name.rsplit('/', 1)[-1]}{end}.md" for name in names for end in ("", ".zh")}
    assert set(PAGES) == expected | {"cards/codes.md"}
    assert "# Manual of the social security card: regions/dalian\n" in PAGES["cards/dalian.md"]
    assert "# 社会保障卡手册: national/2.00\n" in PAGES["cards/2.00.zh.md"]


def test_links_to_the_page_of_tables_lead_somewhere() -> None:
    anchors = set(re.findall(r'<a id="([^"]+)"></a>', PAGES["cards/codes.md"]))
    for path, text in PAGES.items():
        links = set(re.findall(r"\]\(codes\.md#([^)]+)\)", text))
        assert links <= anchors, path
        assert links or path == "cards/codes.md"


def test_one_manual_of_each_version_is_searched() -> None:
    searched = {path for path, text in PAGES.items() if not text.startswith("---\n")}
    assert searched == {f"cards/{name}.md" for name in ("1.00", "2.00", "3.00", "codes")}
