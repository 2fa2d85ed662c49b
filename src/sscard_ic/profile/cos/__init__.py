"""COS dialects as data: the model of each file in ``profiles/cos/``, by the name it bears."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sscard_ic.profile.cos.hdos import HdosDialect
from sscard_ic.profile.cos.mcos import McosDialect
from sscard_ic.profile.cos.t514 import T514Dialect
from sscard_ic.profile.cos.timecos import FmcosDialect, TimeCosDialect
from sscard_ic.profile.dialect import Dialect

DIALECTS: Mapping[str, type[Dialect]] = {
    "hdos": HdosDialect,
    "mcos": McosDialect,
    "t514": T514Dialect,
    "fmcos": FmcosDialect,
    "timecos": TimeCosDialect,
}
"""The dialects by name."""


def parse_dialect(data: Mapping[str, Any]) -> Dialect:
    """A dialect from its JSON form; raises :class:`ValueError` when it is none."""
    model = DIALECTS.get(str(data.get("name")))
    if model is None:
        raise ValueError("there is no such COS dialect")
    return model.model_validate(data)


__all__ = ["DIALECTS", "parse_dialect"]
