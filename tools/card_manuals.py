"""The card manuals of the documentation, written from the profiles while mkdocs builds the site.

Nothing of them is kept: what the site shows is what the profiles say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from sscard_ic import profile
from sscard_ic.base.errors import Language, Text
from sscard_ic.profile.manual import manual, tables_page

NAV = "Card manuals"
_CODES = "cards/codes.md"
_LANGUAGES: Mapping[Language, tuple[str, str]] = {"en": ("", ""), "zh": (".zh", " 中文")}
"""Ending of the page, ending of its title in the navigation."""
_UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"
"""Only one manual of each national version is searched: the others say the same again."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the manuals into the navigation, below the entry that mkdocs.yml has for them."""
    (entry,) = (entry for entry in config.nav or () if NAV in entry)
    entry[NAV] = [*entry[NAV], *({title: path} for path, title in _titles())]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Write the pages."""
    for path, content in pages():
        files.append(File.generated(config, path, content=content))
    return files


def pages() -> Iterator[tuple[str, str]]:
    """Path below docs/ and Markdown of every page."""
    shared = profile.load("2.00").codes
    yield _CODES, tables_page(shared, "en")
    for info in _cards():
        card = profile.load(info.name)
        for language in _LANGUAGES:
            elsewhere = {
                name: "codes.md" for name, table in card.codes.items() if table == shared.get(name)
            }
            text = manual(card, language, elsewhere)
            searched = info.kind == "national" and language == "en"
            yield _path(info, language), text if searched else _UNSEARCHED + text


def _titles() -> Iterator[tuple[str, str]]:
    for info in _cards():
        name = _short(info)
        for language, (_, ending) in _LANGUAGES.items():
            yield _path(info, language), f"{name}{ending}"
    yield _CODES, Text("代码表", "Code tables").en


def _cards() -> list[profile.ProfileInfo]:
    """The cards, the national ones first."""
    infos = [info for info in profile.available() if info.kind in ("national", "region")]
    return sorted(infos, key=lambda info: (info.kind != "national", info.name))


def _short(info: profile.ProfileInfo) -> str:
    return info.name.rsplit("/", 1)[-1]


def _path(info: profile.ProfileInfo, language: Language) -> str:
    return f"cards/{_short(info)}{_LANGUAGES[language][0]}.md"
