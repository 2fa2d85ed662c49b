"""The value types that profile files are written in."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from sscard_ic.base.errors import Text
from sscard_ic.base.problems import Unusable
from sscard_ic.profile.access import AccessRule


class Strict(BaseModel):
    """Base of all profile models: immutable, unknown keys refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True
    )


def _hex(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise Unusable("应为引号中的十六进制数字", "hexadecimal digits in quotes are expected")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise Unusable(
            f"{value!r} 不是偶数个十六进制数字",
            f"{value!r} is not an even number of hexadecimal digits",
        ) from None


def _hex_number(value: Any) -> int:
    return value if isinstance(value, int) else int.from_bytes(_hex(value), "big")


def _rule(value: Any) -> AccessRule:
    return value if isinstance(value, AccessRule) else AccessRule.parse(str(value))


HexBytes = Annotated[bytes, BeforeValidator(_hex), PlainSerializer(lambda v: v.hex().upper())]
"""Bytes written as hex digits in quotes."""

HexByte = Annotated[
    int, Field(ge=0, le=0xFF), BeforeValidator(_hex_number), PlainSerializer(lambda v: f"{v:02X}")
]
"""One byte written as two hex digits in quotes."""

HexWord = Annotated[
    int, Field(ge=0, le=0xFFFF), BeforeValidator(_hex_number), PlainSerializer(lambda v: f"{v:04X}")
]
"""Two bytes (file identifier, status word) written as four hex digits in quotes."""

Rule = Annotated[AccessRule, BeforeValidator(_rule), PlainSerializer(str)]
"""An access rule written as text."""


class Title(Strict):
    """A name in both languages."""

    zh: str
    en: str

    @property
    def title(self) -> Text:
        """The name as a message."""
        return Text(self.zh, self.en)
