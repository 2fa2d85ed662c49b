"""Custodians come one after the other, each with a part of a key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sscard_ic.base.authority import NotAuthorised
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.ceremony import components
from sscard_ic.keys.ceremony.components import Booth, Part
from sscard_ic.keys.ceremony.record import Deed, Recorder
from sscard_ic.keys.errors import ComponentError
from sscard_ic.keys.inventory import KeySpec
from sscard_ic.keys.new_keys import FEWEST_COMPONENTS


@dataclass(frozen=True, slots=True)
class Parts:
    """How custodians bring a key in."""

    booth: Booth
    count: int = FEWEST_COMPONENTS
    expected: bytes | None = None
    """3 bytes: check value of the whole key, where somebody told it."""
    custodians: int | None = None
    """How many there are who could sign in, where that is known."""


@contextmanager
def collected(
    recorder: Recorder, deed: Deed, spec: KeySpec, parts: Parts
) -> Iterator[Sequence[Secret]]:
    """The parts of all custodians, each accepted; cleared at the end.

    With production keys each custodian is another person. Raises :class:`ComponentError`,
    :class:`NotAuthorised`.
    """
    if parts.count < FEWEST_COMPONENTS:
        raise ValueError("a key has two parts at least")
    if recorder.needs_people:
        _require_custodians(deed, parts)
    values: list[Secret] = []
    custodians: list[str] = []
    carriers: list[str] = []
    try:
        for number in range(1, parts.count + 1):
            parts.booth.call(number, parts.count)
            custodians.append(_another(recorder, deed, parts.booth, custodians))
            part = Part(number, parts.count, spec, custodians[-1])
            try:
                carrier = _carrier(part, parts.booth, carriers)
                carriers.append(carrier)
                values.append(_brought(recorder, deed, part, carrier, parts.booth, values))
            finally:
                parts.booth.leave()
        yield values
    finally:
        for value in values:
            value.clear()


def _require_custodians(deed: Deed, parts: Parts) -> None:
    """Before anybody types: there must be one for each part."""
    there = parts.custodians
    if there is None or there >= parts.count:
        return
    raise NotAuthorised(
        Text(
            f"{parts.count} 个分量须由 {parts.count} 名保管人输入，目前可登录的只有 {there} 名",
            f"{parts.count} parts take {parts.count} custodians; {there} can sign in",
        ),
        where=deed.subject,
        hint=Text(
            "用 sscard operator add 登记保管人（角色 custodian）",
            "add one by `sscard operator add` with the role custodian",
        ),
    )


def _another(recorder: Recorder, deed: Deed, booth: Booth, before: Sequence[str]) -> str:
    """The name of a custodian who has not typed a part yet, asked for a few times."""
    for left in reversed(range(components.TRIES)):
        name = recorder.sign_in(deed, "custodian")
        if name not in before or not recorder.needs_people:
            return name
        error = NotAuthorised(
            Text(
                f"{name} 已输入过一个分量；每个分量须由不同的保管人输入",
                f"{name} has typed a part already: each takes another custodian",
            ),
            where=deed.subject,
            hint=Text(
                "未保存任何内容。请召集足够的保管人后重新开始",
                "nothing was stored; begin again when enough custodians are there",
            ),
        )
        if not left:
            raise error
        recorder.refuse(deed, name, "same person")
        booth.unwelcome(error, left)
    raise AssertionError("the last try returns or raises")


def _carrier(part: Part, booth: Booth, others: Sequence[str]) -> str:
    """The number of the carrier of a part; each part has its own."""
    for left in reversed(range(components.TRIES)):
        carrier = components.carrier_number(booth.carrier(part), part.spec)
        if carrier.casefold() not in (other.casefold() for other in others):
            return carrier
        error = ComponentError(
            Text(
                f"载体 {carrier} 已用于另一个分量",
                f"the carrier {carrier} is that of another part",
            ),
            where=part.spec.name,
            hint=Text(
                "未保存任何内容。每个分量须有自己的载体；请核对编号后重新开始",
                "nothing was stored; each part has a carrier of its own: compare the numbers and "
                "begin again",
            ),
        )
        if not left:
            raise error
        booth.refused(error, left)
    raise AssertionError("the last try returns or raises")


def _brought(
    recorder: Recorder,
    deed: Deed,
    part: Part,
    carrier: str,
    booth: Booth,
    others: Sequence[Secret],
) -> Secret:
    """One part, written down by the number of its carrier and its check value."""
    value = _accepted(part, booth)
    if any(components.same(value, other, part.spec) for other in others):
        value.clear()
        raise ComponentError(
            Text("两个分量相同", "two components are equal"),
            where=part.spec.name,
            hint=Text(
                "未保存任何内容。两名保管人已知彼此的分量，须全部重制",
                "nothing was stored; both custodians know each other's part now: "
                "have all parts made anew",
            ),
        )
    own = components.component_check_value(part.spec, value)
    deed.detail[f"part_{part.number}"] = f"{part.custodian} {carrier} {own}"
    recorder.step(deed, "component", person=part.custodian, carrier=carrier, value=own)
    return value


def _accepted(part: Part, booth: Booth) -> Secret:
    """The part that was typed with its check value, in as many tries as there are."""
    for left in reversed(range(components.TRIES)):
        entry = booth.entry(part)
        try:
            return components.accepted(part.spec, entry)
        except ComponentError as error:
            if not left:
                error.hint = Text(
                    "未保存任何内容。请核对载体后重新开始仪式",
                    "nothing was stored; compare with the carrier and begin the ceremony again",
                )
                raise
            booth.refused(error, left)
        finally:
            entry.component.clear()
    raise AssertionError("the last try returns or raises")
