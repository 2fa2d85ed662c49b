"""What a card holds, as a document: dumps, and what is different between two of them.

A dump bears personal data in the clear; whoever writes one to a file gives it mode 0600.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from sscard_ic.base.errors import InputError, Text
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.fields import HexBytes, Strict
from sscard_ic.profile.rewriting import item_of, read_place
from sscard_ic.profile.structure import Located
from sscard_ic.profile.values import Value

_DIGITS = 12
FORMAT: Literal["sscard-dump/1"] = "sscard-dump/1"


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that could be read from one card."""

    profile: str
    """Name of the profile that it obeys."""
    atr: bytes
    values: Mapping[str, bytes] = field(repr=False)
    """Item path → value as stored."""
    closed: Mapping[str, str] = field(default_factory=dict)
    """Item path → rule that was not met."""
    account: Mapping[str, int] | None = None
    """Medical account: ``balance``, ``self_paid`` and ``pooled`` in fen, ``year``; None where it
    was not read."""

    def to_json(self, profile: CardProfile) -> dict[str, Any]:
        """The document; what a value means is said beside it, for people alone."""
        return {
            "format": FORMAT,
            "profile": self.profile,
            "atr": self.atr.hex().upper(),
            "items": [
                _item_json(place, self.values, profile)
                for place in profile.places
                if place.path in self.values
            ],
            "closed": dict(self.closed),
            "account": None if self.account is None else dict(self.account),
        }


def _item_json(place: Located, values: Mapping[str, bytes], profile: CardProfile) -> dict[str, Any]:
    item, value = item_of(profile, place, values), read_place(profile, place, values)
    return {
        "path": place.path,
        "zh": item.zh,
        "en": item.en,
        "raw": value.raw.hex().upper(),
        "value": value.text,
        "meaning": _pair(value),
        "remarks": [{"zh": remark.zh, "en": remark.en} for remark in value.remarks],
    }


def _pair(value: Value) -> dict[str, str] | None:
    return {"zh": value.meaning.zh, "en": value.meaning.en} if value.meaning else None


class _Item(Strict, extra="ignore"):
    path: str
    raw: HexBytes


class _Document(Strict, extra="ignore"):
    format: Literal["sscard-dump/1"]
    profile: str
    atr: HexBytes
    items: tuple[_Item, ...]
    closed: dict[str, str] = Field(default={})
    account: dict[str, Annotated[int, Field(ge=0)]] | None = None


def _number(digits: str) -> int | None:
    """Amounts have few digits; more of them are no number of a dump."""
    return int(digits) if len(digits) <= _DIGITS else None


def parse_contents(text: str, where: str) -> Contents:
    """The dump written by :meth:`Contents.to_json`; ``where`` names it in errors.

    Raises :class:`InputError` for anything that is no dump; its text shows no value.
    """
    try:
        document = _Document.model_validate(json.loads(text, parse_int=_number))
    except RecursionError:
        raise InputError(Text("JSON 嵌套过深", "JSON nested too deep"), where=where) from None
    except json.JSONDecodeError as error:
        raise InputError(
            Text("不是 JSON 文件", "not a JSON document"), where=f"{where}:{error.lineno}"
        ) from None
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise InputError(
            Text(f"不是卡内容转储：{place}", f"not a dump of a card: {place}"),
            where=where,
            hint=Text("用 sscard dump 生成", "make one with sscard dump"),
        ) from None
    values = {item.path: item.raw for item in document.items}
    if len(values) != len(document.items):
        raise InputError(Text("数据项重复", "an item is there twice"), where=where)
    return Contents(document.profile, document.atr, values, document.closed, document.account)


@dataclass(frozen=True, slots=True)
class Difference:
    """One item that differs; None stands for an item that is not there."""

    place: Located
    before: Value | None
    after: Value | None


def differences(
    profile: CardProfile,
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    paths: Iterable[str] | None = None,
) -> Sequence[Difference]:
    """What differs between two sets of values by path, in card order.

    ``paths`` limits the comparison. Paths that the profile does not know are left out.
    """
    wanted = None if paths is None else set(paths)
    return tuple(
        Difference(place, _value(profile, place, before), _value(profile, place, after))
        for place in profile.places
        if (wanted is None or place.path in wanted)
        and before.get(place.path) != after.get(place.path)
    )


def _value(profile: CardProfile, place: Located, values: Mapping[str, bytes]) -> Value | None:
    return read_place(profile, place, values) if place.path in values else None
