"""A whole card in one document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sscard_ic.base.errors import Text
from sscard_ic.card.channel import Refused
from sscard_ic.card.medical_account import MedicalAccount
from sscard_ic.card.social_security import SocialSecurityCard
from sscard_ic.profile.contents import Contents


@dataclass(frozen=True, slots=True)
class Dump:
    """What a card gave out, and the keys that would have opened more, with the reason."""

    contents: Contents
    lacking: Mapping[str, Text]


def dump_card(card: SocialSecurityCard, *, with_account: bool = False) -> Dump:
    """Every item that the PIN and the keys of the session open, and the rules of the others.

    ``with_account`` asks for the balances of the medical account, too (three exchanges; the PIN
    opens them); a card that refuses gives none. Raises :class:`KeyRefused` for a wrong key.
    """
    reading = card.read(card.profile.places)
    contents = Contents(
        profile=card.profile.name,
        atr=card.channel.connection.atr,
        values=reading.values,
        closed={path: str(rule) for path, rule in reading.closed.items()},
        account=_account(card) if with_account else None,
    )
    return Dump(contents, reading.lacking)


def _account(card: SocialSecurityCard) -> Mapping[str, int] | None:
    if card.profile.structure.medical is None:
        return None
    try:
        found = MedicalAccount(card).balances()
    except Refused:
        return None
    return {
        "balance": found.account,
        "self_paid": found.self_paid,
        "pooled": found.pooled,
        "year": found.year,
    }
