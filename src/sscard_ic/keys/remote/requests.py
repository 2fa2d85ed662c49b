"""Requests to an HSM service (加密机) and its replies (ref 05 appendix A, 02 §6, 03 §1.8, 12 §7.5).

====  ==============================  =============================================================
type  request                         what the service answers
====  ==============================  =============================================================
01    :class:`BasicRequest`           proofs of internal and external authentication (read basic)
02    :class:`AuthenticationRequest`  proof of external authentication by a key address
03    :class:`MessageRequest`         a finished command with MAC (PIN reset and unblock)
04    :class:`DebitRequest`           MAC1, MAC2 and TAC of a settlement
====  ==============================  =============================================================

How they are written down is for :mod:`.bars` and :mod:`.xml_form` to say. Both take a message as
the texts of its fields, in one order; a message is built from texts that :mod:`.fields` checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from sscard_ic.apdu.medical import TYPE_PURCHASE, Amounts
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.remote import fields
from sscard_ic.keys.remote.fields import Field, MessageError
from sscard_ic.keys.remote.parts import Card, Challenges, Message, Places, hexed
from sscard_ic.keys.remote.replies import (
    AuthenticationReply,
    BasicReply,
    DebitReply,
    MessageReply,
)


@dataclass(frozen=True, slots=True)
class BasicRequest(Message):
    """Type 01, MSGNO 9013: read basic.

    ``internal`` are the challenges of INTERNAL AUTHENTICATE (SJS1, SJS2), ``external`` those of
    EXTERNAL AUTHENTICATE with RKSSSE (SJS3, SJS4); None for cards that need none.
    """

    card: Card
    identification_code: bytes
    internal: Challenges
    external: Challenges | None

    TYPE: ClassVar[str] = "01"
    REPLY: ClassVar[type[BasicReply]] = BasicReply
    FIELDS: ClassVar[tuple[Field, ...]] = (
        *Card.FIELDS,
        fields.CODE,
        fields.INTERNAL_FACTOR,
        fields.INTERNAL_RAW,
        fields.EXTERNAL_FACTOR,
        fields.EXTERNAL_RAW,
    )

    def texts(self) -> tuple[str, ...]:
        """Its eight fields."""
        external = ("", "") if self.external is None else _pair(self.external)
        code = hexed(self.identification_code)
        return (*self.card.texts(), code, *_pair(self.internal), *external)

    @classmethod
    def parse(cls, texts: Sequence[str], places: Places) -> Self:
        """The request of checked texts; both external fields are empty, or none."""
        region, historical, flag, code, factor, raw, external_factor, external_raw = texts
        if bool(external_factor) != bool(external_raw):
            first, second = places[-2:]
            raise MessageError(
                Text(
                    f"{first.zh}与{second.zh}（外部认证）须同时有值或同时为空",
                    f"{first.en} and {second.en} (external authentication) are both filled, "
                    "or both empty",
                )
            )
        external = _challenges(external_factor, external_raw) if external_factor else None
        card = Card.parse(region, historical, flag)
        return cls(card, bytes.fromhex(code), _challenges(factor, raw), external)


@dataclass(frozen=True, slots=True)
class AuthenticationRequest(Message):
    """Type 02, MSGNO 9011: external authentication with the key at ``address``.

    ``identification_code`` is sent in the XML form alone; empty where it is not known.
    """

    card: Card
    address: str
    challenges: Challenges
    identification_code: bytes = field(default=b"", compare=False)

    TYPE: ClassVar[str] = "02"
    REPLY: ClassVar[type[AuthenticationReply]] = AuthenticationReply
    FIELDS: ClassVar[tuple[Field, ...]] = (
        *Card.FIELDS,
        fields.ADDRESS,
        fields.FACTOR,
        fields.RAW,
    )

    def texts(self) -> tuple[str, ...]:
        """Its six fields."""
        return (*self.card.texts(), self.address, *_pair(self.challenges))

    @classmethod
    def parse(cls, texts: Sequence[str], places: Places) -> Self:
        """The request of checked texts."""
        region, historical, flag, address, factor, raw = texts
        return cls(Card.parse(region, historical, flag), address, _challenges(factor, raw))


@dataclass(frozen=True, slots=True)
class MessageRequest(Message):
    """Type 03: secure message; ``header`` is CLA INS P1 P2 Lc, Lc that of the finished command.

    ``plain`` are the data to be enciphered as they are sent, empty for a command that carries its
    MAC alone; ``factor`` is the card's challenge, 8 bytes (16 with SM4 where one draws so many).
    """

    card: Card
    address: str
    factor: bytes
    header: bytes
    plain: Secret

    TYPE: ClassVar[str] = "03"
    REPLY: ClassVar[type[MessageReply]] = MessageReply
    FIELDS: ClassVar[tuple[Field, ...]] = (
        *Card.FIELDS,
        fields.ADDRESS,
        fields.MESSAGE_FACTOR,
        fields.HEADER,
        fields.PLAIN,
    )

    def texts(self) -> tuple[str, ...]:
        """Its seven fields; the last one is a secret."""
        factor, header, plain = map(hexed, (self.factor, self.header, self.plain.reveal()))
        return (*self.card.texts(), self.address, factor, header, plain)

    @classmethod
    def parse(cls, texts: Sequence[str], places: Places) -> Self:
        """The request of checked texts."""
        region, historical, flag, address, factor, header, plain = texts
        card = Card.parse(region, historical, flag)
        secret = Secret(bytes.fromhex(plain))
        return cls(card, address, bytes.fromhex(factor), bytes.fromhex(header), secret)


@dataclass(frozen=True, slots=True)
class DebitRequest(Message):
    """Type 04: a settlement; amounts in fen, ``time`` 7 bytes BCD, ``terminal`` 6.

    With ``short_amounts`` A2 and A3 are sent alone, and A1 is 0.
    """

    card: Card
    number: int
    address: str
    random: bytes
    counter: int
    amounts: Amounts
    terminal: bytes
    time: bytes
    short_amounts: bool = True

    TYPE: ClassVar[str] = "04"
    REPLY: ClassVar[type[DebitReply]] = DebitReply
    FIELDS: ClassVar[tuple[Field, ...]] = (
        fields.REGION,
        fields.HISTORICAL,
        fields.NUMBER,
        fields.FLAG,
        fields.ADDRESS,
        fields.RANDOM,
        fields.COUNTER,
        fields.AMOUNTS,
        fields.TYPE,
        fields.TERMINAL,
        fields.TIME,
    )

    def texts(self) -> tuple[str, ...]:
        """Its eleven fields."""
        region, historical, flag = self.card.texts()
        amounts = bytes(self.amounts)[4 if self.short_amounts else 0 :]
        return (
            region,
            historical,
            f"{self.number:08X}",
            flag,
            self.address,
            hexed(self.random),
            f"{self.counter:04X}",
            hexed(amounts),
            f"{TYPE_PURCHASE:02X}",
            hexed(self.terminal),
            hexed(self.time),
        )

    @classmethod
    def parse(cls, texts: Sequence[str], places: Places) -> Self:
        """The request of checked texts; the type is 32, there is no other."""
        region, historical, number, flag, address, random, counter, *rest = texts
        amounts, kind, terminal, time = rest
        if int(kind, 16) != TYPE_PURCHASE:
            raise fields.TYPE.wrong(places[8], Text(" 32（医保结算）", "32 (settlement)"))
        parts = [int(amounts.rjust(24, "0")[at : at + 8], 16) for at in (0, 8, 16)]
        return cls(
            Card.parse(region, historical, flag),
            int(number, 16),
            address,
            bytes.fromhex(random),
            int(counter, 16),
            Amounts(*parts),
            bytes.fromhex(terminal),
            bytes.fromhex(time),
            short_amounts=len(amounts) < 24,
        )


Request = BasicRequest | AuthenticationRequest | MessageRequest | DebitRequest

REQUESTS: Mapping[str, type[Request]] = {
    kind.TYPE: kind for kind in (BasicRequest, AuthenticationRequest, MessageRequest, DebitRequest)
}


def _pair(challenges: Challenges) -> tuple[str, str]:
    return hexed(challenges.factor), hexed(challenges.raw)


def _challenges(factor: str, raw: str) -> Challenges:
    return Challenges(bytes.fromhex(factor), bytes.fromhex(raw))
