"""The HSM service (加密机服务) itself: from a request to a reply, on top of any key service.

What it computes is done by the key service behind it: a vault, an HSM by PKCS#11, or another HSM
service. How messages look is said in :mod:`sscard_ic.keys.remote`. A refusal has one of these
codes, in the bar form as ``code|words|`` with the status 422 of HTTP, in XML as RETCODE and
RETTEXT:

====  ===========================================================
code  refused because
====  ===========================================================
10    the message has another form
20    the region is not served
21    cards of this algorithm are not served
22    no key stands at this address
23    this command is not protected, or its length is wrong
24    the profile has no medical account, or another key is asked
30    the key service refuses: no such key, purpose, days …
90    something went wrong within
====  ===========================================================
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from sscard_ic.base.authority import AuditEvent, AuditSink
from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.codec.digits import decode_cn
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.hosts.serving import ServiceAnswer
from sscard_ic.keys import (
    CardKey,
    CardNames,
    KeyService,
    authenticator,
    message_protector,
    require_environment,
)
from sscard_ic.keys.medical import Purchase, purchase_host
from sscard_ic.keys.remote import bars, blocks, xml_form
from sscard_ic.keys.remote.addresses import Addresses
from sscard_ic.keys.remote.dialogue import ANSWERED, REFUSED
from sscard_ic.keys.remote.fields import MessageError
from sscard_ic.keys.remote.parts import (
    Card,
    Challenges,
    Proof,
)
from sscard_ic.keys.remote.replies import (
    AuthenticationReply,
    BasicReply,
    DebitReply,
    MessageReply,
    Refusal,
    Reply,
)
from sscard_ic.keys.remote.requests import (
    AuthenticationRequest,
    BasicRequest,
    DebitRequest,
    MessageRequest,
    Request,
)
from sscard_ic.profile import CardProfile
from sscard_ic.profile.region import Region

ACTION = "hsm.serve"

_FORM, _REGION, _ALGORITHM, _ADDRESS, _COMMAND, _MEDICAL, _KEYS, _WITHIN = (
    "10",
    "20",
    "21",
    "22",
    "23",
    "24",
    "30",
    "90",
)
_FAMILIES: dict[str, Algorithm] = {suite.flag: name for name, suite in SUITES.items()}
_RESET = bytes.fromhex("8424")
_COMMANDS = frozenset({_RESET, *map(bytes.fromhex, ("841E", "8418", "8416"))})
"""PIN CHANGE/UNBLOCK; APPLICATION BLOCK, APPLICATION UNBLOCK, CARD BLOCK without data."""
_PROVINCE = 2
"""Digits of a division code that a province's keys serve."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the reference leaves open; the same settings as those of the client."""

    plaintext: Literal["data", "block"] = "data"
    success_code: str = "0"
    basic_internal: str = "IRK"
    """Keys that type 01 proves: its messages name none."""
    basic_external: str = "RKSSSE"


