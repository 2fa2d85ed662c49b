"""The parts of a key as custodians type them: hex digits and a check value of each part's own."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Protocol

from sscard_ic.base.authority import NotAuthorised
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.errors import ComponentError
from sscard_ic.keys.hierarchy import check_value
from sscard_ic.keys.inventory import KeySpec
from sscard_ic.keys.new_keys import generated, require_software

TRIES = 3
"""How often a custodian may type a part."""
CHECK_VALUE_LENGTH = 3

_CARRIER_LENGTH = 64
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_PARITY = bytes(byte & 0xFE for byte in range(256))


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of which key is asked for."""

    number: int
    """Counted from 1."""
    count: int
    spec: KeySpec
    custodian: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What a custodian typed, as it was typed."""

    component: Secret
    """Text in UTF-8: hex digits, spaces between them as one likes."""
    check_value: str


class Booth(Protocol):
    """Where one custodian at a time is, unseen by the others."""

    def call(self, number: int, count: int) -> None:
        """Ask for the custodian of part ``number``, who will sign in then."""
        ...

    def carrier(self, part: Part) -> str:
        """The number of the envelope or card that the part came in, or goes into."""
        ...

    def entry(self, part: Part) -> Entry:
        """The part and its check value, typed; the part is not seen on the screen."""
        ...

    def refused(self, error: ComponentError, left: int) -> None:
        """Tell why what was typed is not accepted, and how often it may be typed again."""
        ...

    def unwelcome(self, error: NotAuthorised, left: int) -> None:
        """Tell why another person must sign in, and how often that may be tried again."""
        ...

    def show(self, part: Part, component: Secret, check_value: str) -> None:
        """Let the custodian copy a new part; return when that is done."""
        ...

    def leave(self) -> None:
        """Wipe the screen before somebody else comes."""
        ...


def accepted(spec: KeySpec, entry: Entry) -> Secret:
    """The bits of a part whose check value was typed with it; raises :class:`ComponentError`."""
    value = _bits(entry.component, spec)
    if not any(_significant(value, spec)):
        raise ComponentError(
            Text("分量全为零", "a component of zeros adds nothing to a key"), where=spec.name
        )
    own = check_value(spec.algorithm, value).hex().upper()
    if own != _digits(entry.check_value):
        raise ComponentError(
            Text(
                "分量与其校验值不符，其中一个输入有误",
                "the component does not have this check value: one of the two was mistyped",
            ),
            where=spec.name,
        )
    return value


def same(one: Secret, other: Secret, spec: KeySpec) -> bool:
    """Whether two parts cancel each other out; DES ignores the lowest bit of each byte."""
    return Secret(_significant(one, spec)) == Secret(_significant(other, spec))


def new_component(spec: KeySpec) -> Secret:
    """A random part for a key like ``spec``."""
    require_software(spec)
    return generated(spec)


def component_check_value(spec: KeySpec, value: Secret) -> str:
    """Six hex digits."""
    return check_value(spec.algorithm, value).hex().upper()


def carrier_number(text: str, spec: KeySpec) -> str:
    """``text`` as the number of a carrier; raises :class:`InputError`.

    What could be a part of the key is refused, for the number is shown and written down.
    """
    number = text.strip()
    if not number or len(number) > _CARRIER_LENGTH or not number.isprintable():
        raise InputError(
            Text(
                f"载体编号应为 1 至 {_CARRIER_LENGTH} 个可显示字符",
                f"the number of a carrier has 1 to {_CARRIER_LENGTH} printable characters",
            )
        )
    digits = _digits(number)
    # Serial numbers of cards are long, too, but decimal; a random part hardly ever is.
    if len(digits) >= 2 * spec.length and _HEX.fullmatch(digits) and not digits.isdecimal():
        raise InputError(
            Text(
                "这像是密钥分量，而此处应输入载体编号",
                "this looks like a component; the number of its carrier is asked for",
            ),
            hint=Text(
                "若确是分量，它已被看到：请作废重制",
                "if it is one, it has been seen: have it made anew",
            ),
        )
    return number


def parsed_check_value(text: str) -> bytes:
    """3 bytes from six hex digits; raises :class:`InputError`."""
    digits = _digits(text)
    if len(digits) != 2 * CHECK_VALUE_LENGTH or not _HEX.fullmatch(digits):
        raise InputError(
            Text("校验值应为 6 个十六进制数字", "a check value has six hexadecimal digits")
        )
    return bytes.fromhex(digits)


def _bits(typed: Secret, spec: KeySpec) -> Secret:
    digits = _digits(typed.reveal().decode("utf-8", errors="replace"))
    if len(digits) != 2 * spec.length or not _HEX.fullmatch(digits):
        wanted = 2 * spec.length
        raise ComponentError(
            Text(
                f"分量应为 {wanted} 个十六进制数字（输入了 {len(digits)} 个字符）",
                f"a component of this key has {wanted} hexadecimal digits "
                f"({len(digits)} characters were typed)",
            ),
            where=spec.name,
        )
    return Secret(bytes.fromhex(digits))


def _digits(text: str) -> str:
    """Without spaces, in the ordinary width, which an input method may have changed."""
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def _significant(value: Secret, spec: KeySpec) -> bytes:
    bits = value.reveal()
    return bits.translate(_PARITY) if spec.family == "3des" else bits
