"""Data preparation: from a holder and an account to the data groups of a card (ref 15 §2.3)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.bank_plan import BankPlan, InstancePlan, PlannedGroup
from sscard_ic.codec.pboc.elements import amount
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.crypto.pboc.symmetric import pin_block
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.issuance.bank.certifying import CardCertifier, CardPublic, Certifiers
from sscard_ic.issuance.bank.holder import BankHolder
from sscard_ic.issuance.bank.layout import LaidGroup, LaidWay, Layout
from sscard_ic.issuance.bank.signing import CardSigner, KeySource
from sscard_ic.profile.financial import FinancialApplication

_DIGITS_OF_PIN = range(4, 13)
_RSA_PARTS = ("rsa_p", "rsa_q", "rsa_exponent_p", "rsa_exponent_q", "rsa_coefficient")


class BankPreparer:
    """Prepares cards of one profile; made once for many."""

    def __init__(self, model: FinancialApplication, issuers: Certifiers) -> None:
        self.model = model
        self._issuers = issuers
        self._layout = Layout(model)

    def prepare(self, holder: BankHolder, keys: KeySource) -> BankPlan:
        """What a card gets for ``holder``: payment application, PSE, PPSE.

        Takes a key pair from ``keys`` for each algorithm of the card. Raises :class:`InputError`
        for data that the application cannot hold, before a key is taken, and whatever the issuers
        and ``keys`` raise.
        """
        holder.require_usable()
        signing = self.model.plan.signing
        issuers = {each: self._issuers.certifier(each, holder.pan) for each in signing.algorithms}
        if any(holder.expiry > issuer.certificate.expiry for issuer in issuers.values()):
            raise _outlives_issuer()
        return _Preparation(self.model, self._layout, holder, issuers).plan(keys)


def prepare_bank(
    model: FinancialApplication, holder: BankHolder, issuers: Certifiers, keys: KeySource
) -> BankPlan:
    """The plan of one card; see :meth:`BankPreparer.prepare`."""
    return BankPreparer(model, issuers).prepare(holder, keys)


class _Preparation:
    """One card on the way."""

    def __init__(
        self,
        model: FinancialApplication,
        layout: Layout,
        holder: BankHolder,
        issuers: Mapping[Algorithm, CardCertifier],
    ) -> None:
        self._model = model
        self._layout = layout
        self._holder = holder
        self._issuers = issuers
        self._values = dict(self._of_holder())
        self._secrets: dict[str, Secret] = {"pin": self._pin_block()}
        self._built: dict[int, bytes] = {}

    def plan(self, keys: KeySource) -> BankPlan:
        """All groups of all applications, in the order of personalization."""
        publics = self._take(keys)
        code = self._model.plan.signing.authentication_code.to_bytes(2, "big")
        self._signer = CardSigner(self._holder, code, publics, self._issuers, self._record)
        instances = tuple(
            InstancePlan(name, aid, tuple(self._groups(groups)))
            for name, aid, groups in self._layout.instances
        )
        return BankPlan(self._holder.pan, self._holder.sequence, instances)

    def _take(self, keys: KeySource) -> dict[Algorithm, CardPublic]:
        """A key pair for each algorithm: the public halves."""
        signing = self._model.plan.signing
        publics: dict[Algorithm, CardPublic] = {}
        if "3des" in signing.algorithms:
            rsa = keys.take_rsa(signing.rsa_bits, signing.exponent)
            publics["3des"] = rsa.public
            self._secrets.update(zip(_RSA_PARTS, rsa.components(), strict=True))
        if "sm4" in signing.algorithms:
            pair = keys.take_sm2()
            publics["sm4"] = pair.public
            self._secrets["sm2_private"] = pair.private
        return publics

    # Groups

    def _groups(self, groups: tuple[LaidGroup, ...]) -> Iterator[PlannedGroup]:
        for group in groups:
            if group.fixed is not None:
                yield group.fixed
            elif group.parts == (b"",):
                yield self._secret(group)
            elif value := self._value_of(group):
                yield PlannedGroup(group.number, value)

    def _value_of(self, group: LaidGroup) -> bytes:
        """The value of a group; empty where the card has none of its objects."""
        if group.fixed is not None and group.fixed.value is not None:
            return group.fixed.value
        found = self._built.get(id(group))
        if found is None:
            body = b"".join(
                part if isinstance(part, bytes) else self._object(part.tag, part.name, group)
                for part in group.parts
            )
            found = self._built[id(group)] = group.wrap(body) if body else b""
        return found

    def _object(self, tag: int, name: str, group: LaidGroup) -> bytes:
        value = self._values.get(name)
        if value is None:
            value = self._of_way(name, group)
        return encode_ber(tag, value) if value else b""

    def _record(self, sfi: int, number: int, algorithm: Algorithm) -> bytes:
        return self._value_of(self._layout.record(sfi, number, algorithm))

    def _secret(self, group: LaidGroup) -> PlannedGroup:
        """PIN and numbers of private keys."""
        role = group.role
        if role not in self._secrets:
            raise InputError(
                Text(
                    f"数据计划要求 {role}，但此卡没有该算法的密钥",
                    f"{role}: the card has no key of its algorithm",
                ),
                hint=Text(
                    "在该组写明 algorithm，或在 plan.signing.algorithms 中加入算法",
                    "give the group its algorithm, or add that to plan.signing.algorithms",
                ),
            )
        return PlannedGroup(group.number, secret=self._secrets[role])

    # Values

    def _of_holder(self) -> Iterator[tuple[str, bytes]]:
        """Values that are the same in every group."""
        holder, holding = self._holder, self._model.plan.holding
        name, extension = holder.names(holding)
        id_type = holding.id_types.get(holder.document_type, holding.other_id_type)
        yield "pan", holder.padded_pan
        yield "sequence", bytes.fromhex(f"{holder.sequence:02d}")
        yield "track2", holder.track2(holding)
        yield "name", name
        yield "name_extension", extension
        yield "id_number", holder.id_number.encode("ascii")
        yield "id_type", bytes((id_type,))
        yield "expiry", bytes.fromhex(f"{holder.expiry:%y%m%d}")
        yield "effective", bytes.fromhex(f"{holder.effective:%y%m%d}")
        yield "balance", amount(holder.balance)

    def _of_way(self, name: str, group: LaidGroup) -> bytes:
        """Values of one algorithm, and of one way with it; the profile has seen to both."""
        if name in ("authority_index", "issuer_certificate", "issuer_remainder", "issuer_exponent"):
            return self._of_issuer(name, group.algorithm)
        assert group.way is not None
        return self._of_signer(name, group.way)

    def _of_issuer(self, name: str, algorithm: Algorithm) -> bytes:
        certificate = self._issuers[algorithm].certificate
        if name == "authority_index":
            return bytes((certificate.authority_index,))
        held = certificate.held
        parts = {"issuer_remainder": held.remainder, "issuer_exponent": held.exponent}
        return parts.get(name, held.certificate)

    def _of_signer(self, name: str, way: LaidWay) -> bytes:
        if name == "aip":
            return way.aip
        if name == "locator":
            return way.locator
        if name == "issuer_data":
            return way.issuer_data
        if name == "static_signature":
            return self._signer.static_signature(way)
        held = self._signer.certificate(way)
        parts = {"card_remainder": held.remainder, "card_exponent": held.exponent}
        return parts.get(name, held.certificate)

    def _pin_block(self) -> Secret:
        """The reference PIN block, ISO 9564 format 2 or 1 (ref 15 §7.3)."""
        given = self._holder.pin
        digits = self._model.plan.holding.initial_pin
        if given is not None:
            digits = given.reveal().decode("ascii", "replace")
        if len(digits) not in _DIGITS_OF_PIN or not (digits.isascii() and digits.isdecimal()):
            raise InputError(
                Text("脱机 PIN 应为 4–12 位数字", "an offline PIN has 4 to 12 digits"),
                hint=Text("更正后重试", "correct it and try again"),
            )
        if self._model.chip.pin_format == 2:
            return Secret(pin_block(digits))
        head = f"1{len(digits):X}{digits}"
        return Secret(bytes.fromhex(head + secrets.token_hex(8)[len(head) :]))


def _outlives_issuer() -> InputError:
    return InputError(
        Text(
            "卡的失效日期晚于发卡行证书", "the card is valid longer than its issuer's certificate"
        ),
        hint=Text(
            "缩短有效期（plan.holding.years），或使用新的发卡行证书",
            "shorten the validity (plan.holding.years), or use a newer issuer certificate",
        ),
    )
