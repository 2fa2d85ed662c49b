"""Account credit: host and card, in one session (ref 12 §7.6, §7.7)."""

from __future__ import annotations

from datetime import datetime

from sscard_ic.apdu import medical as apdu
from sscard_ic.base.errors import InputError, Text
from sscard_ic.card.medical_commands import AccountCommands
from sscard_ic.card.medical_records import (
    CreditResult,
    Journal,
    LogLost,
    NotGenuine,
    PendingCredit,
)
from sscard_ic.keys.medical import TacChecker, crediter

_PREPARE = Text("账户划入初始化", "prepare the credit")
_CREDIT = Text("账户划入", "credit the account")


class Crediting:
    """Credits to one card; ``centre`` authorises them and checks the TAC."""

    def __init__(self, commands: AccountCommands, centre: object | None, journal: Journal) -> None:
        self._commands = commands
        self._centre = centre
        self._journal = journal

    def credit(self, amount: int, terminal: bytes, time: datetime) -> CreditResult:
        """See :meth:`.MedicalAccount.credit`."""
        host = crediter(self._centre)
        if not 0 < amount <= apdu.LARGEST_AMOUNT:
            most = f"{apdu.LARGEST_AMOUNT / 100:.2f}"
            raise InputError(
                Text(
                    f"划入金额须大于零，不超过 {most} 元",
                    f"the amount of a credit is above zero and at most {most} yuan",
                )
            )
        if len(terminal) != apdu.TERMINAL_LENGTH:
            raise InputError(Text("终端机编号应为 12 位数字", "a terminal number has 12 digits"))
        commands, name = self._commands, self._commands.medical.load_key
        commands.require_finished(self._journal)
        group = commands.card.card_key(name).version
        p2 = commands.settings.load_p2
        index, data = commands.initialize(
            (group,), lambda index: apdu.initialize_for_load(index, amount, terminal, p2), _PREPARE
        )
        offer = commands.parsed(apdu.LoadOffer.parse, data)
        key = commands.card.card_key(name, index)
        pending = PendingCredit(
            division_code=key.division_code,
            card_factor=key.factor,
            key_name=key.name,
            key_index=index,
            key_version=offer.key_version,
            algorithm=offer.algorithm,
            random=offer.random,
            counter=offer.counter,
            terminal=terminal,
            time=apdu.time_bytes(time),
            amount=amount,
            balance=offer.balance,
        )
        mac2 = host.authorise_credit(pending.credit, offer.mac1, pending.time)
        command = apdu.credit_for_load(pending.time, mac2)
        tac = commands.conclude(pending, self._journal, command, apdu.parse_tac, _CREDIT)
        return self._finish(pending, tac)

    def recover(self, pending: PendingCredit) -> CreditResult | None:
        """See :meth:`.MedicalAccount.recover`."""
        commands = self._commands
        commands.require_same_card(pending)
        made = commands.made(pending, apdu.TYPE_CREDIT, apdu.Amounts(pending.amount, 0, 0))
        if made is False:
            self._journal.end(pending, None)
            return None
        if made is None:
            lost = CreditResult(
                pending=pending, tac=None, tac_valid=None, recovered=True, problems=(LogLost(),)
            )
            self._journal.end(pending, lost)
            return lost
        proof = commands.proof(apdu.TYPE_CREDIT, pending.counter)
        return self._finish(pending, proof[1] if proof else None, recovered=True)

    def _finish(
        self, pending: PendingCredit, tac: bytes | None, *, recovered: bool = False
    ) -> CreditResult:
        valid = None
        if isinstance(self._centre, TacChecker) and tac is not None:
            key = self._commands.card.card_key(self._commands.medical.tac_key)
            form = self._commands.settings.tac_form
            valid = self._centre.check_credit_tac(key, pending.credit, pending.time, tac, form)
        result = CreditResult(pending=pending, tac=tac, tac_valid=valid, recovered=recovered)
        self._journal.end(pending, result)
        if valid is False:
            raise NotGenuine(Text("卡给出的 TAC 不正确", "the TAC of the card is wrong"), result)
        return result
