"""Reads a finished card back and compares it with its plan: rights, items, keys."""

from __future__ import annotations

from collections.abc import Sequence

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card import CardIdentity, Habits, Refused, SocialSecurityCard
from sscard_ic.issuance.prepare import CardResult, PreparedCard
from sscard_ic.keys import Authenticator
from sscard_ic.profile import AccessRule, CardProfile, Located
from sscard_ic.profile.values import unset
from sscard_ic.reader import Connection


class Mismatch(CardError):
    """The card holds something else than its plan says."""


def verify(
    session: Connection,
    profile: CardProfile,
    keys: Authenticator,
    plan: PreparedCard,
    habits: Habits,
) -> tuple[CardResult, Sequence[str]]:
    """What was read back, and the names of keys for which no harmless proof exists.

    ``session`` has just been powered up. Raises :class:`CardError` at the first difference; its
    text names the item, never the value.
    """
    if historical_bytes(session.atr) != plan.historical:
        raise Mismatch(
            Text("复位应答与计划不符", "the answer to reset is not the planned one"),
            where=session.atr.hex().upper(),
        )
    identity = CardIdentity(plan.division_code, plan.historical)
    stranger = SocialSecurityCard(session, profile, identity=identity, habits=habits)
    values = _read_as_stranger(stranger, list(profile.places))
    card = SocialSecurityCard(session, profile, keys, identity=identity, habits=habits)
    unproven: list[str] = []
    for directory in profile.structure.directories:
        unproven += card.prove_all(directory)
        if directory == profile.structure.pin_directory:
            # Not before: some systems forget the PIN when the MF is selected (ref 11 §2.3).
            card.verify_pin(plan.pin)
        places = profile.places
        closed = [p for p in places if p.directory_name == directory and p.path not in values]
        values |= card.read(closed).values
    _compare(profile, values, plan)
    return CardResult.of(session.atr, values), unproven


def _read_as_stranger(card: SocialSecurityCard, places: Sequence[Located]) -> dict[str, bytes]:
    """The free items, read with nothing authenticated; everything else must stay closed."""
    try:
        values = card.read(places).values
    except Refused as refused:
        raise Mismatch(
            Text(
                f"自由读取的数据项未开放：{refused.what.zh}",
                f"an item that should be free is closed: {refused.what.en}",
            ),
            hint=_OTHER_PROFILE,
        ) from refused
    probed: set[tuple[str, str, AccessRule]] = set()
    for located in places:
        rule = (located.directory_name, located.file_name, located.read)
        if located.read == _FREE or rule in probed:
            continue
        probed.add(rule)
        if card.opens(located):
            raise Mismatch(
                Text(
                    f"{located.path} 可自由读取，规范为 {located.read}",
                    f"{located.path} is read freely, its rule is {located.read}",
                ),
                hint=_OTHER_PROFILE,
            )
    return values


_FREE = AccessRule("free")
_OTHER_PROFILE = Text("空白卡是否属于此规范？", "is the blank one of this profile?")


def _compare(profile: CardProfile, values: dict[str, bytes], plan: PreparedCard) -> None:
    for located in profile.places:
        expected = plan.items.get(located.path)
        if expected is None and located.file.structure != "cyclic":  # a new log has no records
            expected = unset(located.item)
        if values.get(located.path) != expected:
            raise Mismatch(
                Text(
                    f"读回的 {located.path}（{located.item.zh}）与计划不符",
                    f"{located.path} {located.item.en} read back differs from the plan",
                )
            )
