"""What the card keeps of its medical account: 20 bytes of amounts, and the last proofs (ref 12 §3).

Everything is read from the memory when it is asked for and written to it at once; the memory
commits the changes of one command together, so a transaction is there as a whole or not at all.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, fields, replace

from construct import Bytes, Int16ub, Int32ub, Struct

from sscard_ic.profile.medical import MedicalSettings
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.files import TransparentFile
from sscard_ic.simulator.memory import Memory

_LAYOUT = Struct(
    "credits" / Int16ub,
    "purchases" / Int16ub,
    "balance" / Int32ub,
    "self_paid" / Int32ub,
    "pooled" / Int32ub,
    "year" / Bytes(2),
    "starting_day" / Bytes(2),
)
"""The amount file (ref 12 §3.1)."""

LENGTH = _LAYOUT.sizeof()
LARGEST_AMOUNT = 0xFFFF_FFFF
LARGEST_COUNTER = 0xFFFF
_NEVER_SET = bytes(2)


@dataclass(frozen=True, slots=True)
class Account:
    """Contents of the amount file; amounts in fen."""

    credits: int
    """Online counter."""
    purchases: int
    """Offline counter."""
    balance: int
    self_paid: int
    """Annual total (SPIP)."""
    pooled: int
    """Annual total (SPFP)."""
    year: bytes
    """Payment year as coded."""
    starting_day: bytes
    """Month and day as coded; 0000: that of a new card."""

    def credited(self, amount: int) -> Account:
        """After a credit."""
        return replace(self, credits=self.credits + 1, balance=self.balance + amount)

    def paid(self, amounts: tuple[int, int, int], year: bytes, *, restart: bool) -> Account:
        """After a purchase; ``restart`` begins the annual totals anew, for ``year``."""
        account, self_paid, pooled = amounts
        before = replace(self, self_paid=0, pooled=0, year=year) if restart else self
        return replace(
            before,
            purchases=before.purchases + 1,
            balance=before.balance - account,
            self_paid=before.self_paid + self_paid,
            pooled=before.pooled + pooled,
        )

    def starting_on(self, day: bytes) -> Account:
        """With another starting day."""
        return replace(self, starting_day=day)

    @property
    def fits(self) -> bool:
        """Whether every amount has room in its four bytes."""
        return max(self.balance, self.self_paid, self.pooled) <= LARGEST_AMOUNT


class AmountFile:
    """The amount file of one directory."""

    __slots__ = ("_file",)

    def __init__(self, file: TransparentFile) -> None:
        self._file = file

    @classmethod
    def here(cls, card: CardState) -> AmountFile:
        """That of the current directory; refuses 6A82 when it has none, or too short a one."""
        file = card.directory.amount_file
        if file is None or file.spec.size < LENGTH:
            raise Refusal(0x6A82)
        return cls(file)

    def read(self) -> Account:
        """What it holds."""
        found = _LAYOUT.parse(self._file.read(0, LENGTH))
        return Account(*(found[field.name] for field in fields(Account)))

    def write(self, account: Account) -> None:
        """Replace what it holds."""
        content = {field.name: getattr(account, field.name) for field in fields(account)}
        self._file.write(0, _LAYOUT.build(content))

    def require_write(self, card: CardState) -> None:
        """Refuse 6982 unless the key that opens the file (DSK) is authenticated."""
        card.require(self._file.spec.write)

    def proof(self, kind: int) -> Proof:
        """The proof of the last transaction of a type."""
        return Proof(self._file.memory, f"{proofs_below(self._file.path)}/{kind:02X}")


def proofs_below(path: str) -> str:
    """Where the memory keeps the proofs of the file, or of those in the directory, ``path``."""
    return f"medical/{path}"


class Proof:
    """Counter, MAC and TAC of the last transaction of one type (ref 12 §4 C8)."""

    __slots__ = ("_memory", "_path")

    def __init__(self, memory: Memory, path: str) -> None:
        self._memory = memory
        self._path = path

    def keep(self, counter: int, mac: bytes, tac: bytes) -> None:
        """Put it in the place of the one before."""
        content = counter.to_bytes(2, "big") + mac + tac
        self._memory.put(self._path, content.hex().upper())

    def forget(self) -> None:
        """Nothing can be proved any more."""
        if self._path in self._memory.states:
            self._memory.drop(self._path)

    def of(self, counter: int) -> tuple[bytes, bytes] | None:
        """MAC and TAC of the transaction with this counter; None when it is not the last one."""
        content = bytes.fromhex(str(self._memory.states.get(self._path, "")))
        if content[:2] != counter.to_bytes(2, "big"):
            return None
        return content[2:6], content[6:]


class Calendar:
    """Payment years: where they begin, and how the card writes them (ref 12 §3.2)."""

    __slots__ = ("_settings",)

    def __init__(self, settings: MedicalSettings) -> None:
        self._settings = settings

    def starting_day(self, account: Account) -> bytes:
        """Month and day as coded."""
        if account.starting_day == _NEVER_SET:
            return self._settings.starting_day
        return account.starting_day

    def is_day(self, day: bytes) -> bool:
        """Whether two bytes are a month and a day as this card codes them."""
        if self._settings.day_coding == "bcd" and not day.hex().isdecimal():
            return False
        month, day_of_month = self._day(day)
        return 1 <= month <= 12 and 1 <= day_of_month <= _DAYS[month - 1]

    def payment_year(self, time: bytes, account: Account) -> int:
        """The payment year of a time of 7 bytes BCD."""
        year, month, day = (int(time[at:end].hex()) for at, end in ((0, 2), (2, 3), (3, 4)))
        return year - ((month, day) < self._day(self.starting_day(account)))

    def coded_year(self, year: int) -> bytes:
        """Two bytes."""
        if self._settings.year_coding == "binary":
            return year.to_bytes(2, "big")
        return bytes.fromhex(f"{year:04d}")

    def year_of(self, account: Account) -> int:
        """The stored payment year, 0 before the first purchase."""
        if self._settings.year_coding == "binary":
            return int.from_bytes(account.year, "big")
        return int(account.year.hex())

    def _day(self, day: bytes) -> tuple[int, int]:
        if self._settings.day_coding == "bcd":
            return int(day[:1].hex()), int(day[1:].hex())
        return day[0], day[1]


_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_time(time: bytes) -> bool:
    """Whether 7 bytes are a moment YYYYMMDDhhmmss in BCD of a year that has one before it.

    A day that its year does not have (29 February) is none.
    """
    text = time.hex()
    if not text.isdecimal() or text < "0001":
        return False
    month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(4, 14, 2))
    in_day = hour < 24 and minute < 60 and second < 60
    return in_day and 1 <= month <= 12 and 1 <= day <= monthrange(int(text[:4]), month)[1]
