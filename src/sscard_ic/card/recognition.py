"""Which profile a card obeys: its specification version and its issuing region."""

from __future__ import annotations

from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.habits import Habits
from sscard_ic.card.social_security import SocialSecurityCard
from sscard_ic.profile import CardProfile, available, load
from sscard_ic.profile.values import decode
from sscard_ic.reader.connection import Connection

_FREE_ON_EVERY_CARD = "national/2.00"
_CODE, _VERSION = "SSSE.EF05.01", "SSSE.EF05.03"


def recognise(connection: Connection, habits: Habits | None = None) -> CardProfile:
    """The region's profile of the card, else the national one of its version.

    Costs three exchanges. Raises :class:`CardError` for a card that is not a social security
    card, bears no data yet, or is of a version without profile.
    """
    version, division = _identify(connection, habits)
    profiles = [load(info.name) for info in available() if info.kind in ("region", "national")]
    fitting = [p for p in profiles if _fits(p, version, division)]
    if not fitting:
        raise CardError(
            Text(f"没有 {version} 版卡的规范文件", f"no profile for cards of version {version}"),
            hint=Text("用 sscard profile list 查看现有规范", "see: sscard profile list"),
        )
    return max(fitting, key=lambda profile: profile.region is not None)


def check_profile(
    connection: Connection, profile: CardProfile, habits: Habits | None = None
) -> None:
    """Raise :class:`CardError` when the card obeys another profile than the one asked for."""
    version, division = _identify(connection, habits)
    if not _fits(profile, version, division):
        raise CardError(
            Text(
                f"此卡是 {version} 版、地区 {division} 的卡，与规范 {profile.name} 不符",
                f"this card is of version {version} and region {division}, not of {profile.name}",
            ),
            hint=Text("去掉 --profile，由程序识别", "leave --profile out to have it recognised"),
        )


def _identify(connection: Connection, habits: Habits | None) -> tuple[str, str]:
    profile = load(_FREE_ON_EVERY_CARD)
    card = SocialSecurityCard(connection, profile, habits=habits)
    places = [p for p in profile.places if p.path in (_CODE, _VERSION)]
    values = card.read_singly(places).values
    version_place = next(place for place in places if place.path == _VERSION)
    version = decode(version_place.item, values.get(_VERSION, b"")).text
    if not version:
        raise CardError(
            Text("卡上还没有数据", "the card bears no data yet"),
            hint=Text("先完成个人化", "personalize it first"),
        )
    return version, values.get(_CODE, b"")[:3].hex().upper()


def _fits(profile: CardProfile, version: str, division: str) -> bool:
    # Only the first character counts: real cards write "2.0" too (ref 01 §1).
    if profile.structure.specification_version[:1] != version[:1]:
        return False
    return profile.region is None or profile.region.issuer.division_code == division
