"""The HSM service (加密机) as a key service: what a counter without keys asks of the centre.

============================  ======  =============================================================
capability                    type    asked
============================  ======  =============================================================
Authenticator, IRK            01      internal challenges, external ones empty
Authenticator, other keys     02      process factor = challenge, raw data = text
MessageProtector              03      enciphered data (PIN reset), or no data (unblock, locks)
PurchaseHost, debit TAC       04      MAC1, MAC2 and TAC of a settlement in one
============================  ======  =============================================================

These messages have no MAC over plain data, no credits, no key loading, no inventory, and nothing to
seal a ledger with. The variant of secure messaging and the form of the TAC are those of the
service: no message names them.
"""

from __future__ import annotations

import hmac
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NoReturn

from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.errors import Text
from sscard_ic.base.sealing import Sealer
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.medical import TacForm
from sscard_ic.crypto.secure_messaging import Method
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys.capabilities import CardKey
from sscard_ic.keys.errors import MissingCapabilityError
from sscard_ic.keys.inventory import Environment, KeyInfo
from sscard_ic.keys.medical import Credit, Purchase
from sscard_ic.keys.published_roots import merge_keys
from sscard_ic.keys.remote import blocks
from sscard_ic.keys.remote.addresses import Addresses, NoAddressError
from sscard_ic.keys.remote.dialogue import Dialogue
from sscard_ic.keys.remote.errors import RemoteError
from sscard_ic.keys.remote.parts import (
    Card,
    Challenges,
)
from sscard_ic.keys.remote.replies import (
    AuthenticationReply,
    BasicReply,
    DebitReply,
    MessageReply,
)
from sscard_ic.keys.remote.requests import (
    AuthenticationRequest,
    BasicRequest,
    DebitRequest,
    MessageRequest,
)
from sscard_ic.keys.remote.settings import RemoteSettings
from sscard_ic.keys.remote.transport import HttpsTransport
from sscard_ic.profile import available, load
from sscard_ic.profile.structure import Key

_HISTORICAL_LENGTH = 13
_CODE_LENGTH = 16
_KEPT = 64
"""Settlements remembered, so that MAC2 and TAC of one need no second request."""


