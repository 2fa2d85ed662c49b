"""STORE DATA: blocks in order, data groups whole, secret ones deciphered (ref 04 §7.4, 15 §6.2)."""

from __future__ import annotations

from collections.abc import Callable

from sscard_ic.apdu import Command
from sscard_ic.codec.pboc.groups import DataGroup, leading_groups
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc.contents import Contents
from sscard_ic.simulator.pboc.payment_contents import PaymentContents
from sscard_ic.simulator.pboc.registry import Installed

_LAST, _ENCIPHERED, _ANSWER_WANTED = 0x80, 0x60, 0x01
_REFERENCE, _CONTENT = 0x6A86, 0x6A80
_SECRET = 0x80
"""First digit of the numbers of secret groups, in its byte: 8xxx."""


class Intake:
    """Takes the STORE DATA commands of one channel.

    A block counts only when it is answered 9000; after a refusal the same number is due again, and
    a group that was under way begins anew.
    """

    __slots__ = (
        "_begun",
        "_by_number",
        "_contents",
        "_decipher",
        "_due",
        "_enciphered",
        "_open",
    )

    def __init__(
        self,
        installed: Installed,
        model: FinancialApplication,
        decipher: Callable[[bytes], bytes],
    ) -> None:
        self._contents = (
            Contents(installed.store, installed.aid, model)
            if installed.debit is None
            else PaymentContents(installed.debit, installed.aid, model)
        )
        self._by_number = model.chip.enciphered_groups == "number"
        self._open = (model.numbers.check_3des, model.numbers.check_sm4)
        """Check values, which tell nothing, may come in clear under any number."""
        self._decipher = decipher
        self._due = 0
        self._begun = b""
        """The beginning of a group that goes on in the next command."""
        self._enciphered = False
        """Whether that group is enciphered."""

    def take(self, command: Command) -> bool:
        """Take one command; whether it was the last.

        Refuses 6A86 for other P1, a block out of order, or a last one with something missing;
        6A88 for an unknown group, 6A80 and others for contents (:mod:`.contents`).
        """
        if command.p1 & ~(_LAST | _ENCIPHERED | _ANSWER_WANTED):
            raise Refusal(_REFERENCE)
        if command.p1 & _ENCIPHERED not in (0, _ENCIPHERED) or command.p2 != self._due:
            raise Refusal(_REFERENCE)
        enciphered = bool(command.p1 & _ENCIPHERED)
        begun, self._begun = self._begun, b""
        if begun and enciphered != self._enciphered:
            raise Refusal(_CONTENT)
        self._begun = self._store(begun + command.data, enciphered)
        self._enciphered = enciphered
        last = bool(command.p1 & _LAST)
        if last:
            if self._begun:
                self._begun = b""
                raise Refusal(_REFERENCE)
            self._contents.require_complete()
        self._due = (self._due + 1) & 0xFF
        return last

    def _store(self, data: bytes, enciphered: bool) -> bytes:
        """Store every whole group of ``data``; what is left over.

        Where P1 tells what is enciphered, keys and PIN in clear are refused 6A80.
        """
        groups, rest = leading_groups(data)
        for group in groups:
            secret = group.number >> 8 & 0xF0 == _SECRET
            if not self._by_number:
                if secret and not enciphered and group.number not in self._open:
                    raise Refusal(_CONTENT)
                secret = enciphered
            value = self._decipher(group.value) if secret else group.value
            self._contents.store(DataGroup(group.number, value))
        return rest
