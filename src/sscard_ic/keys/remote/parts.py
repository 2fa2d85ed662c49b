"""What the messages of an HSM service are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from sscard_ic.base.errors import Text
from sscard_ic.keys.remote import fields
from sscard_ic.keys.remote.fields import Field

Places = Sequence[Text]
"""Where each field stands in the message, for errors."""

_PROOF_LENGTH = 8


class Message:
    """A request or reply as a row of texts."""

    FIELDS: ClassVar[tuple[Field, ...]]

    def texts(self) -> tuple[str, ...]:
        """The fields in their order."""
        raise NotImplementedError

    @classmethod
    def parse(cls, texts: Sequence[str], places: Places) -> Self:
        """The message of checked texts; raises :class:`MessageError`."""
        raise NotImplementedError

    @classmethod
    def read(cls, texts: Sequence[str], places: Places) -> Self:
        """The message of texts as they came; raises :class:`MessageError`."""
        checked = [
            field.check(text, place)
            for field, text, place in zip(cls.FIELDS, texts, places, strict=True)
        ]
        return cls.parse(checked, places)


@dataclass(frozen=True, slots=True)
class Card:
    """The card as every request names it: region, 13 historical bytes, algorithm identifier."""

    region: str
    historical: bytes
    flag: str

    FIELDS: ClassVar[tuple[Field, ...]] = (fields.REGION, fields.HISTORICAL, fields.FLAG)

    def texts(self) -> tuple[str, str, str]:
        """Its three fields."""
        return self.region, hexed(self.historical), self.flag

    @classmethod
    def parse(cls, region: str, historical: str, flag: str) -> Self:
        """The card of three checked texts."""
        return cls(region, bytes.fromhex(historical), flag)


@dataclass(frozen=True, slots=True)
class Challenges:
    """The two random values of an authentication, 8 bytes each (ref 02 §6.3).

    ``factor`` (过程因子) makes the process key: the card's last challenge. ``raw`` (原始信息) is
    enciphered with it and sent in clear beside: the challenge before, or any value.
    """

    factor: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """鉴别数据 (8 bytes) ‖ 原始信息 (8 bytes): the data of an authentication command."""

    cryptogram: bytes
    raw: bytes

    def __bytes__(self) -> bytes:
        return self.cryptogram + self.raw

    @classmethod
    def parse(cls, text: str) -> Self:
        """The proof of 32 checked digits."""
        value = bytes.fromhex(text)
        return cls(value[:_PROOF_LENGTH], value[_PROOF_LENGTH:])


def hexed(value: bytes) -> str:
    """``value`` in capital digits."""
    return value.hex().upper()
