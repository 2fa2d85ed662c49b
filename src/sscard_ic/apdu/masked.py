"""Bytes of which some are hidden, and how they are written and read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sscard_ic.base.errors import Text

Part = bytes | int
"""Visible bytes, or the number of hidden ones."""

_TOKEN = re.compile(r"\s+|(?P<hex>[0-9A-Fa-f]+)|‹(?P<count>[1-9][0-9]{0,5}) bytes?›")

LONGEST = 1_000_000
"""More bytes than any command or answer has: a damaged file must not ask for all memory."""


class MaskError(ValueError):
    """The text is not hex digits and hidden parts; ``what`` says why, without quoting it."""

    def __init__(self, what: Text) -> None:
        super().__init__(what.en)
        self.what = what


@dataclass(frozen=True, slots=True)
class Masked:
    """Bytes, some of them hidden. ``parts`` alternate between visible bytes and hidden counts.

    Make one with :meth:`of`, which joins and leaves out what is needless, so that equal contents
    are equal objects.
    """

    parts: tuple[Part, ...] = ()

    @classmethod
    def of(cls, *parts: Part) -> Masked:
        """The parts one after the other."""
        if len(parts) == 1:
            return cls(parts) if parts[0] else cls()
        joined: list[bytes | bytearray | int] = []
        for part in parts:
            last = joined[-1] if joined else None
            if isinstance(part, bytes) and isinstance(last, bytearray):
                last += part
            elif isinstance(part, bytes) and isinstance(last, bytes):
                joined[-1] = bytearray(last + part)
            elif isinstance(part, int) and isinstance(last, int):
                joined[-1] = last + part
            elif part:
                joined.append(part)
        return cls(tuple([bytes(p) if isinstance(p, bytearray) else p for p in joined]))

    @classmethod
    def parse(cls, text: str) -> Masked:
        """What :meth:`__str__` wrote; spaces mean nothing. Raises :class:`MaskError`."""
        parts: list[Part] = []
        at = size = 0
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                raise MaskError(
                    Text("既不是十六进制数，也不是 ‹n bytes›", "neither hex digits nor ‹n bytes›")
                )
            if digits := token["hex"]:
                if len(digits) % 2:
                    raise MaskError(Text("十六进制数的位数为奇数", "an odd number of hex digits"))
                parts.append(bytes.fromhex(digits))
            elif count := token["count"]:
                parts.append(int(count))
            size += _size(parts[-1]) if token.lastgroup else 0
            if size > LONGEST:
                raise MaskError(
                    Text(
                        f"超过 {LONGEST} 字节，命令和应答没有这么长",
                        f"more than {LONGEST} bytes; no command or answer has so many",
                    )
                )
            at = token.end()
        return cls.of(*parts)

    def __len__(self) -> int:
        size = 0
        for part in self.parts:
            size += part if isinstance(part, int) else len(part)
        return size

    def __str__(self) -> str:
        return " ".join(
            part.hex().upper() if isinstance(part, bytes) else hidden_text(part)
            for part in self.parts
        )

    @property
    def hidden(self) -> bool:
        """Whether anything is hidden."""
        # Parts alternate: only one visible part means that nothing is hidden.
        return len(self.parts) > 1 or (bool(self.parts) and not self.head)

    @property
    def head(self) -> bytes:
        """The visible bytes that it begins with."""
        first = self.parts[0] if self.parts else b""
        return first if isinstance(first, bytes) else b""

    def matches(self, raw: bytes) -> bool:
        """Whether ``raw`` has this length and the visible bytes in their places."""
        at = 0
        for part in self.parts:
            if isinstance(part, bytes) and raw[at : at + len(part)] != part:
                return False
            at += _size(part)
        return at == len(raw)

    def filled(self) -> bytes:
        """The bytes, with 00 for every hidden one."""
        return b"".join(part if isinstance(part, bytes) else bytes(part) for part in self.parts)

    def cut(self, start: int, stop: int) -> Masked:
        """The bytes from ``start`` to before ``stop``, as far as there are any."""
        if len(self.parts) == 1 and isinstance(self.parts[0], bytes):
            return Masked.of(self.parts[0][max(start, 0) : max(stop, 0)])
        parts: list[Part] = []
        at = 0
        for part in self.parts:
            if at >= stop:
                break
            size = part if isinstance(part, int) else len(part)
            first, last = max(start - at, 0), min(stop - at, size)
            if first < last:
                parts.append(last - first if isinstance(part, int) else part[first:last])
            at += size
        return Masked(tuple(parts))  # pieces of parts that alternate do so too


def hidden_text(count: int) -> str:
    """How ``count`` hidden bytes are written."""
    return f"‹{count} byte›" if count == 1 else f"‹{count} bytes›"


def _size(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else part
