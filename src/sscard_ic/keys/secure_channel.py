"""Secure channels to the applications of the bank while a card is built up (ref 04 §7.2-7.3).

The keys of one card come from the KMC by encryption alone, so an HSM may keep the KMC itself.
"""

from __future__ import annotations

import hmac
from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from sscard_ic.apdu import globalplatform
from sscard_ic.apdu.command import Command
from sscard_ic.base.errors import CardError, InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import des, mac
from sscard_ic.crypto.pboc import channel as rules
from sscard_ic.crypto.pboc.channel import Encryption, Kind, MessageChain
from sscard_ic.crypto.pboc.symmetric import pin_block
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys.bank_capabilities import BankCard, Filling, InitializeUpdate, SecureChannel
from sscard_ic.keys.bank_vault import BankKeyHost
from sscard_ic.profile.financial import BankKeys, ChipSettings, Padding

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCK = des.BLOCK
_PIN_LENGTH = 8
_PLAIN_BLOCKS = (1, 2)
"""Formats of ISO 9564 that need no account number: filled with random digits, or with F."""
_FEWEST_DIGITS, _MOST_DIGITS = 4, 12


class WrongCardCryptogramError(CardError):
    """The card has other keys than those that the KMC gives it."""

    def __init__(self, keys: BankKeys, settings: ChipSettings, answer: InitializeUpdate) -> None:
        found, expected = answer.key_data[:6].hex().upper(), settings.key_identifier.hex().upper()
        name = f"{keys.card_manager}"
        super().__init__(
            Text(
                f"卡片密文不符：卡内密钥（KMCID {found}，版本 {answer.key_version:02X}）"
                f"不是由 KMC {name} 分散的",
                f"the cryptogram of the card is wrong: its keys (KMCID {found}, version "
                f"{answer.key_version:02X}) do not come from the KMC {name}",
            ),
            hint=Text(
                f"勿反复尝试；核对密钥库中的 {name}，以及卡规范 [chip] 的 derivation "
                f"（{settings.derivation}）、key_identifier（{expected}）",
                f"do not repeat it; compare {name} of the key service, and derivation "
                f"({settings.derivation}) and key_identifier ({expected}) in [chip] of the profile",
            ),
        )


class OtherProtocolError(CardError):
    """The card speaks another secure channel protocol than the profile says."""

    def __init__(self, found: int, expected: str) -> None:
        super().__init__(
            Text(
                f"卡使用安全通道协议 {found:02X}，配置为 {expected}",
                f"the card uses the secure channel protocol {found:02X}, the profile says "
                f"{expected}",
            ),
            hint=Text(
                "修改卡规范 [chip] 的 protocol（01 或 02）",
                "correct protocol in [chip] of the profile (01 or 02)",
            ),
        )


class ChannelHost(BankKeyHost):
    """:class:`~sscard_ic.keys.bank_capabilities.CardPersonalizer` over keys of a subclass."""

    @abstractmethod
    def _out_of_root(self, name: str, version: int, algorithm: Algorithm, blocks: bytes) -> bytes:
        """ECB decryption of whole blocks under a root key, whatever that is for."""

    def open_channel(
        self,
        keys: BankKeys,
        settings: ChipSettings,
        host_challenge: bytes,
        answer: InitializeUpdate,
    ) -> SecureChannel:
        """Check the card's cryptogram and answer it; :class:`WrongCardCryptogramError`.

        Raises :class:`OtherProtocolError` where the card speaks the other protocol.
        """
        if f"{answer.protocol:02X}" != settings.protocol:
            raise OtherProtocolError(answer.protocol, settings.protocol)
        self._require(keys.card_manager, keys.version, "3des", "card_manager")

        def session(kind: Kind) -> bytes:
            card_key = self._card_manager_key(keys, settings, answer.key_data, kind)
            return rules.session_key(settings.protocol, kind, card_key, host_challenge, card)

        card = answer.challenge
        enc = session("enc")
        expected = rules.cryptogram(enc, host_challenge, card)
        if not hmac.compare_digest(expected, answer.cryptogram):
            raise WrongCardCryptogramError(keys, settings, answer)
        data_key = (
            _cipher(session("dek"))
            if settings.protocol == "02"
            else self._card_manager_key(keys, settings, answer.key_data, "dek")
        )
        chain = MessageChain(
            settings.protocol, session("mac"), enc, settings.initial_vector, settings.mac_covers
        )
        return _Channel(
            self,
            chain,
            data_key,
            int(settings.level, 16),
            rules.cryptogram(enc, card, host_challenge),
        )

    def _card_manager_key(
        self, keys: BankKeys, settings: ChipSettings, key_data: bytes, kind: Kind
    ) -> Encryption:
        """Encryption under one of the three keys of a card."""

        def under_master(blocks: bytes) -> bytes:
            return self._under_root(keys.card_manager, keys.version, "3des", blocks)

        if settings.derivation == "none":
            return under_master
        block = rules.derivation_block(settings.derivation, key_data, kind)
        return _cipher(under_master(block))

    def _from_transport(
        self, name: str, version: int, algorithm: Algorithm, data: bytes, filled: Filling
    ) -> bytes:
        """What lies in ``data`` under a transport key."""
        self._require(name, version, algorithm, "bank_transport")
        if not data or len(data) % SUITES[algorithm].block:
            raise _no_blocks(name)
        plain = self._out_of_root(name, version, algorithm, data)
        if filled == "none":
            return plain
        try:
            return rules.unpad80(plain)
        except ValueError:
            raise _other_key(name) from None


