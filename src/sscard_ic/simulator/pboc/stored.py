"""What the debit application keeps in the memory of the chip (ref 14 §2, 15 §3, §7).

Everything is read from the memory where it is used, so a change that the memory takes back is
gone here, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from sscard_ic.crypto.suites import Algorithm
from sscard_ic.simulator.card import Interface
from sscard_ic.simulator.memory import Memory, damaged

KeyUse = Literal["cryptogram", "mac", "encipherment"]
KEY_USES: tuple[KeyUse, ...] = ("cryptogram", "mac", "encipherment")
"""In the order of DGI 8000."""
KEY_LENGTH = 16

RsaPart = Literal["coefficient", "exponent_q", "exponent_p", "q", "p"]
RSA_PARTS: tuple[RsaPart, ...] = ("coefficient", "exponent_q", "exponent_p", "q", "p")

TransactionPath = Literal["contact", "cash", "contactless"]
"""Ways through a transaction, each with an AIP and an AFL: debit, electronic cash, qPBOC."""

Counter = Literal[
    "atc",
    "ctta",
    "ctta_dual",
    "offline_currency",
    "offline_country",
    "scripts",
    "authentication_failures",
]
"""Numbers that start at 0; amounts in fen."""

Flag = Literal[
    "online_pending",
    "issuer_authentication_failed",
    "sda_failed",
    "dda_failed",
    "script_failed",
    "interrupted",
]
Log = Literal["transactions", "loads"]

CARD_BLOCKED = "bank/card_blocked"
"""Path of the mark that CARD BLOCK leaves; it concerns every application of the bank."""


class StoredApplication:
    """One application of the bank: life, records, data objects, FCI; as personalized.

    ``root`` is its place in the memory. Directories (PSE, PPSE) need no more than this.
    """

    __slots__ = ("_memory", "root")

    def __init__(self, memory: Memory, root: str) -> None:
        self._memory = memory
        self.root = root

    # Life

    @property
    def issued(self) -> bool:
        """Whether personalization has ended."""
        return self.number("issued") == 1

    def issue(self) -> None:
        """End personalization."""
        self.put_number("issued", 1)

    def block_card(self) -> None:
        """Close all applications of the bank, for good."""
        self._memory.put(CARD_BLOCKED, 1)

    # Data

    def record(self, sfi: int, number: int) -> bytes | None:
        """A record as READ RECORD answers it; None where there is none."""
        return self.data(f"records/{sfi:02X}/{number:02X}")

    def put_record(self, sfi: int, number: int, value: bytes) -> None:
        """Hold a record."""
        self.put_data(f"records/{sfi:02X}/{number:02X}", value)

    def names_of_records(self) -> Iterator[str]:
        """Names of all records for :meth:`data`, in order of files and numbers."""
        below = f"{self.root}/"
        for path in sorted(self._memory.states):
            if path.startswith(f"{below}records/"):
                yield path[len(below) :]

    def has_file(self, sfi: int) -> bool:
        """Whether a file has any record."""
        below = f"{self.root}/records/{sfi:02X}/"
        return any(path.startswith(below) for path in self._memory.states)

    def fci(self, interface: Interface) -> bytes | None:
        """Content of the proprietary template A5 for an interface."""
        return self.data(f"fci/{interface}")

    def put_fci(self, interface: Interface, content: bytes) -> None:
        """Hold the content of A5."""
        self.put_data(f"fci/{interface}", content)

    # Bytes and numbers of the memory

    def data(self, name: str) -> bytes | None:
        """Bytes kept under ``name``; raises :class:`InputError` for a damaged memory."""
        path = f"{self.root}/{name}"
        state = self._memory.states.get(path)
        if state is None:
            return None
        try:
            return bytes.fromhex(str(state))
        except ValueError as error:
            raise damaged(path) from error

    def put_data(self, name: str, value: bytes) -> None:
        """Keep bytes under ``name``."""
        self._memory.put(f"{self.root}/{name}", value.hex().upper())

    def drop(self, name: str) -> None:
        """Forget ``name`` and everything below it."""
        self._memory.drop(f"{self.root}/{name}")

    def number(self, name: str) -> int:
        """Number kept under ``name``; 0 where there is none."""
        path = f"{self.root}/{name}"
        state = self._memory.states.get(path, 0)
        if not isinstance(state, int):
            raise damaged(path)
        return state

    def put_number(self, name: str, value: int) -> None:
        """Keep a number."""
        self._memory.put(f"{self.root}/{name}", value)

    def names(self, folder: str) -> Iterator[str]:
        """Last parts of the paths directly below ``folder``."""
        below = f"{self.root}/{folder}/"
        for path in self._memory.states:
            if path.startswith(below) and "/" not in path[len(below) :]:
                yield path[len(below) :]


class StoredDebit(StoredApplication):
    """The debit application: beside its data keys, PIN, counters, flags, logs."""

    __slots__ = ()

    @property
    def blocked(self) -> bool:
        """Whether the application is blocked; UNBLOCK opens it again."""
        return self.number("blocked") == 1

    def block(self, blocked: bool = True) -> None:
        """Block the application, or open it again."""
        self.put_number("blocked", int(blocked))

    # Data objects by tag: those that no record holds

    def element(self, tag: int) -> bytes | None:
        """Value of a data object; None where it was not personalized."""
        return self.data(f"elements/{tag:X}")

    def put_element(self, tag: int, value: bytes) -> None:
        """Hold a data object."""
        self.put_data(f"elements/{tag:X}", value)

    def option(self, path: TransactionPath, algorithm: Algorithm, tag: int) -> bytes | None:
        """AIP (82), AFL (94) or issuer data (9F10) of a way; None where there is none."""
        return self.data(f"options/{path}/{algorithm}/{tag:X}")

    def put_option(
        self, path: TransactionPath, algorithm: Algorithm, tag: int, value: bytes
    ) -> None:
        """Hold what a way answers."""
        self.put_data(f"options/{path}/{algorithm}/{tag:X}", value)

    # Keys and PIN

    def key(self, algorithm: Algorithm, use: KeyUse) -> bytes | None:
        """A card key of 16 bytes."""
        return self.data(f"keys/{algorithm}/{use}")

    def put_key(self, algorithm: Algorithm, use: KeyUse, value: bytes) -> None:
        """Hold a card key."""
        self.put_data(f"keys/{algorithm}/{use}", value)

    def rsa_part(self, part: RsaPart) -> bytes | None:
        """One of the five CRT numbers of the card's private key."""
        return self.data(f"rsa/{part}")

    def put_rsa_part(self, part: RsaPart, value: bytes) -> None:
        """Hold one of them."""
        self.put_data(f"rsa/{part}", value)

    @property
    def sm2_private(self) -> bytes | None:
        """Private key of 32 bytes."""
        return self.data("sm2")

    @sm2_private.setter
    def sm2_private(self, value: bytes) -> None:
        self.put_data("sm2", value)

    @property
    def pin(self) -> str | None:
        """Digits of the offline PIN; None where there is none."""
        digits = self.data("pin")
        return None if digits is None else digits.decode("ascii")

    @pin.setter
    def pin(self, digits: str) -> None:
        self.put_data("pin", digits.encode("ascii"))

    @property
    def pin_tries(self) -> int:
        """Tries left."""
        return self.number("pin/tries")

    @pin_tries.setter
    def pin_tries(self, tries: int) -> None:
        self.put_number("pin/tries", tries)

    @property
    def pin_limit(self) -> int:
        """Tries after a success."""
        return self.number("pin/limit")

    @pin_limit.setter
    def pin_limit(self, tries: int) -> None:
        self.put_number("pin/limit", tries)

    # Counters, flags, logs

    def counter(self, name: Counter) -> int:
        """A counter."""
        return self.number(f"counters/{name}")

    def put_counter(self, name: Counter, value: int) -> None:
        """Set a counter."""
        self.put_number(f"counters/{name}", value)

    @property
    def last_online(self) -> int:
        """ATC of the last online transaction, tag 9F13; 0: a new card."""
        return int.from_bytes(self.element(0x9F13) or b"\x00", "big")

    @last_online.setter
    def last_online(self, atc: int) -> None:
        self.put_element(0x9F13, atc.to_bytes(2, "big"))

    def flag(self, name: Flag) -> bool:
        """A flag."""
        return self.number(f"flags/{name}") == 1

    def put_flag(self, name: Flag, value: bool) -> None:
        """Set or clear a flag."""
        self.put_number(f"flags/{name}", int(value))

    def log(self, log: Log) -> list[bytes]:
        """Records of a log, newest first."""
        content = self.data(f"logs/{log}") or b""
        size = self.number(f"logs/{log}/size")
        return [content[at : at + size] for at in range(0, len(content), size)] if size else []

    def add_to_log(self, log: Log, record: bytes, most: int) -> None:
        """Put a record before the others; the oldest of more than ``most`` goes."""
        kept = [record, *self.log(log)][:most]
        self.put_number(f"logs/{log}/size", len(record))
        self.put_data(f"logs/{log}", b"".join(kept))