class _Refused(SscardError):
    """A request that the service does not serve."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(Text(zh, en))
        self.code = code


class HsmService:
    """Answers requests about cards of one province by the keys of ``service``.

    ``profile`` is that of a region: its keys have the addresses, its COS says how commands are
    protected. Cards of other cities of the province are served too. Threads may share one when
    they may share ``service``. Raises :class:`InputError` for a profile of no region or with an
    ambiguous address, :class:`EnvironmentMismatchError` for test keys and a production profile.
    """

    def __init__(
        self,
        service: KeyService,
        profile: CardProfile,
        audit: AuditSink | None = None,
        settings: ServiceSettings | None = None,
    ) -> None:
        self._region = _region_of(profile)
        require_environment(service, self._region.issuer.environment, profile.name)
        self._service = service
        self._profile = profile
        self._audit = audit
        self._settings = settings or ServiceSettings()
        self._addresses = Addresses(profile.keys)
        self._addresses.require_unique(profile.name)
        self._writing = threading.Lock()

    def answer(self, body: bytes) -> ServiceAnswer:
        """The reply to a request of either form, told by its first character; never an error."""
        xml = body.removeprefix(_BOM).lstrip().startswith(b"<")
        request: Request | None = None
        within = ""
        try:
            request = xml_form.read_request(body) if xml else bars.read_request(body)
            return self._written(self._reply(request), xml=xml)
        except MessageError as error:
            refusal = _refusal(_FORM, error.what)
        except _Refused as error:
            refusal = _refusal(error.code, error.what)
        except SscardError as error:
            refusal = _refusal(_KEYS, error.what)
        except Exception as unforeseen:  # it may carry values: of it only its class is told
            within = type(unforeseen).__name__
            refusal = _refusal(_WITHIN, Text("服务内部错误", "something went wrong within"))
        finally:
            if isinstance(request, MessageRequest):
                request.plain.clear()
        return self._refused(request, refusal, within, xml=xml)

    def _written(self, reply: Reply, *, xml: bool) -> ServiceAnswer:
        if xml:
            return _xml(xml_form.write_reply(reply, self._settings.success_code))
        return ServiceAnswer(ANSWERED, _TEXT, bars.write_reply(reply))

    def _refused(
        self, request: Request | None, refusal: Refusal, within: str, *, xml: bool
    ) -> ServiceAnswer:
        """The refusal, written down with ``within``, the class of an error nobody foresaw."""
        detail = {"code": refusal.code, "type": "-" if request is None else request.TYPE}
        if within:
            detail["error"] = within
        if self._audit is not None:
            event = AuditEvent(ACTION, self._profile.name, outcome="refused", detail=detail)
            try:
                with self._writing:
                    self._audit.record(event)
            except SscardError:
                # Nothing was given away; that nobody can write it down is told instead.
                words = Text("审计日志无法写入", "the audit log cannot be written")
                refusal = _refusal(_WITHIN, words)
        if xml:
            return _xml(xml_form.write_refusal(refusal))
        return ServiceAnswer(REFUSED, _TEXT, bars.write_refusal(refusal))

    # One method for each type

    def _reply(self, request: Request) -> Reply:
        self._check_card(request.card)
        if isinstance(request, BasicRequest):
            return self._basic(request)
        if isinstance(request, AuthenticationRequest):
            self._check_code(request.card, request.identification_code)
            key = self._key_at(request.address, request.card, request.identification_code)
            return AuthenticationReply(self._prove(key, request.challenges))
        if isinstance(request, MessageRequest):
            return self._message(request)
        return self._debit(request)

    def _basic(self, request: BasicRequest) -> BasicReply:
        card, code = request.card, request.identification_code
        self._check_code(card, code)
        settings, group = self._settings, self._region.terminal.key_group
        internal = self._prove(
            self._key(settings.basic_internal, group, card, code), request.internal
        )
        if request.external is None:
            return BasicReply(internal, None)
        key = self._key(settings.basic_external, group, card, code)
        return BasicReply(internal, self._prove(key, request.external))

    def _prove(self, key: CardKey, challenges: Challenges) -> Proof:
        keys = authenticator(self._service)
        cryptogram = keys.cryptogram(key, challenges.factor, challenges.raw)
        return Proof(cryptogram, challenges.raw)

    def _message(self, request: MessageRequest) -> MessageReply:
        key = self._key_at(request.address, request.card)
        suite = SUITES[key.algorithm]
        if len(request.factor) > suite.block:
            raise _Refused(_COMMAND, "安全报文因子过长", "the secure-messaging factor is too long")
        data = request.plain
        if self._settings.plaintext == "block":
            try:
                data = blocks.unfilled(data, suite)
            except ValueError:
                words = "明文应为 LL ‖ 数据 ‖ 80 00…", "the plaintext is no LL ‖ data ‖ 80 00…"
                raise _Refused(_COMMAND, *words) from None
        head = request.header[:4]
        if head[:2] not in _COMMANDS or (len(data) and head[:2] != _RESET):
            raise _Refused(_COMMAND, "不为此命令计算安全报文", "this command is not protected")
        length = blocks.protected_length(len(data), suite)
        if request.header[4] != length:
            raise _Refused(
                _COMMAND,
                f"命令头的 Lc 应为 {length:02X}",
                f"Lc of the header should be {length:02X}",
            )
        field = message_protector(self._service).protect_command(
            key,
            head,
            data,
            request.factor,
            self._profile.dialect.messaging.secure_messaging,
            enciphered=bool(len(data)),
        )
        data.clear()
        return MessageReply(request.header + field)

    def _debit(self, request: DebitRequest) -> DebitReply:
        medical = self._profile.structure.medical
        key = self._key_at(request.address, request.card)
        if medical is None or key.name != medical.purchase_key:
            raise _Refused(
                _MEDICAL, "该地址不是消费密钥的地址", "this address is not that of a purchase key"
            )
        host = purchase_host(self._service)
        purchase = Purchase(
            key,
            request.random,
            request.counter,
            request.amounts,
            request.terminal,
            request.time,
            key.version,
            medical.settings.algorithm_byte,
        )
        mac1, mac2 = host.purchase_macs(purchase, request.number)
        tac_key = self._key(medical.tac_key, 1, request.card)
        tac = host.debit_tac(tac_key, purchase, request.number, medical.settings.tac_form)
        return DebitReply(request.number, request.time, mac1, mac2, tac)

    # Cards and keys

    def _check_card(self, card: Card) -> None:
        mine = self._region.issuer.division_code
        if card.region[:_PROVINCE] != mine[:_PROVINCE]:
            province = f"{mine[:_PROVINCE]}0000"
            raise _Refused(
                _REGION,
                f"本服务只服务 {province} 的卡",
                f"only cards of {province} are served here",
            )
        if card.flag not in _FAMILIES:
            raise _Refused(
                _ALGORITHM,
                "本服务没有 SSF33 算法",
                "the algorithm SSF33 is not available here",
            )

    def _check_code(self, card: Card, code: bytes) -> None:
        """The identification code begins with the region, where it was sent."""
        if code and decode_cn(code[:3]) != card.region:
            raise _Refused(
                _REGION,
                "卡识别码的前 6 位不是发卡地区",
                "the identification code does not begin with the region",
            )

    def _key_at(self, address: str, card: Card, code: bytes = b"") -> CardKey:
        found = self._addresses.at(address)
        if found is None:
            raise _Refused(_ADDRESS, "没有这个密钥地址", "no key stands at this address")
        return self._key(*found, card, code)

    def _key(self, name: str, version: int, card: Card, code: bytes = b"") -> CardKey:
        entry = self._profile.keys.get(name)
        if entry is None or version > entry.groups:
            raise _Refused(_ADDRESS, f"没有密钥 {name}", f"there is no key {name}")
        algorithm = "3des" if entry.algorithm == "3des" else _FAMILIES[card.flag]
        factor = card.historical[-8:]
        names = CardNames(card.historical, code)
        return CardKey(name, version, card.region, factor, algorithm, names)


_TEXT = "text/plain; charset=utf-8"


def _xml(body: bytes) -> ServiceAnswer:
    return ServiceAnswer(ANSWERED, "application/xml; charset=utf-8", body)


def _refusal(code: str, words: Text) -> Refusal:
    return Refusal(code, f"{words.zh} / {words.en}")


def _region_of(profile: CardProfile) -> Region:
    if profile.region is not None:
        return profile.region
    raise InputError(
        Text("此规范不属于任何地区", "the profile is of no region"),
        where=profile.name,
        hint=Text("请指定地区的规范，例如 dalian", "name a region's profile, as dalian"),
    )