class _Channel:
    """An open channel; nothing of it is ever printed."""

    def __init__(
        self,
        host: ChannelHost,
        chain: MessageChain,
        data_key: Encryption,
        level: int,
        host_cryptogram: bytes,
    ) -> None:
        self._host = host
        self._chain = chain
        self._data_key = data_key
        command = globalplatform.external_authenticate(level, host_cryptogram)
        # This one carries its MAC at every level, and is not enciphered.
        field = command.data + chain.mac(command.header, command.data)
        self._authentication = replace(command, data=field)
        chain.level = level

    @property
    def authentication(self) -> Command:
        """EXTERNAL AUTHENTICATE, finished: the first command of the channel."""
        return self._authentication

    def wrap(self, command: Command) -> Command:
        """``command`` as the level wants it; ``ValueError`` when its data leave no room."""
        if not self._chain.level:
            return command
        secure = replace(command, cla=globalplatform.SECURE_CLASS)
        return replace(secure, data=self._chain.protect(secure.header, secure.data))

    def encipher(self, data: Secret, padding: Padding) -> bytes:
        """A secret data group under the session DEK; :class:`InputError` for a part of a block."""
        return self._data_key(_filled(data.reveal(), padding))

    def card_keys(self, card: BankCard, padding: Padding) -> tuple[bytes, bytes]:
        """AC ‖ MAC ‖ ENC of a card under the session DEK, and their check values, 9 bytes."""
        keys = self._host._bank_card_keys(card)
        check = SUITES[card.algorithm].check_value
        return self._data_key(_filled(b"".join(keys), padding)), b"".join(map(check, keys))

    def translate(
        self,
        transport: str,
        version: int,
        algorithm: Algorithm,
        data: bytes,
        padding: Padding,
        filled: Filling = "none",
    ) -> bytes:
        """A secret data group from under a transport key to under the session DEK.

        ``padding`` is how the card wants it, ``filled`` how it came (ref 04 §7.6). Raises
        :class:`InputError` for data that are not under this key.
        """
        plain = self._host._from_transport(transport, version, algorithm, data, filled)
        return self._data_key(_filled(plain, padding))

    def translate_pin(
        self, transport: str, version: int, algorithm: Algorithm, data: bytes, pin_format: int
    ) -> bytes:
        """A PIN block the same way, made one of ``pin_format``: 2, or 1 (ref 04 §7.6, 15 §7.3).

        Blocks of both formats are taken.
        """
        plain = self._host._from_transport(transport, version, algorithm, data, "none")
        digits = _pin_digits(plain[:_PIN_LENGTH], transport)
        return self._data_key(pin_block(digits, pin_format))


def _cipher(key: bytes) -> Callable[[bytes], bytes]:
    return des.Encryptor(key).encrypt


def _filled(data: bytes, padding: Padding) -> bytes:
    if padding == "always":
        return mac.pad80(data)
    if padding == "needed":
        return mac.pad80_if_needed(data)
    if len(data) % _BLOCK:
        raise InputError(
            Text(
                f"保密数据分组有 {len(data)} 字节，不是 {_BLOCK} 的倍数，又不允许填充",
                f"a secret data group has {len(data)} bytes, no multiple of {_BLOCK}, and is not "
                "to be filled",
            ),
            hint=Text(
                "修改卡规范 [chip.padding] 中该分组的填充方式（needed 或 always）",
                "correct its filling in [chip.padding] of the profile (needed or always)",
            ),
        )
    return data


def _pin_digits(block: bytes, transport: str) -> str:
    text = block.hex()
    control, count = int(text[0], 16), int(text[1], 16)
    digits = text[2 : 2 + count]
    sound = (
        control in _PLAIN_BLOCKS
        and _FEWEST_DIGITS <= count <= _MOST_DIGITS
        and digits.isdecimal()
        and (control == 1 or not text[2 + count :].strip("f"))
    )
    if len(block) != _PIN_LENGTH or not sound:
        raise _other_key(transport)
    return digits


def _no_blocks(transport: str) -> InputError:
    return InputError(
        Text(
            f"用传输密钥 {transport} 保护的数据分组长度不对",
            f"a data group under the transport key {transport} has a wrong length",
        ),
        hint=Text("核对数据准备文件", "check the file of the data preparation"),
    )


def _other_key(transport: str) -> InputError:
    return InputError(
        Text(
            f"数据分组不是用传输密钥 {transport} 保护的，或填充方式不同",
            f"a data group is not under the transport key {transport}, or filled otherwise",
        ),
        hint=Text(
            "核对该密钥的校验值和数据准备文件的填充方式",
            "compare the check value of the key, and how the data preparation fills the groups",
        ),
    )
