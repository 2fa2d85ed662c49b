"""Items of a later version that a card of an earlier one can bear (ref 01 §7)."""

from __future__ import annotations

from sscard_ic.base.errors import Text
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.manual.page import Page, anchor
from sscard_ic.profile.manual.words import FORMATS
from sscard_ic.profile.rewriting import Rewritable, rewritable

ANCHOR = "rewriting"


def rewritten(page: Page, profile: CardProfile) -> None:
    """The tags that a later version gave another meaning, and how a reader tells which holds."""
    rules = profile.structure.rewriting
    if rules is None:
        return
    version = rules.version.rsplit("/", 1)[-1]
    page.heading(
        2, page.of(Text(f"改写为 {version} 版的数据项", f"Items of version {version}")), ANCHOR
    )
    page.paragraph(
        Text(
            f"{version} 版给下列标签以新含义。写新值时右补 `E` 至原长度；读出的末字节为 `EE` 时"
            "按新项解释，否则按原项；有的项随同一文件的另一项。",
            f"Version {version} gave these tags another meaning. A new value is filled with hex "
            "`E` on the right up to the old length; where the last byte is `EE` the new item "
            "holds, else the old one. Some items follow another one of their file.",
        )
    )
    found = (rewritable(profile, place.path) for place in profile.places)
    page.table(_HEADS, (_row(page, item) for item in found if item is not None))


def _row(page: Page, item: Rewritable) -> tuple[str, ...]:
    told = Text(f"随 {item.leader}", f"follows {item.leader}")
    if item.leader is None:
        told = Text("末字节 `EE`", "last byte `EE`")
    if not item.is_possible:
        told = Text("放不下，不能改写", "does not fit: rewriting is not possible")
    return (
        f"[{item.path}](#{anchor(item.path.rsplit('.', 1)[0])})",
        page.name(item.old),
        f"{FORMATS[item.old.format]} {item.old.length}",
        page.name(item.new),
        f"{FORMATS[item.new.format]} {item.new.length}",
        page.of(told),
    )


_HEADS = (
    Text("路径", "Path"),
    Text("原项", "Old item"),
    Text("存储", "Stored"),
    Text("新项", "New item"),
    Text("存储", "Stored"),
    Text("判别", "Told by"),
)
