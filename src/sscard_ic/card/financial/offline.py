"""Offline data authentication at the terminal: SDA, DDA, CDA, fDDA (ref 14 §7, 04 §6.9, §6.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.records import ApplicationData
from sscard_ic.card.financial.terminal import TerminalSettings
from sscard_ic.codec.pboc.bits import Aip, Kind
from sscard_ic.codec.tlv import BerTlv, encode_ber
from sscard_ic.crypto.pboc import offline as rsa
from sscard_ic.crypto.pboc import offline_sm2 as sm2
from sscard_ic.crypto.pboc.offline_data import (
    OfflineError,
    fast_terminal_data,
    signed_profile,
    split_combined,
    split_number,
    static_data,
)
from sscard_ic.crypto.rsa import RsaPublic

if TYPE_CHECKING:
    from sscard_ic.crypto.pboc.authorities import AuthorityKey

Method = Literal["sda", "dda", "cda", "fdda"]
METHOD_WORDS: Mapping[Method, Text] = {
    "sda": Text("静态数据认证 SDA", "static data authentication (SDA)"),
    "dda": Text("动态数据认证 DDA", "dynamic data authentication (DDA)"),
    "cda": Text("复合动态数据认证 CDA", "combined dynamic data authentication (CDA)"),
    "fdda": Text("快速动态数据认证 fDDA", "fast dynamic data authentication (fDDA)"),
}
STATUS_WORDS: Mapping[str, Text] = {
    "live": Text("正式密钥", "a live key"),
    "test": Text("测试密钥，不作任何证明", "a test key, which proves nothing"),
    "unknown": Text("来源不明的密钥", "a key of unknown standing"),
    "demo": Text("公开的演示密钥，不作任何证明", "a published demo key, which proves nothing"),
}
_PROVIDER_LENGTH = 5
_UNPREDICTABLE = 0x9F37
_SIGNATURE, _CARD_DATA = 0x9F4B, 0x9F69
_FDDA_01 = 0x01


class MissingData(OfflineError):
    """The card does not give what its AIP promises."""


@dataclass(frozen=True, slots=True)
class OfflineResult:
    """What came of offline data authentication."""

    method: Method | None
    """None: it was not performed, for card and terminal have no method in common."""
    passed: bool = False
    reason: Text | None = None
    """Why it failed, or was not performed."""
    authority: AuthorityKey | None = None
    """The key that the chain of certificates begins with."""
    missing: bool = False
    """Whether data of the card were missing."""
    found: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    """What it recovered, by tag: 9F45 data authentication code, 9F4C dynamic number."""


def method_of(aip: Aip, terminal: TerminalSettings) -> Method | None:
    """The best method that both sides have: CDA, DDA, SDA (ref 14 §7.1)."""
    can = terminal.capabilities
    if aip & Aip.CDA and can.cda:
        return "cda"
    if aip & Aip.DDA and can.dda:
        return "dda"
    return "sda" if aip & Aip.SDA and can.sda else None


class Authentication:
    """The certificates and signatures of one card, checked as far as each method asks."""

    def __init__(self, data: ApplicationData, terminal: TerminalSettings, at: date) -> None:
        self._data = data
        self._terminal = terminal
        self._at = at

    @property
    def authority(self) -> AuthorityKey | None:
        """The key that the card names by RID and index; None where the terminal has it not."""
        index = self._data.get(0x8F)
        provider = self._data.aid[:_PROVIDER_LENGTH]
        return self._terminal.authorities.get((provider, index[0])) if index else None

    @cached_property
    def _static(self) -> bytes:
        profile = signed_profile(self._data.values.get(0x9F4A), self._data.options.values[0x82])
        return static_data(self._data.signed, profile)

    @cached_property
    def _issuer(self) -> RsaPublic | bytes:
        self._need(0x8F, 0x90)
        authority = self.authority
        if authority is None:
            index = self._data[0x8F].hex().upper()
            raise OfflineError(
                f"终端没有索引为 {index} 的认证中心公钥",
                f"the terminal has no authority key of index {index}",
            )
        if authority.has_expired(self._at):
            raise OfflineError("认证中心公钥已过期", "the authority key has expired")
        certificate, pan = self._data[0x90], self._data.pan
        ca = authority.public
        revoked = self._terminal.revoked_serials(authority.rid, authority.index)
        if isinstance(ca, RsaPublic):
            self._need(0x9F32)
            parts = self._data.get(0x92), self._data[0x9F32]
            return rsa.issuer_key(ca, certificate, *parts, pan, self._at, revoked)
        return sm2.issuer_key(ca, certificate, b"", b"", pan, self._at, revoked)

    @cached_property
    def _card(self) -> RsaPublic | bytes:
        issuer = self._issuer
        self._need(0x9F46)
        certificate, pan = self._data[0x9F46], self._data.pan
        if isinstance(issuer, RsaPublic):
            self._need(0x9F47)
            parts = self._data.get(0x9F48), self._data[0x9F47]
            return rsa.card_key(issuer, certificate, *parts, self._static, pan, self._at)
        return sm2.card_key(issuer, certificate, b"", b"", self._static, pan, self._at)

    def check_static(self) -> OfflineResult:
        """SDA: the data are those that the issuer signed."""
        try:
            issuer = self._issuer
            self._need(0x93)
            if isinstance(issuer, RsaPublic):
                code = rsa.check_static(issuer, self._data[0x93], self._static)
            else:
                code = sm2.check_static(issuer, self._data[0x93], self._static)
        except OfflineError as error:
            return self._failed("sda", error)
        return OfflineResult("sda", True, authority=self.authority, found={0x9F45: code})

    def dynamic_input(self, values: Mapping[int, bytes]) -> bytes:
        """What INTERNAL AUTHENTICATE has to bring; raises :class:`OfflineError`."""
        ddol = self._data.list_of(0x9F49)
        if 0x9F49 not in self._data:
            return values[_UNPREDICTABLE]
        if _UNPREDICTABLE not in ddol:
            raise OfflineError("DDOL 不含 9F37", "the DDOL does not ask for 9F37")
        return ddol.join(values)

    def require_card_key(self) -> None:
        """Raise :class:`OfflineError` unless the card's public key is certified."""
        _ = self._card

    def check_dynamic(self, signature: bytes | None, told: bytes) -> OfflineResult:
        """DDA: the card has the private key; ``told`` is what INTERNAL AUTHENTICATE brought."""
        try:
            if signature is None:
                raise OfflineError(
                    "卡没有应答内部认证", "the card did not answer INTERNAL AUTHENTICATE"
                )
            number = split_number(self._recovered(signature, told))
        except OfflineError as error:
            return self._failed("dda", error)
        return OfflineResult("dda", True, authority=self.authority, found={0x9F4C: number})

    def check_fast(self, values: Mapping[int, bytes], *, counter: bool) -> OfflineResult:
        """fDDA of a contactless payment over the terminal's ``values``, version 00 or 01.

        ``counter``: whether such cards put the ATC before what they hash for version 01.
        """
        try:
            self._need(_SIGNATURE)
            card_data = self._data.values.get(_CARD_DATA)
            if card_data is not None and card_data[:1] != bytes((_FDDA_01,)):
                card_data = None
            atc = int.from_bytes(self._data.get(0x9F36), "big") if counter and card_data else None
            told = fast_terminal_data(values, card_data, atc)
            number = split_number(self._recovered(self._data[_SIGNATURE], told))
        except OfflineError as error:
            return self._failed("fdda", error)
        return OfflineResult("fdda", True, authority=self.authority, found={0x9F4C: number})

    def check_combined(
        self, answer: BerTlv, told: bytes, unpredictable: bytes, kind: Kind
    ) -> tuple[OfflineResult, bytes]:
        """CDA: the signature in the ``answer`` 77, and the cryptogram that it holds.

        ``told``: values of PDOL, CDOL1 and, for the second cryptogram, CDOL2.
        """
        objects = {each.tag: each.value for each in answer.children}
        try:
            if not {_SIGNATURE, 0x9F27, 0x9F36} <= objects.keys():
                raise MissingData("应答中没有签名", "the answer bears no signature")
            combined = split_combined(self._recovered(objects[_SIGNATURE], unpredictable))
            rest = (encode_ber(tag, objects[tag]) for tag in objects if tag != _SIGNATURE)
            suite = rsa if isinstance(self._card, RsaPublic) else sm2
            if suite.transaction_hash(told + b"".join(rest)) != combined.transaction_hash:
                raise OfflineError("交易数据哈希不符", "the hash of the transaction is wrong")
            if combined.cid != objects[0x9F27][0] or combined.cid >> 6 != kind:
                raise OfflineError(
                    "签名中的密文类型不符", "the signature holds another kind of cryptogram"
                )
        except OfflineError as error:
            return self._failed("cda", error), b""
        result = OfflineResult(
            "cda", True, authority=self.authority, found={0x9F4C: combined.number}
        )
        return result, combined.cryptogram

    def _recovered(self, signature: bytes, told: bytes) -> bytes:
        card = self._card
        if isinstance(card, RsaPublic):
            return rsa.check_dynamic(card, signature, told)
        return sm2.check_dynamic(card, signature, told)

    def _need(self, *tags: int) -> None:
        missing = [tag for tag in tags if tag not in self._data]
        if missing:
            names = ", ".join(f"{tag:X}" for tag in missing)
            raise MissingData(f"卡未提供 {names}", f"the card does not give {names}")

    def _failed(self, method: Method, error: OfflineError) -> OfflineResult:
        return failed(method, error, self.authority)


def failed(method: Method, error: OfflineError, authority: AuthorityKey | None) -> OfflineResult:
    """The result of a method that failed."""
    missing = isinstance(error, MissingData)
    return OfflineResult(method, reason=error.reason, authority=authority, missing=missing)


def result_text(result: OfflineResult) -> Text:
    """The result in words, with what its authority's key is worth."""
    if result.method is None:
        why = result.reason or Text(
            "卡与终端没有共同的认证方式", "card and terminal share no method"
        )
        return Text(f"未进行：{why.zh}", f"not performed: {why.en}")
    words = METHOD_WORDS[result.method]
    if not result.passed:
        reason = result.reason or Text("失败", "failed")
        return Text(f"{words.zh}：失败（{reason.zh}）", f"{words.en}: FAILED ({reason.en})")
    if result.authority is None:
        return Text(f"{words.zh}：通过", f"{words.en}: passed")
    index, status = result.authority.index, STATUS_WORDS[result.authority.status]
    return Text(
        f"{words.zh}：通过（认证中心公钥 {index:02X}，{status.zh}）",
        f"{words.en}: passed (authority key {index:02X}, {status.en})",
    )