class RemoteHsm:
    """Authenticator, message protector and purchase host over one HSM service.

    ``keys`` are those of the cards' profile with their addresses; without them the national
    profiles say them. Threads may share one. Raises :class:`RemoteError` for certificates that
    cannot be used; nothing is sent before the first question.
    """

    def __init__(
        self,
        settings: RemoteSettings,
        keys: Mapping[str, Key] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._given = keys
        self._transport = HttpsTransport(settings, clock or SystemClock())
        self._dialogue = Dialogue(self._transport, settings)
        self._settlements: OrderedDict[tuple[Purchase, int], DebitReply] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def environment(self) -> Environment:
        """What the settings say about its keys."""
        return self._settings.environment

    @property
    def place(self) -> str:
        """The address of the service."""
        return self._settings.url

    def close(self) -> None:
        """End all connections."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"<RemoteHsm {self.place}>"

    # Which keys

    @cached_property
    def _keys(self) -> Mapping[str, Key]:
        if self._given is not None:
            return self._given
        national = [info.name for info in available() if info.kind == "national"]
        return merge_keys(load(name).keys for name in national)

    @cached_property
    def _addresses(self) -> Addresses:
        return Addresses(self._keys, self._settings.addresses)

    def require_key(self, name: str, version: int, algorithm: Algorithm) -> None:
        """Raise :class:`NoAddressError` for a key that no message can name; nobody is asked."""
        if self._is_basic(name, version):
            return
        self._address(name, version, algorithm)

    def _is_basic(self, name: str, version: int) -> bool:
        """Whether it is the key of type 01: the IRK, of the group that the service uses."""
        entry = self._keys.get(name)
        return entry is not None and entry.use == "internal" and version == self._settings.key_group

    def _address(self, name: str, version: int, algorithm: Algorithm) -> str:
        address = self._addresses.of(name, version)
        if address is None:
            raise NoAddressError(name, version, self.place, algorithm)
        return address

    # Authenticator

    def cryptogram(self, key: CardKey, challenge: bytes, text: bytes) -> bytes:
        """8 bytes over ``text`` under the process key of ``challenge`` (type 01 or 02)."""
        challenges = Challenges(challenge, text)
        if self._is_basic(key.name, key.version):
            basic = BasicRequest(self._card(key), self._code(key), challenges, None)
            proof = self._dialogue.ask(basic, BasicReply, repeatable=True).internal
        else:
            address = self._address(key.name, key.version, key.algorithm)
            request = AuthenticationRequest(self._card(key), address, challenges, self._code(key))
            proof = self._dialogue.ask(request, AuthenticationReply, repeatable=True).proof
        self._require(proof.raw == text)
        return proof.cryptogram

    # Message protector

    def protect_command(
        self,
        key: CardKey,
        head: bytes,
        data: Secret,
        challenge: bytes,
        method: Method,
        *,
        enciphered: bool,
    ) -> bytes:
        """The data field of a command: enciphered data and MAC, or the MAC alone (type 03).

        Raises :class:`MissingCapabilityError` for data that are not enciphered: no message has
        them.
        """
        if bool(len(data)) != enciphered:
            self._cannot(Text("用 MAC 保护明文数据", "compute a MAC over data in clear"))
        suite = SUITES[key.algorithm]
        length = blocks.protected_length(len(data), suite)
        header = head + bytes((length,))
        plain = blocks.filled(data, suite) if self._settings.plaintext == "block" else data
        request = MessageRequest(
            self._card(key),
            self._address(key.name, key.version, key.algorithm),
            challenge.ljust(blocks.FACTOR_LENGTH, b"\x00"),
            header,
            plain if enciphered else Secret(b""),
        )
        command = self._dialogue.ask(request, MessageReply, repeatable=True).command
        self._require(command.startswith(header) and len(command) == len(header) + length)
        return command[len(header) :]

    # Settlements

    def purchase_macs(self, purchase: Purchase, number: int) -> tuple[bytes, bytes]:
        """MAC1 and MAC2 of a purchase with this transaction number (type 04)."""
        found = self._settle(purchase, number)
        return found.mac1, found.mac2

    def debit_tac(self, key: CardKey, purchase: Purchase, number: int, form: TacForm) -> bytes:
        """The TAC that came with MAC1 and MAC2; its key and form are those of the service."""
        return self._settle(purchase, number).tac

    def check_debit_tac(
        self, key: CardKey, purchase: Purchase, number: int, tac: bytes, form: TacForm
    ) -> bool:
        """Whether ``tac`` is the one that the service foretold."""
        return hmac.compare_digest(tac, self.debit_tac(key, purchase, number, form))

    def check_credit_tac(
        self, key: CardKey, credit: Credit, time: bytes, tac: bytes, form: TacForm
    ) -> bool:
        """Raises :class:`MissingCapabilityError`: there is no message for credits."""
        self._cannot(Text("校验账户划入的 TAC", "check the TAC of a credit"))

    def _settle(self, purchase: Purchase, number: int) -> DebitReply:
        with self._lock:
            kept = self._settlements.get((purchase, number))
        if kept is not None:
            return kept
        key = purchase.key
        short = self._settings.amounts == "two"
        if short and purchase.amounts.account:
            self._cannot(
                Text("结算账户支付金额（只发送两项金额）", "settle amounts with A1 (two are sent)")
            )
        request = DebitRequest(
            self._card(key),
            number,
            self._address(key.name, key.version, key.algorithm),
            purchase.random,
            purchase.counter,
            purchase.amounts,
            purchase.terminal,
            purchase.time,
            short_amounts=short,
        )
        # Whoever asks twice might settle twice: never repeated by itself.
        reply = self._dialogue.ask(request, DebitReply, repeatable=False)
        self._require(reply.number == number and reply.time == purchase.time)
        with self._lock:
            self._settlements[purchase, number] = reply
            while len(self._settlements) > _KEPT:
                self._settlements.popitem(last=False)
        return reply

    # What a key service is asked, and this one cannot do

    def keys(self) -> Sequence[KeyInfo]:
        """Raises :class:`MissingCapabilityError`: there is no message for an inventory."""
        self._cannot(Text("列出密钥及校验值", "list keys and their check values"))

    def sealer(self) -> Sealer:
        """Raises :class:`MissingCapabilityError`: it has no storage key."""
        self._cannot(Text("加密台账中的数据", "seal what a ledger keeps"))

    def digest(self, text: str, context: str) -> str:
        """Raises :class:`MissingCapabilityError`: it has no storage key."""
        self._cannot(Text("加密台账中的数据", "seal what a ledger keeps"))

    def _cannot(self, ability: Text) -> NoReturn:
        raise MissingCapabilityError(
            Text(
                f"远程加密机的报文不能{ability.zh}",
                f"the messages of a remote HSM cannot {ability.en}",
            ),
            where=self.place,
            hint=Text("请使用密钥库或 PKCS#11 加密机", "use the vault, or an HSM by PKCS#11"),
        )

    # The card, as every request names it

    def _card(self, key: CardKey) -> Card:
        historical = key.card.historical if key.card is not None else b""
        if len(historical) != _HISTORICAL_LENGTH:
            historical = bytes.fromhex(self._settings.historical_head) + key.factor
        return Card(key.division_code, historical, SUITES[key.algorithm].flag)

    def _code(self, key: CardKey) -> bytes:
        code = key.card.identification_code if key.card is not None else b""
        if len(code) == _CODE_LENGTH:
            return code
        return bytes.fromhex(key.division_code + self._settings.code_tail)

    def _require(self, of_this_request: bool) -> None:
        if not of_this_request:
            raise RemoteError(
                "other_reply",
                Text(
                    "加密机服务的应答属于另一请求",
                    "the reply of the HSM service is for another request",
                ),
                self.place,
                Text("不要使用；请联系服务方", "it is not used; ask the operator of the service"),
            )
