"""Single exchanges with a chip that is given its bank applications (ref 04 §7.1-7.4, 15 §6)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from sscard_ic.apdu import Command, Response, globalplatform, iso
from sscard_ic.apdu.globalplatform import Installation, Installed
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.channel import Channel, Refused
from sscard_ic.codec.tlv import TlvError
from sscard_ic.keys.bank_capabilities import (
    CardPersonalizer,
    InitializeUpdate,
    SecureChannel,
    card_personalizer,
)
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.reader.connection import Connection

Random = Callable[[int], bytes]

_UPDATE_LENGTH = 28
_KEY_DATA, _KMC_IDENTIFIER = 10, 6
_NOTHING_LISTED, _MORE_LISTED = StatusWord(0x6A88), StatusWord(0x6310)
_MOST_LISTS = 32
"""Answers of GET STATUS in a row: a chip holds fewer applications than these list."""
_NO_SUCH_APPLICATION = StatusWord(0x6A82)
_LAST_CHANNELS = StatusWord(0x6985)
_WRONG_PROOF = StatusWord(0x6300)

_OPEN = Text("打开安全通道", "open the secure channel")
_PROVE = Text("外部认证（安全通道）", "authenticate the host")
_LIST = Text("列出卡上应用", "list the applications")
_INSTALL = Text("安装应用", "install the application")
_DELETE = Text("删除未完成的应用", "delete the unfinished application")

_REFUSED_GROUP: Mapping[int, Text] = {
    0x6A80: Text(
        "卡不接受该分组的内容：检查数据准备，以及卡规范 [chip] 的 padding、pin_format、template",
        "the card does not take the content of the group: check the data preparation, and padding, "
        "pin_format and template in [chip] of the profile",
    ),
    0x6A84: Text("卡的存储空间不足", "the card has no more room"),
    0x6A86: Text(
        "块号不对，或最后一条命令时数据还不完整：检查数据分组是否齐全",
        "a block is out of order, or something is missing when the last one comes: check that the "
        "plan has all data groups",
    ),
    0x6A88: Text(
        "卡不认识该分组：检查卡规范 [numbers] 中的分组号",
        "the card does not know the group: check its number in [numbers] of the profile",
    ),
    0x6982: Text(
        "安全通道不符：检查卡规范 [chip] 的 level、initial_vector、mac_covers",
        "the secure channel is not as the card wants it: check level, initial_vector and "
        "mac_covers in [chip] of the profile",
    ),
    0x6985: Text("应用已个人化", "the application is personalized already"),
    **dict.fromkeys(
        (0x9311, 0x9312, 0x9313, 0x9315, 0x9500),
        Text(
            "密钥校验值不符：检查卡规范 [chip.padding] 和密钥的算法",
            "a check value does not fit its key: check [chip.padding] of the profile and the "
            "algorithm of the keys",
        ),
    ),
}


class ForeignBlankError(CardError):
    """The chip was made for another bank."""

    def __init__(self, found: bytes, expected: bytes) -> None:
        super().__init__(
            Text(
                f"此白卡属于其他银行：KMCID 为 {found.hex().upper()}，"
                f"应为 {expected.hex().upper()}",
                f"the blank belongs to another bank: its KMC identifier is {found.hex().upper()}, "
                f"not {expected.hex().upper()}",
            ),
            hint=Text(
                "取出此卡；若白卡无误，修改卡规范 [chip] 的 key_identifier",
                "take it out; if the blank is right, correct key_identifier in [chip] of the "
                "profile",
            ),
        )


class NoCardManager(CardError):
    """The chip has no card manager of this name."""

    def __init__(self, aid: bytes, sw: StatusWord) -> None:
        super().__init__(
            Text(
                f"卡上没有发卡行安全域 {aid.hex().upper()}（{sw}）",
                f"the card has no issuer security domain {aid.hex().upper()} ({sw})",
            ),
            hint=Text(
                "检查卡规范 [chip] 的 issuer_domain；不带金融应用的白卡不能个人化银行应用",
                "check issuer_domain in [chip] of the profile; a blank without the bank's part "
                "cannot be given its application",
            ),
        )


class ChannelRefused(Refused):
    """INITIALIZE UPDATE or EXTERNAL AUTHENTICATE was refused."""

    def __init__(self, command: Text, sw: StatusWord) -> None:
        super().__init__(command, sw)
        if sw == _WRONG_PROOF:
            self.hint = Text(
                "卡不认可主机密文：KMC 或卡规范 [chip] 的 derivation 不符；不要重试，卡可能锁定",
                "the card does not know the host: another KMC, or derivation in [chip] of the "
                "profile; do not repeat it, cards may lock",
            )
        elif sw == _NOTHING_LISTED:
            self.hint = Text(
                "卡上没有该版本的密钥：修改卡规范 [chip] 的 key_version（00 为卡的缺省密钥）",
                "the card has no keys of this version: correct key_version in [chip] of the "
                "profile (00: whatever it has)",
            )
        elif sw == _LAST_CHANNELS:
            self.hint = Text(
                "应用已个人化，或卡的序列计数器已用尽",
                "the application is personalized already, or the sequence counter is used up",
            )


class GroupRefused(Refused):
    """STORE DATA was refused; ``numbers`` are the data groups that the command carried."""

    def __init__(self, numbers: tuple[int, ...], sw: StatusWord) -> None:
        listed = " ".join(f"{number:04X}" for number in numbers)
        what = Text(f"写入数据分组 {listed}", f"store the data group {listed}")
        super().__init__(what, sw)
        self.numbers = numbers
        self.hint = _REFUSED_GROUP.get(sw)


class BankCommands:
    """Single commands to the card manager and to applications in the making."""

    def __init__(
        self,
        connection: Connection,
        model: FinancialApplication,
        service: object,
        random: Random = secrets.token_bytes,
    ) -> None:
        self._channel = Channel(connection)
        self._model = model
        self._personalizer: CardPersonalizer = card_personalizer(service)
        self._random = random
        self._secure: SecureChannel | None = None

    def select(self, aid: bytes) -> Response:
        """SELECT, whatever its answer (one exchange); an open channel ends."""
        self._secure = None
        return self._channel.ask_whole(iso.select_name(aid, iso.READ_ALL))

    def open_manager(self) -> None:
        """Select the card manager and open a channel to it (three exchanges).

        Raises :class:`NoCardManager`, and as :meth:`open_channel`.
        """
        aid = self._model.chip.issuer_domain
        sw = self.select(aid).sw
        if not sw.ok:
            raise NoCardManager(aid, sw)
        self.open_channel()

    def open_channel(self) -> SecureChannel:
        """Open a channel to what is selected (two exchanges).

        Raises :class:`ForeignBlankError`, :class:`WrongCardCryptogramError`,
        :class:`ChannelRefused`; nothing is spent on the card before the last.
        """
        chip, challenge = self._model.chip, self._random(globalplatform.CHALLENGE_LENGTH)
        command = globalplatform.initialize_update(chip.key_version, challenge)
        answer = _update(self._ask(command, _OPEN))
        found = answer.key_data[:_KMC_IDENTIFIER]
        if found != chip.key_identifier:
            raise ForeignBlankError(found, chip.key_identifier)
        channel = self._personalizer.open_channel(self._model.keys, chip, challenge, answer)
        self._ask(Secret(bytes(channel.authentication)), _PROVE)
        self._secure = channel
        return channel

    def applications(self) -> tuple[Installed, ...]:
        """What GET STATUS lists (one exchange); the channel to the card manager is open."""
        listed, more = b"", False
        for _ in range(_MOST_LISTS):
            response = self._channel.ask(self._wrapped(globalplatform.get_status(more=more)))
            if response.sw == _NOTHING_LISTED:
                break
            more = response.sw == _MORE_LISTED
            if not more and not response.sw.ok:
                raise Refused(_LIST, response.sw)
            listed += response.data
            if not more:
                break
        else:
            raise _not_understood("GET STATUS")
        try:
            return globalplatform.parse_status(listed)
        except TlvError:
            raise _not_understood("GET STATUS") from None

    def install(self, installation: Installation) -> None:
        """INSTALL (one exchange)."""
        self._do(globalplatform.install(installation), _INSTALL, installation.instance)

    def delete(self, aid: bytes) -> None:
        """DELETE (one exchange)."""
        self._do(globalplatform.delete(aid), _DELETE, aid)

    def store(self, command: Command, numbers: tuple[int, ...], *, secret: bool) -> None:
        """STORE DATA of these data groups (one exchange); raises :class:`GroupRefused`."""
        wrapped = self._wrapped(command)
        raw = Secret(bytes(wrapped)) if secret else wrapped
        sw = self._channel.ask(raw).sw
        if not sw.ok:
            raise GroupRefused(numbers, sw)

    def ask(self, command: Command) -> Response:
        """The answer to a command outside the channel."""
        return self._channel.ask(command)

    def _do(self, command: Command, what: Text, aid: bytes) -> None:
        sw = self._channel.ask(self._wrapped(command)).sw
        if not sw.ok:
            raise Refused(what, sw, where=aid.hex().upper())

    def _ask(self, command: Command | Secret, what: Text) -> bytes:
        response = self._channel.ask(command)
        if not response.sw.ok:
            raise ChannelRefused(what, response.sw)
        return response.data

    def _wrapped(self, command: Command) -> Command:
        assert self._secure is not None  # whoever sends them has opened it
        return self._secure.wrap(command)


def _update(data: bytes) -> InitializeUpdate:
    if len(data) != _UPDATE_LENGTH:
        raise _not_understood("INITIALIZE UPDATE")
    version, protocol = data[_KEY_DATA : _KEY_DATA + 2]
    return InitializeUpdate(data[:_KEY_DATA], version, protocol, data[12:20], data[20:])


def _not_understood(command: str) -> CardError:
    return CardError(
        Text(f"卡对 {command} 的应答格式不对", f"the answer to {command} has another form"),
        hint=Text(
            "此卡不是 GlobalPlatform 卡，或使用其他安全通道协议",
            "the card is no GlobalPlatform card, or uses another secure channel protocol",
        ),
    )
