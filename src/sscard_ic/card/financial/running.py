"""A transaction while it runs: what both sides have said so far, and what it has found out.

Source: ref 14 §3 (TVR, TSI), §5.4-5.7, §7.5, §11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.authorisation import (
    AuthorisationRequest,
    AuthorisationResponse,
    Confirmation,
    ScriptResult,
)
from sscard_ic.card.financial.offline import OfflineResult
from sscard_ic.card.financial.records import ApplicationData
from sscard_ic.card.financial.steps import Step, StepName, Transcript
from sscard_ic.card.financial.terminal import Purchase, TerminalSettings
from sscard_ic.codec.pboc.bits import Kind, Tsi, Tvr

Path = Literal["contact", "cash", "contactless"]
"""Ways through a transaction: debit, electronic cash, qPBOC."""
Outcome = Literal["approved", "declined", "other_interface"]
_UNPREDICTABLE = 0x9F37
_CONFIRMED = (0x9F26, 0x9F27, 0x9F10, 0x9F36, 0x95)


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """How a transaction ended."""

    outcome: Outcome
    path: Path
    kind: Kind | None
    """Last cryptogram of the card."""
    tvr: Tvr
    tsi: Tsi
    offline: OfflineResult
    steps: tuple[Step, ...]
    data: ApplicationData | None = field(repr=False)
    """None where it did not come to GPO."""
    values: dict[int, bytes] = field(repr=False)
    """The terminal's data, and 9F26 9F27 9F36 9F10 of the last cryptogram."""
    request: AuthorisationRequest | None = None
    """What was asked of the bank; None for a transaction that stayed offline."""
    response: AuthorisationResponse | None = None
    """None where the bank was not asked or did not answer."""
    scripts: tuple[ScriptResult, ...] = ()
    signature: bool = False
    """Whether the holder has to sign."""

    @property
    def confirmation(self) -> Confirmation | None:
        """What the bank is told in the end; None where it was not asked, or is told nothing.

        The bank's answer ends a contactless payment. A TC that the terminal does not accept, for
        its signature is wrong, counts as none.
        """
        if self.response is None or self.path == "contactless":
            return None
        void = self.kind == Kind.TC and self.outcome == "declined"
        return confirmation_of(None if void else self.kind, self.values, self.scripts)


def confirmation_of(
    kind: Kind | None, values: dict[int, bytes], scripts: tuple[ScriptResult, ...]
) -> Confirmation:
    """The data of a confirmation among a transaction's ``values``."""
    told = {tag: value for tag, value in values.items() if tag in _CONFIRMED}
    return Confirmation(kind, told, scripts)


@dataclass
class Running:
    """The state of a terminal in a transaction."""

    card: FinancialCard
    terminal: TerminalSettings
    purchase: Purchase
    transcript: Transcript
    values: dict[int, bytes] = field(repr=False, default_factory=dict)
    """The terminal's data by tag; TVR and TSI are put in where they are sent."""
    tvr: Tvr = field(default_factory=lambda: Tvr(0))
    tsi: Tsi = field(default_factory=lambda: Tsi(0))
    covered_tvr: Tvr = field(default_factory=lambda: Tvr(0))
    """The one that the last cryptogram covers; none in a contactless payment."""
    offline: OfflineResult = field(default_factory=lambda: OfflineResult(None))
    path: Path = "contact"
    signature: bool = False
    unsigned: bool = False
    """Whether the signature with a cryptogram was wrong: the terminal declines (ref 14 §7.5)."""
    approving: bool = False
    """Whether the card was asked for the TC of an authorised transaction, and has not answered."""
    scripts: list[ScriptResult] = field(default_factory=list)
    request: AuthorisationRequest | None = None
    response: AuthorisationResponse | None = None
    kind: Kind | None = None
    told: list[bytes] = field(default_factory=list)
    """Values of PDOL, CDOL1 and CDOL2 as they were sent: what CDA hashes."""
    _data: ApplicationData | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.values |= self.terminal.values()
        self.values |= self.purchase.values(self.card.model.settings.load_type)
        self.renew_number()

    def renew_number(self) -> None:
        """Another unpredictable number, for what the card signs or computes next."""
        self.values[_UNPREDICTABLE] = self.terminal.random(4)

    @property
    def data(self) -> ApplicationData:
        """The card's data; there are some after GPO."""
        assert self._data is not None
        return self._data

    @data.setter
    def data(self, data: ApplicationData) -> None:
        self._data = data

    def step(self, name: StepName, *details: Text) -> None:
        """Note a step."""
        self.transcript.add(name, *details)

    def all_values(self) -> dict[int, bytes]:
        """What fills the lists of the card: its own data, the terminal's over them."""
        results = {0x95: int(self.tvr).to_bytes(5, "big"), 0x9B: int(self.tsi).to_bytes(2, "big")}
        found = dict(self.offline.found)
        own = self._data.values if self._data is not None else {}
        return {**own, **found, **self.values, **results}

    def result(self, outcome: Outcome) -> TransactionResult:
        """The end."""
        return TransactionResult(
            outcome,
            self.path,
            self.kind,
            self.tvr,
            self.tsi,
            self.offline,
            tuple(self.transcript.steps),
            self._data,
            {**self.values, 0x95: int(self.tvr).to_bytes(5, "big")},
            self.request,
            self.response,
            tuple(self.scripts),
            self.signature,
        )
