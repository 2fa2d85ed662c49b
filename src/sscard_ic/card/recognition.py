"""Which profile a card obeys: specification version, issuing region and algorithm of its keys."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.application import announced_flag, flag_by_region, select_application
from sscard_ic.card.channel import Channel
from sscard_ic.card.habits import Habits
from sscard_ic.card.reading import FileReader
from sscard_ic.profile import CardProfile, card_profiles, load
from sscard_ic.profile.values import decode
from sscard_ic.reader.connection import Connection

_FREE_ON_EVERY_CARD = "national/2.00"
_CODE, _VERSION = "SSSE.EF05.01", "SSSE.EF05.03"


@dataclass(frozen=True, slots=True)
class _Told:
    """What a card tells anybody; ``flag`` is the algorithm in its FCI, None when it tells none."""

    version: str
    division: str
    flag: str | None

    def fits(self, profile: CardProfile) -> bool:
        """Whether the card may obey ``profile``."""
        if not profile.is_of_version(self.version):
            return False
        if profile.region is None:
            return True
        return profile.region.issuer.division_code == self.division and self.flag in (
            None,
            profile.algorithm_flag,
        )


def recognise(connection: Connection, habits: Habits | None = None) -> CardProfile:
    """The region's profile of the card, else the national one of its version.

    The national one knows the algorithm that the card announces, or that its region is known for
    (ref 02 §1.2). Costs four exchanges. Raises :class:`CardError` for a card that is not a social
    security card, bears no data yet, or is of a version without profile.
    """
    told = _ask(connection, habits)
    fitting = [p for p in card_profiles(told.version, told.division) if told.fits(p)]
    if not fitting:
        raise CardError(
            Text(
                f"没有 {told.version} 版卡的规范文件",
                f"no profile for cards of version {told.version}",
            ),
            hint=Text("用 sscard profile list 查看现有规范", "see: sscard profile list"),
        )
    profile = max(fitting, key=lambda profile: profile.region is not None)
    if profile.region is not None:
        return profile
    return replace(profile, announced=told.flag or flag_by_region(told.division))


def check_profile(
    connection: Connection, profile: CardProfile, habits: Habits | None = None
) -> None:
    """Raise :class:`CardError` when the card obeys another profile than the one asked for."""
    told = _ask(connection, habits)
    if not told.fits(profile):
        algorithm = Text(f"、算法 {told.flag}", f", algorithm {told.flag}")
        shown = algorithm if told.flag else Text("", "")
        raise CardError(
            Text(
                f"此卡是 {told.version} 版、地区 {told.division}{shown.zh} 的卡，"
                f"与规范 {profile.name} 不符",
                f"this card is of version {told.version} and region {told.division}{shown.en}, "
                f"not of {profile.name}",
            ),
            hint=Text("去掉 --profile，由程序识别", "leave --profile out to have it recognised"),
        )


def _ask(connection: Connection, habits: Habits | None) -> _Told:
    profile = load(_FREE_ON_EVERY_CARD)
    channel = Channel(connection)
    flag = announced_flag(select_application(channel, with_fci=True))
    places = [place for place in profile.places if place.path in (_CODE, _VERSION)]
    # Record by record: on a card not known yet "all records" might meet a closed one.
    values = FileReader(channel, habits or Habits()).read_records(places)
    version_place = next(place for place in places if place.path == _VERSION)
    version = decode(version_place.item, values.get(_VERSION, b"")).text
    if not version:
        raise CardError(
            Text("卡上还没有数据", "the card bears no data yet"),
            hint=Text("先完成个人化", "personalize it first"),
        )
    return _Told(version, values.get(_CODE, b"")[:3].hex().upper(), flag)
