"""What goes into the ledger and comes out of it: plain frozen records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from sscard_ic.base.errors import Text


class CardState(StrEnum):
    """How far one ordered card has come; the order of the members is the order of the work."""

    REFUSED = "refused"
    """The row did not pass the checks; no card is made."""
    ACCEPTED = "accepted"
    PREPARED = "prepared"
    """A plan is stored; a station may claim it."""
    STARTED = "started"
    """A blank has been taken for it."""
    INITIALISED = "initialised"
    PERSONALIZED = "personalized"
    GRANTED = "granted"
    """The certificate authority has answered for it; cards without certificates skip this."""
    CERTIFIED = "certified"
    """It bears its certificates."""
    BANKED = "banked"
    """The bank's applications on it are personalized; other cards skip this."""
    FINISHED = "finished"
    VERIFIED = "verified"
    """Good and ready for delivery."""
    ACTIVATED = "activated"
    FAILED = "failed"
    """No card could be made, or the card was found bad."""

    @property
    def rank(self) -> int:
        """Place in the order of the work."""
        return list(CardState).index(self)

    @property
    def in_work(self) -> bool:
        """Whether a card has been begun and not ended."""
        return CardState.STARTED.rank <= self.rank < CardState.VERIFIED.rank

    @property
    def text(self) -> Text:
        """The state in words."""
        return _CARD_STATES[self]


_CARD_STATES = {
    CardState.REFUSED: Text("已拒绝", "refused"),
    CardState.ACCEPTED: Text("已接受", "accepted"),
    CardState.PREPARED: Text("已准备", "prepared"),
    CardState.STARTED: Text("制作中", "started"),
    CardState.INITIALISED: Text("已初始化", "initialised"),
    CardState.PERSONALIZED: Text("已个人化", "personalized"),
    CardState.GRANTED: Text("已签发证书", "granted certificates"),
    CardState.CERTIFIED: Text("已写入证书", "certified"),
    CardState.BANKED: Text("已写入银行应用", "given its bank applications"),
    CardState.FINISHED: Text("已结束", "finished"),
    CardState.VERIFIED: Text("合格", "verified"),
    CardState.ACTIVATED: Text("已启用", "activated"),
    CardState.FAILED: Text("失败", "failed"),
}


class Step(StrEnum):
    """A job on a card that is journalled before and after."""

    INITIALISE = "initialise"
    PERSONALIZE = "personalize"
    REQUEST = "request"
    """Key pair on the card, answer of the certificate authority."""
    CERTIFY = "certify"
    """Certificates, encryption key, administrator PIN and control keys into the card."""
    BANK = "bank"
    """The applications of the bank: data groups, keys, the end of their personalization."""
    FINISH = "finish"
    VERIFY = "verify"
    ACTIVATE = "activate"


class Phase(StrEnum):
    """What a journal entry says about its step."""

    BEGIN = "begin"
    END = "end"
    FAILED = "failed"


class SerialState(StrEnum):
    """What became of a serial number; none is ever allotted twice."""

    ALLOTTED = "allotted"
    USED = "used"
    SPOILT = "spoilt"

    @property
    def text(self) -> Text:
        """The state in words."""
        return _SERIAL_STATES[self]


_SERIAL_STATES = {
    SerialState.ALLOTTED: Text("待用", "waiting"),
    SerialState.USED: Text("已用", "used"),
    SerialState.SPOILT: Text("作废", "spoilt"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row was refused or a card failed; carries no personal data.

    ``field`` is the code of the field at fault (empty for the row as a whole), ``reason`` a
    stable English phrase for programs, ``message`` the sentence for people.
    """

    field: str
    reason: str
    message: Text


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch to be imported."""

    name: str
    profile: str
    source_name: str
    source_sha256: str
    batch_date: date


@dataclass(frozen=True, slots=True)
class NewCard:
    """One data row to be imported; refused when it has ``reasons``."""

    row: int
    seq: str
    card_number: str = field(repr=False)
    holder: bytes = field(repr=False)
    """The holder's record as the importer writes it; stored sealed."""
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """An imported batch."""

    id: int
    name: str
    profile: str
    source_name: str
    source_sha256: str
    batch_date: date
    imported_at: datetime
    rows: int
    refused: int


@dataclass(frozen=True, slots=True)
class Card:
    """One ordered card, without the sealed parts."""

    id: int
    batch: str
    row: int
    seq: str
    state: CardState
    reasons: tuple[Reason, ...]
    serial: int | None
    """Serial number allotted by the ledger."""
    historical: bytes | None
    """13 ATR historical bytes of the plan."""
    chip_serial: bytes | None
    """Factory serial of the blank taken for it."""

    @property
    def allotted_chip(self) -> bytes | None:
        """T8-TD of the allotted ATR: the chip's serial after the ATR step."""
        return self.historical[7:13] if self.historical else None


@dataclass(frozen=True, slots=True)
class Order:
    """Where a card number was ordered before."""

    batch: str
    row: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a card will hold, ready to be stored: historical bytes and the sealed-to-be blob."""

    serial: int
    """The serial number that it was made for."""
    historical: bytes
    blob: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of the journal."""

    card_id: int
    step: Step
    phase: Phase
    at: datetime
    chip_serial: bytes | None
    station: str
    note: str
