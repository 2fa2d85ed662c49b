"""The medical account of a card, as a terminal uses it (ref 12 §7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sscard_ic.apdu import ApduError
from sscard_ic.apdu import medical as apdu
from sscard_ic.base.errors import CardError, InputError, Text
from sscard_ic.card.medical_commands import AccountCommands
from sscard_ic.card.medical_credit import Crediting
from sscard_ic.card.medical_debit import Debiting, DebitOrder
from sscard_ic.card.medical_offline import OfflineFile
from sscard_ic.card.medical_records import (
    CreditResult,
    DebitResult,
    Journal,
    Mode,
    NoJournal,
    OfflineData,
    Pending,
    PendingDebit,
    Result,
    Split,
)
from sscard_ic.card.social_security import SocialSecurityCard

_LEAP_YEAR = 2000


@dataclass(frozen=True, slots=True)
class Balances:
    """What the card counts, in fen."""

    account: int
    self_paid: int
    """Annual total."""
    pooled: int
    """Annual total."""
    year: int
    """Payment year of the totals; 0 before the first settlement."""


class MedicalAccount:
    """The account on a card whose PIN, when it has one, is verified.

    ``terminal`` authorises settlements (a PSAM, or a :class:`HostDebiter`), ``centre`` authorises
    credits and checks TACs (an HSM, or the software vault); each may be missing. ``journal`` is
    told before the card can change anything. Raises :class:`CardError` for a card whose profile
    has no account.
    """

    def __init__(
        self,
        card: SocialSecurityCard,
        *,
        terminal: object | None = None,
        centre: object | None = None,
        journal: Journal | None = None,
    ) -> None:
        medical = card.profile.structure.medical
        if medical is None:
            raise CardError(
                Text("此规范的卡没有医疗账户", "cards of this profile have no medical account"),
                where=card.profile.name,
            )
        self._medical = medical
        self._commands = AccountCommands(card, medical)
        self._journal: Journal = journal or NoJournal()
        self._crediting = Crediting(self._commands, centre, self._journal)
        self._debiting = Debiting(self._commands, terminal, centre, self._journal)

    # Reading

    def balances(self) -> Balances:
        """Account and annual totals (three exchanges)."""
        commands = self._commands
        commands.enter()
        what = Text("读余额", "read the balance")
        account = commands.ask(apdu.get_balance(apdu.ACCOUNT), what)
        totals = [
            commands.parsed(apdu.parse_total, commands.ask(apdu.get_balance(which), what))
            for which in (apdu.SELF_PAID, apdu.POOLED)
        ]
        (self_paid, year), (pooled, _) = totals
        balance = commands.parsed(apdu.parse_balance, account)
        return Balances(balance, self_paid, pooled, commands.parsed(self._year, year))

    def _year(self, coded: bytes) -> int:
        if self._medical.settings.year_coding == "binary":
            return int.from_bytes(coded, "big")
        return _from_bcd(coded)

    def starting_day(self) -> tuple[int, int]:
        """Month and day on which a payment year begins."""
        commands = self._commands
        commands.enter()
        what = Text("读年度起始日", "read the starting day of the year")
        return commands.parsed(self._day, commands.ask(apdu.read_starting_day(), what))

    def _day(self, coded: bytes) -> tuple[int, int]:
        if len(coded) != 2:
            raise ApduError(f"a starting day has 2 bytes, not {len(coded)}")
        if self._medical.settings.day_coding == "binary":
            return coded[0], coded[1]
        return _from_bcd(coded[:1]), _from_bcd(coded[1:])

    def set_starting_day(self, month: int, day: int) -> None:
        """Change the starting day; authenticates DSK.

        Raises :class:`InputError` for a day that no year has.
        """
        try:
            datetime(_LEAP_YEAR, month, day)
        except ValueError:
            raise InputError(
                Text(f"没有 {month} 月 {day} 日", f"there is no day {month:02d}-{day:02d}")
            ) from None
        if self._medical.day_key is None:
            raise CardError(
                Text("此卡没有修改年度起始日的密钥", "no key of this card opens its starting day")
            )
        bcd = self._medical.settings.day_coding == "bcd"
        coded = bytes.fromhex(f"{month:02d}{day:02d}") if bcd else bytes((month, day))
        self._commands.card.authenticate(self._medical.day_key)
        self._commands.enter()
        what = Text("改年度起始日", "change the starting day of the year")
        self._commands.ask(apdu.update_starting_day(coded), what)

    def log(self) -> Sequence[apdu.LogRecord]:
        """The transactions that the card keeps, the newest first."""
        return self._commands.log()

    # Transactions

    def credit(self, amount: int, *, terminal: bytes, time: datetime) -> CreditResult:
        """Credit ``amount`` fen to the account (ref 12 §7.6).

        ``terminal`` is the terminal's 6-byte number, ``time`` the host's. Raises
        :class:`MissingCapabilityError` when the centre cannot, :class:`WrongMac1`,
        :class:`Refused`, :class:`Interrupted` (then :meth:`recover`), :class:`NotGenuine`.
        """
        return self._crediting.credit(amount, terminal, time)

    def debit(
        self,
        split: Split,
        *,
        mode: Mode,
        time: datetime,
        category: str | None = None,
        settlement: str = "",
    ) -> DebitResult:
        """Settle ``split`` at the terminal's ``time`` (ref 12 §7.1-7.3).

        ``category`` is a code of T52, ``settlement`` the number of the settlement at the centre.
        What fails after the card has paid stands in ``problems`` of the result. Raises
        :class:`InputError`, :class:`CardError`, :class:`MissingCapabilityError` and
        :class:`Refused` while nothing has changed, :class:`Interrupted` (then :meth:`recover`)
        and :class:`NotGenuine`, which has the result.
        """
        return self._debiting.debit(DebitOrder(split, mode, time, category, settlement))

    def unfinished(self) -> Pending | None:
        """The interrupted transaction with this card that the journal knows of."""
        return self._commands.unfinished(self._journal)

    def recover(self, pending: Pending) -> Result | None:
        """What became of an interrupted transaction, on the same card in a new session.

        None: the card has not made it, and it may be begun anew. Otherwise it is finished, as far
        as the card still gives its TAC. Raises :class:`InputError` for another card.
        """
        if isinstance(pending, PendingDebit):
            return self._debiting.recover(pending)
        return self._crediting.recover(pending)

    def offline_data(self) -> OfflineData:
        """What the card keeps of temporary offline settlements (PIN and read key)."""
        return OfflineFile(self._commands.card, self._medical).read()

    def write_offline_data(self, data: OfflineData) -> None:
        """Write what the centre says after an online settlement (ref 12 §7.2)."""
        file = OfflineFile(self._commands.card, self._medical)
        file.write(data, file.read())


def _from_bcd(coded: bytes) -> int:
    if not coded.hex().isdecimal():
        raise ApduError("BCD digits are expected")
    return int(coded.hex())
