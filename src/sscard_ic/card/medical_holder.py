"""Whose card it is, as a settlement wants to know (ref 12 §7.1 step 1, §7.8)."""

from __future__ import annotations

from sscard_ic.card.medical_records import Holder
from sscard_ic.card.social_security import SocialSecurityCard
from sscard_ic.codec.digits import decode_cn
from sscard_ic.codec.text import decode_an, join_name
from sscard_ic.profile import Located
from sscard_ic.profile.medical import Medical

_CARD_NUMBER, _SOCIAL_SECURITY_NUMBER = "AAZ500", "AAC002"
_NAME, _NAME_EXTENSION = "@name", "@name_extension"
_SOURCES = (_CARD_NUMBER, _SOCIAL_SECURITY_NUMBER, _NAME, _NAME_EXTENSION)


def read_holder(card: SocialSecurityCard, medical: Medical) -> Holder:
    """What the card tells with the PIN and the keys at hand; the rest stays empty."""
    wanted = {source: place for place in card.profile.places if (source := _source(place))}
    places = list(wanted.values())
    insured = next((p for p in card.profile.places if p.path == medical.insured_place), None)
    if insured is not None:
        places.append(insured)
    values = card.read(places).values

    def value(source: str) -> bytes:
        return values.get(wanted[source].path, b"") if source in wanted else b""

    return Holder(
        social_security_number=decode_an(value(_SOCIAL_SECURITY_NUMBER)),
        name=join_name(value(_NAME), value(_NAME_EXTENSION)),
        card_number=decode_an(value(_CARD_NUMBER)),
        insured_place=decode_cn(values.get(insured.path, b"")) if insured else "",
    )


def _source(place: Located) -> str | None:
    return place.item.source if place.item.source in _SOURCES else None
