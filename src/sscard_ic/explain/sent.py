"""A command taken apart, whatever its lengths say."""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.redaction import HEADER
from sscard_ic.base.errors import Text
from sscard_ic.explain.words import NOTHING, bytes_of

MAC = 4
"""Bytes of the MAC that secure messaging puts at the end of the data (ref 02 §4.1)."""

_SECURE = 0x04
"""Low half of a class byte: the data end in a MAC."""

LENGTHS_HIDDEN = Text("长度未显示", "the lengths are hidden")


@dataclass(frozen=True, slots=True)
class Sent:
    """A command: header, data, Le (256 and 65536 mean all there is; None: not expected)."""

    raw: Masked
    header: bytes
    data: Masked = NOTHING
    le: int | None = None
    remarks: tuple[Text, ...] = ()

    @property
    def p1(self) -> int:
        """First parameter byte."""
        return self.header[2]

    @property
    def p2(self) -> int:
        """Second parameter byte."""
        return self.header[3]

    @property
    def secure(self) -> bool:
        """Whether the class says that a MAC ends the data."""
        return self.header[0] & 0x0F == _SECURE

    @property
    def plain(self) -> Masked:
        """The data without the MAC of secure messaging."""
        return self.data.cut(0, max(len(self.data) - MAC, 0)) if self.secure else self.data

    @property
    def mac(self) -> Masked:
        """The MAC of secure messaging; empty without it."""
        if not self.secure:
            return NOTHING
        return self.data.cut(max(len(self.data) - MAC, 0), len(self.data))

    def as_shown(self, secret: bool) -> Masked:
        """The whole command, its data hidden where it is ``secret``.

        With them everything else behind the header where lengths disagree, or an Le follows: it
        may be the end of a PIN.
        """
        if not secret or not self.data:
            return self.raw
        if self.remarks or self.le is not None:
            return Masked.of(self.header, len(self.raw) - HEADER)
        lengths = self.raw.cut(HEADER, len(self.raw) - len(self.data))
        return Masked.of(self.header, *lengths.parts, len(self.data))


def take_apart(raw: Masked) -> Sent | None:
    """The command in ``raw``; None where not even its header can be seen."""
    head, size = raw.head, len(raw) - HEADER
    if len(head) < HEADER:
        return None
    header = head[:HEADER]
    if not size:
        return Sent(raw, header)
    body = raw.cut(HEADER, HEADER + size)
    if len(head) == HEADER:
        return Sent(raw, header, body, remarks=(LENGTHS_HIDDEN,))
    first = head[HEADER]
    if size == 1:
        return Sent(raw, header, le=first or 0x100)
    return _with_data(raw, header, body, 1, first) if first else _extended(raw, header, body)


def _extended(raw: Masked, header: bytes, body: Masked) -> Sent:
    head = body.head
    if len(head) < 3:
        remark = Text("扩展长度不完整", "an extended length is cut")
        return Sent(raw, header, body.cut(1, len(body)), remarks=(remark,))
    size = int.from_bytes(head[1:3], "big")
    if len(body) == 3:
        return Sent(raw, header, le=size or 0x10000)
    return _with_data(raw, header, body, 3, size)


def _with_data(raw: Masked, header: bytes, body: Masked, width: int, size: int) -> Sent:
    """The command with ``size`` bytes of data behind an Lc of ``width`` bytes, and Le or not."""
    there = len(body) - width
    if there == size:
        return Sent(raw, header, body.cut(width, len(body)))
    le_width = 1 if width == 1 else 2
    if there == size + le_width:
        le = body.cut(width + size, len(body))
        data = body.cut(width, width + size)
        asked = int.from_bytes(le.head, "big") or 0x100**le_width
        return Sent(raw, header, data, None if le.hidden else asked)
    says = Text(
        f"Lc 为 {size}，其后有 {bytes_of(there).zh}",
        f"Lc says {size}, {bytes_of(there).en} follow it",
    )
    return Sent(raw, header, body.cut(width, len(body)), remarks=(says,))
