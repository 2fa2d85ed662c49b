"""Code tables of the manual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sscard_ic.base.errors import Language, Text
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.codes import CodeTable
from sscard_ic.profile.manual.page import Page, anchor, link
from sscard_ic.profile.structure import Item


def used_tables(profile: CardProfile) -> dict[str, list[str]]:
    """The code tables of a card, each with the paths of the items that hold its codes."""
    found: dict[str, list[str]] = {}
    for place in profile.places:
        if place.occurrence == 1:
            path = place.path.split("#")[0]
            for name in _tables_of(place.item):
                paths = found.setdefault(name, [])
                if path not in paths:
                    paths.append(path)
    return {name: found[name] for name in profile.codes if name in found}


def _tables_of(item: Item) -> Iterator[str]:
    if item.codes is not None:
        yield item.codes
    yield from (piece.codes for piece in item.split)
    for part in item.items:
        yield from _tables_of(part)


def code_tables(page: Page, profile: CardProfile, elsewhere: Mapping[str, str]) -> None:
    """The tables in use; of those that stand on another page only the name."""
    page.heading(2, page.of(Text("代码表", "Code tables")), "codes")
    for name, paths in used_tables(profile).items():
        if name in elsewhere:
            continue
        table(page, name, profile.codes[name])
        files = dict.fromkeys(
            path.rsplit(".", 1)[0] if path.count(".") > 1 else path for path in paths
        )
        links = ", ".join(map(link, files))
        page.paragraph(Text(f"用于：{links}", f"Used in: {links}"))
    shared = [link(name, elsewhere[name]) for name in used_tables(profile) if name in elsewhere]
    if shared:
        listed = ", ".join(shared)
        page.paragraph(Text(f"全国代码表：{listed}", f"National tables: {listed}"))


def table(page: Page, name: str, codes: CodeTable) -> None:
    """One table."""
    page.heading(3, f"{name} {page.name(codes)}", anchor(name))
    page.paragraph(_form(codes))
    page.table(_HEADS, ((code, entry.zh, entry.en) for code, entry in codes.entries.items()))


def tables_page(tables: Mapping[str, CodeTable], language: Language) -> str:
    """A page of code tables alone."""
    page = Page(language)
    page.heading(1, page.of(Text("代码表", "Code tables")))
    for name, codes in tables.items():
        table(page, name, codes)
    return str(page)


def _form(codes: CodeTable) -> Text:
    one = codes.digits == 1
    kind = Text("ASCII 数字", "ASCII digit") if codes.stored == "an" else Text("BCD", "BCD digit")
    zh = f"{codes.digits} 位，以 {kind.zh}（{codes.stored}）存储。"
    en = f"{codes.digits} {kind.en}{'' if one else 's'} ({codes.stored})."
    if codes.prefix:
        lengths = [str(length) for length in codes.prefix]
        zh += f"未列出的代码依次按前 {'、'.join(lengths)} 位解释。"
        tries = ", then ".join(lengths)
        en += f" A code that is not listed counts by its first {tries} digits."
    if codes.open:
        zh += "表外的代码也可使用。"
        en += " Codes outside the table may be used."
    return Text(zh, en)


_HEADS = (Text("代码", "Code"), Text("含义", "中文"), Text("English", "Meaning"))
