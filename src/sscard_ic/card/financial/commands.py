"""Exchanges with the bank's application, with refusals in words (ref 14 §4)."""

from __future__ import annotations

from collections.abc import Mapping

from sscard_ic.apdu import Command, Response
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.channel import Channel, Refused
from sscard_ic.reader.connection import Connection

BLOCKED = StatusWord(0x6283)
"""SELECT: the application or the directory is blocked."""
CARD_BLOCKED = StatusWord(0x6A81)
"""SELECT: the whole card is blocked."""
NOT_NOW = StatusWord(0x6985)
"""Conditions of use not satisfied."""

_HINTS: Mapping[int, Text] = {
    0x6985: Text(
        "卡在当前状态下不执行此命令：应用可能已锁定，或交易步骤不符",
        "the card does not do this now: the application may be blocked, or the step is out of "
        "order",
    ),
    0x6700: Text(
        "卡要求另一长度的数据：终端给的对象列表与卡不符",
        "the card wants data of another length than its lists say",
    ),
    0x6988: Text(
        "脚本 MAC 不正确：发卡行的密钥或算法设置与此卡不符",
        "the MAC of the script is wrong: keys or settings of the bank are not those of this card",
    ),
    0x6A81: Text("卡已被锁定，只能换卡", "the card is blocked for good and is replaced"),
}


class BankRefused(Refused):
    """A command of the bank's application was refused."""

    def __init__(self, command: Text, sw: StatusWord, *, where: str = "") -> None:
        super().__init__(command, sw, where=where)
        self.hint = _HINTS.get(sw)


class NoBankApplication(CardError):
    """No application of the bank that this terminal knows."""

    def __init__(self) -> None:
        super().__init__(
            Text("卡上没有银行借记应用", "no debit application of a bank on this card"),
            hint=Text(
                "请插入有金融功能的卡；只有接触口有该应用时，不要用非接触口",
                "insert a card with financial functions; try its other interface",
            ),
        )


class BankCardBlocked(CardError):
    """The card refused SELECT because it is blocked for good (6A81)."""

    def __init__(self) -> None:
        super().__init__(
            Text("卡已被发卡行锁定（6A81）", "the card is blocked by its bank (6A81)"),
            hint=Text("只能换卡", "it is replaced"),
        )


class UnusableCard(CardError):
    """The card answered what no terminal may go on with; the transaction ends."""

    def __init__(self, what: Text) -> None:
        super().__init__(
            what,
            hint=Text(
                "卡个人化有误或已损坏，请联系发卡行",
                "the card was personalized wrongly or is damaged; ask its bank",
            ),
        )


class BankChannel(Channel):
    """Sends single commands."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.exchanges = 0
        """Commands sent so far."""

    def ask(self, command: Command | Secret) -> Response:
        """The answer, whatever its status."""
        self.exchanges += 1
        return super().ask(command)
