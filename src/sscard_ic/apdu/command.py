"""Command and response APDU (ISO/IEC 7816-4), short and extended."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sscard_ic.apdu.status import StatusWord

_SHORT_MAX = 256
_EXTENDED_MAX = 65536


class ApduError(ValueError):
    """The bytes are not a command APDU, or a field is out of range."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command APDU.

    ``data`` is the body without Lc; ``le`` is None (no answer data expected) or the number of
    bytes expected, 256 (short) or 65536 (extended) meaning "as many as there are". Raises
    :class:`ApduError` for header fields above FF, over 65535 data bytes, or Le out of 1-65536.
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None

    def __post_init__(self) -> None:
        if max(self.cla, self.ins, self.p1, self.p2) > 0xFF or (
            min(self.cla, self.ins, self.p1, self.p2) < 0
        ):
            raise ApduError("CLA, INS, P1 and P2 are one byte each")
        if len(self.data) >= _EXTENDED_MAX:
            raise ApduError(f"{len(self.data)} data bytes do not fit a command")
        if self.le is not None and not 1 <= self.le <= _EXTENDED_MAX:
            raise ApduError(f"Le {self.le} is out of range")

    @property
    def case(self) -> int:
        """ISO case 1 to 4: nothing, answer only, data only, both."""
        return 1 + (self.le is not None) + 2 * bool(self.data)

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2."""
        return bytes((self.cla, self.ins, self.p1, self.p2))

    def __bytes__(self) -> bytes:
        extended = len(self.data) > 255 or (self.le is not None and self.le > _SHORT_MAX)
        if not extended:
            body = bytes((len(self.data),)) + self.data if self.data else b""
            tail = b"" if self.le is None else bytes((self.le % _SHORT_MAX,))
            return self.header + body + tail
        body = b"\x00" + len(self.data).to_bytes(2, "big") + self.data if self.data else b""
        if self.le is None:
            return self.header + body
        lead = b"" if self.data else b"\x00"
        return self.header + body + lead + (self.le % _EXTENDED_MAX).to_bytes(2, "big")

    def with_le(self, le: int | None) -> Command:
        """The same command asking for ``le`` bytes."""
        return replace(self, le=le)

    @classmethod
    def parse(cls, raw: bytes) -> Command:
        """The command in ``raw``; raises :class:`ApduError` when its lengths disagree."""
        if len(raw) < 4:
            raise ApduError(f"a command has at least 4 bytes, this one {len(raw)}")
        cla, ins, p1, p2 = raw[:4]
        rest = raw[4:]
        if not rest:
            return cls(cla, ins, p1, p2)
        if len(rest) == 1:
            return cls(cla, ins, p1, p2, b"", rest[0] or _SHORT_MAX)
        lc = rest[0]
        if lc:
            if len(rest) == 1 + lc:
                return cls(cla, ins, p1, p2, rest[1:])
            if len(rest) == 2 + lc:
                return cls(cla, ins, p1, p2, rest[1:-1], rest[-1] or _SHORT_MAX)
            raise ApduError(f"Lc says {lc}, {len(rest) - 1} bytes follow it")
        return cls._parse_extended(raw[:4], rest)

    @classmethod
    def _parse_extended(cls, header: bytes, rest: bytes) -> Command:
        if len(rest) < 3:
            raise ApduError("extended length is cut")
        cla, ins, p1, p2 = header
        length = int.from_bytes(rest[1:3], "big")
        if len(rest) == 3:
            return cls(cla, ins, p1, p2, b"", length or _EXTENDED_MAX)
        if length and len(rest) == 3 + length:
            return cls(cla, ins, p1, p2, rest[3:])
        if length and len(rest) == 5 + length:
            le = int.from_bytes(rest[-2:], "big") or _EXTENDED_MAX
            return cls(cla, ins, p1, p2, rest[3:-2], le)
        raise ApduError(f"extended Lc says {length}, {len(rest) - 3} bytes follow it")


@dataclass(frozen=True, slots=True)
class Response:
    """A response APDU: data and status word."""

    data: bytes
    sw: StatusWord

    @classmethod
    def parse(cls, raw: bytes) -> Response:
        """The response in ``raw``; raises :class:`ApduError` under two bytes."""
        if len(raw) < 2:
            raise ApduError(f"an answer has at least 2 bytes, this one {len(raw)}")
        return cls(raw[:-2], StatusWord(int.from_bytes(raw[-2:], "big")))

    def __bytes__(self) -> bytes:
        return self.data + self.sw.to_bytes(2, "big")
