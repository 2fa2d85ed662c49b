"""Selecting the social security application, and the algorithm that its FCI announces."""

from __future__ import annotations

from sscard_ic.apdu import iso
from sscard_ic.apdu.ssc import ALGORITHM_MARK
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.channel import Channel, Refused

SSSE_NAME = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
"""``sx1.sh.社会保障``, the same for every version of the card (ref 01 §2.1)."""

_FLAGS = {0x01: "01", 0x02: "02", 0x03: "03"}
_SSF33_DIVISIONS = "11"
"""Beijing: its cards are of SSF33 where the FCI says nothing (ref 02 §1.2)."""


_FOR_A_TIME = StatusWord(0x6283)
_BLOCKED_HINTS = {
    _FOR_A_TIME: Text(
        "应用被临时锁定，解锁：sscard card unblock --profile 地区（子应用加 --application DFxx）",
        "the application is blocked for a time; sscard card unblock --profile REGION undoes that, "
        "with --application DFxx for one below the SSSE",
    ),
    StatusWord(0x9303): Text(
        "应用被永久锁定，只能换卡",
        "the application is blocked for good; the card is replaced",
    ),
    StatusWord(0x6A81): Text(
        "卡片可能已被锁定，只能换卡", "the card may be blocked; then it is replaced"
    ),
}


class Blocked(Refused):
    """SELECT was refused because an application or the card is blocked."""

    def __init__(self, command: Text, sw: StatusWord) -> None:
        super().__init__(command, sw)
        self.hint = _BLOCKED_HINTS[sw]

    @property
    def for_a_time(self) -> bool:
        """Whether the status says that it can be unblocked (ref 02 §1.4)."""
        return self.sw == _FOR_A_TIME

    @staticmethod
    def is_told_by(sw: StatusWord) -> bool:
        """Whether a status of SELECT says so."""
        return sw in _BLOCKED_HINTS


def select_application(
    channel: Channel, *, with_fci: bool = False, tolerated: int | None = None
) -> bytes:
    """Select it; its FCI where asked for and given, which takes one exchange more at T=0.

    Raises :class:`CardError` when it is not on the card, :class:`Blocked` when it is blocked;
    not so when it is answered ``tolerated``.
    """
    response = channel.ask(iso.select_name(SSSE_NAME, iso.READ_ALL if with_fci else None))
    if tolerated is not None and response.sw == tolerated:
        return response.data
    if Blocked.is_told_by(response.sw):
        raise Blocked(
            Text("选择社会保障应用", "select the social security application"), response.sw
        )
    if not response.sw.ok:
        raise CardError(
            Text(
                f"卡上没有社会保障应用（{response.sw}）",
                f"no social security application on this card ({response.sw})",
            ),
            hint=Text("请插入社会保障卡", "insert a social security card"),
        )
    return response.data


def announced_flag(fci: bytes) -> str | None:
    """01, 02 or 03: the byte after 9F0C86; None where the FCI announces nothing (ref 02 §1.2)."""
    _, mark, rest = fci.partition(ALGORITHM_MARK)
    return _FLAGS.get(rest[0]) if mark and rest else None


def flag_by_region(division_code: str) -> str:
    """The flag of a card whose FCI announces nothing: SSF33 in Beijing, else 3DES (ref 02 §1.2)."""
    return "02" if division_code.startswith(_SSF33_DIVISIONS) else "01"
