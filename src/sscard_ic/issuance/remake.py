"""Virtual cards made of the dump of another card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.apdu.ssc import pin_block
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card import Blank, CardIdentity, Habits, SocialSecurityCard, chip_serial
from sscard_ic.codec.digits import decode_cn
from sscard_ic.issuance.checks import region_of
from sscard_ic.keys import published_keys
from sscard_ic.profile import CardProfile, Located, load
from sscard_ic.profile.contents import Contents
from sscard_ic.profile.values import unset
from sscard_ic.reader import Connection

_IDENTIFICATION = "SSSE.EF05.01"


@dataclass(frozen=True, slots=True)
class NotRestored:
    """What a dump could not give to the card that was made of it."""

    closed: Sequence[str]
    """Paths that were closed in the dump, or that this chip lets nobody write; they stay unset."""
    account: bool
    """The medical account had amounts; the new card's is empty."""


def remake(session: Connection, profile: CardProfile, contents: Contents) -> NotRestored:
    """Turn the blank of ``session`` into a finished card with these contents and this ATR.

    Its keys are the published test keys and its PIN the initial one of the region: a dump holds
    neither. Raises :class:`InputError` when the dump is not of ``profile``, :class:`CardError` as
    issuing does.
    """
    values = _fitting(profile, contents)
    shut = _shut(profile, values)
    values = {path: raw for path, raw in values.items() if path not in shut}
    identity = _identity(profile, contents)
    keys = published_keys(profile.keys)
    blank = Blank(session, profile, keys, chip_serial(session.atr))
    blank.check_fresh()
    blank.initialise(identity, Secret(pin_block(region_of(profile).pin.initial)))
    card = SocialSecurityCard(session, profile, keys, identity=identity, habits=Habits())
    for portion in _portions(profile, values):
        card.update(portion)
    blank.finish(identity)
    session.reset(cold=True)
    account = contents.account or {}
    return NotRestored((*contents.closed, *shut), any(account.values()))


def _fitting(profile: CardProfile, contents: Contents) -> Mapping[str, bytes]:
    """The values that are set, checked against the lengths of the profile."""
    _require_kin(profile, contents)
    places = {place.path: place for place in profile.places}
    for path, raw in contents.values.items():
        place = places.get(path)
        if place is None or len(raw) != place.item.length:
            raise InputError(
                Text(
                    f"{path} 与规范 {profile.name} 不符",
                    f"{path} does not fit the profile {profile.name}",
                ),
                hint=Text("用 --profile 指定合适的规范", "name a fitting one with --profile"),
            )
    return {p: raw for p, raw in contents.values.items() if raw != unset(places[p].item)}


def _require_kin(profile: CardProfile, contents: Contents) -> None:
    """Refuse a profile of another version or algorithm than the card of the dump had."""
    if profile.name == contents.profile:
        return
    of_dump = load(contents.profile)
    version = of_dump.structure.specification_version
    if (of_dump.algorithm, version) != (
        profile.algorithm,
        profile.structure.specification_version,
    ):
        raise InputError(
            Text(
                f"转储来自 {version} 版、算法 {of_dump.algorithm} 的卡，与规范 {profile.name} 不符",
                f"the dump is of a card of version {version} with {of_dump.algorithm}, unlike "
                f"the profile {profile.name}",
            ),
            hint=Text("去掉 --profile", "leave --profile out"),
        )


def _shut(profile: CardProfile, values: Mapping[str, bytes]) -> Sequence[str]:
    """Paths that only the card itself may write, where nothing is open after the building."""
    if profile.dialect.stays_open:
        return ()
    closed = ("never", "internal")
    return [p.path for p in profile.places if p.path in values and p.update.kind in closed]


def _identity(profile: CardProfile, contents: Contents) -> CardIdentity:
    code = contents.values.get(_IDENTIFICATION)
    division = decode_cn(code[:3]) if code else region_of(profile).issuer.division_code
    return CardIdentity(division, historical_bytes(contents.atr))


def _portions(profile: CardProfile, values: Mapping[str, bytes]) -> Iterator[Mapping[str, bytes]]:
    """Everything but the logs at once, then the records of each log, the oldest first."""
    places = [place for place in profile.places if place.path in values]
    plain = {p.path: values[p.path] for p in places if p.file.structure != "cyclic"}
    yield plain
    logs = [place for place in places if place.file.structure == "cyclic"]
    for _, group in groupby(logs, key=_file):
        records = list(group)
        newest = profile.places_of(*_file(records[0]))[0]
        for place in reversed(records):
            yield {newest.path: values[place.path]}


def _file(place: Located) -> tuple[str, str]:
    return place.directory_name, place.file_name
