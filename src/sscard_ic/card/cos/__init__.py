"""COS dialects, terminal's side: what must be sent to build up a blank."""

from __future__ import annotations

from functools import cache

from sscard_ic.card.cos.hdos import HdosBuilder
from sscard_ic.card.cos.mcos import McosBuilder
from sscard_ic.card.cos.register import RegisterBuilder
from sscard_ic.card.cos.steps import Builder
from sscard_ic.card.cos.t514 import T514Builder
from sscard_ic.profile import CardProfile

_BUILDERS: dict[str, type[Builder]] = {
    "hdos": HdosBuilder,
    "mcos": McosBuilder,
    "t514": T514Builder,
    "fmcos": RegisterBuilder,
    "timecos": RegisterBuilder,
}


@cache
def builder_for(profile: CardProfile) -> Builder:
    """The builder of the profile's dialect; made once, since every card takes the same steps."""
    return _BUILDERS[profile.dialect.name](profile)


__all__ = ["Builder", "builder_for"]
