"""``sscard sim new --from``: virtual cards made of dumps."""

from __future__ import annotations

from pathlib import Path

from sscard_ic.base.errors import Text
from sscard_ic.cli.common import say
from sscard_ic.cli.dump import read_dump
from sscard_ic.profile import CardProfile, load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual


def remade(dump: Path, profile_name: str | None, cos: str | None, out: Path) -> tuple[str, Path]:
    """Name of the profile and image of a card with the contents of ``dump``.

    What a dump cannot give back is told. Nothing is left behind when the card cannot be made.
    """
    from sscard_ic.issuance.remake import remake

    contents = read_dump(dump)
    profile: CardProfile = load(profile_name or contents.profile, cos)
    image = new_blank(profile, out)
    try:
        card = open_virtual(image)
        try:
            lost = remake(open_session(card), profile, contents)
        finally:
            card.close()
    except BaseException:
        image.unlink(missing_ok=True)
        raise
    say(
        Text(
            "密钥为公开的测试密钥，密码为地区初始密码：转储中没有它们。",
            "Its keys are the published test keys, its PIN the region's initial one: "
            "a dump has neither.",
        )
    )
    if lost.closed:
        say(
            Text(
                f"转储中未开放或此卡不能写入的 {len(lost.closed)} 项未写入。",
                f"{len(lost.closed)} items are not set: closed in the dump, "
                "or this card lets nobody write them.",
            )
        )
    if lost.account:
        say(
            Text(
                "医疗账户的余额和累计额未恢复，均为 0。",
                "Balance and totals of the medical account are not restored; they are 0.",
            )
        )
    return profile.name, image
