"""The steps of a card's certificates in a batch: asked for, kept, loaded, proved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sscard_ic.base.errors import CardError, InputError, SscardError, Text
from sscard_ic.card import CertificateApplication
from sscard_ic.crypto.certificates import CertificateError
from sscard_ic.hosts.authority_errors import RefusedRequestError
from sscard_ic.hosts.certificate_authority import CertificateAuthority, RequestError
from sscard_ic.issuance.certifying import (
    CardLock,
    CertificateHolder,
    CertificatePair,
    check_certificates,
    check_grant,
    load_grant,
    log_in,
    request_grant,
    require_own,
    trusted_by,
)
from sscard_ic.issuance.holder import Holder
from sscard_ic.issuance.prepare import PreparedCard
from sscard_ic.keys import EnvironmentMismatchError
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.inventory import Environment
from sscard_ic.ledger import Card, CardState, Ledger, Phase, Step
from sscard_ic.profile import CardProfile
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.reader import Connection


class PersonRefused(SscardError):
    """The authority grants this person no certificates, however often it is asked.

    The card is not at fault, and other persons are not concerned.
    """


class CertificateSteps:
    """What is done to every card of a batch whose cards bear certificates.

    Whatever the authority answers is checked and kept sealed before the card is given any of it.
    Errors that are neither the card's nor the person's name the row.
    """

    def __init__(self, ledger: Ledger, model: Model, authority: CertificateAuthority) -> None:
        self._ledger = ledger
        self._model = model
        self._authority = authority
        self._trusted = trusted_by(authority)

    def request(self, session: Connection, card: Card, plan: PreparedCard, *, again: bool) -> str:
        """Key pair and grant, unless the ledger has a grant for the key of this card.

        ``again``: an earlier attempt may have been broken off. Returns a note for the journal,
        with the numbers of the certificates: those of a card that turns out bad are to be revoked.
        Raises :class:`PersonRefused`, and what :func:`request_grant` raises.
        """
        application = CertificateApplication(session, self._model)
        with _of_row(card):
            if self._ledger.grant(card.id) is not None:
                grant = self._grant(card)
                if self._is_good(application, card, plan, grant):
                    return f"granted before: {_numbers(grant)}"
            return self._ask(application, card, plan, again=again)

    def certify(self, session: Connection, card: Card, plan: PreparedCard, *, again: bool) -> str:
        """Load the grant; ``again``: the card may have had a part of it already.

        A grant that has expired since is replaced unless the card has been given any of it. Returns
        a note for the journal. Raises what :meth:`request` raises.
        """
        application = CertificateApplication(session, self._model)
        note = ""
        with _of_row(card):
            if again and not self._is_good(application, card, plan, self._grant(card)):
                note = self._ask(application, card, plan, again=True)
            load_grant(application, self._model, self._grant(card), again=again)
        return note

    def prove(self, session: Connection, card: Card, plan: PreparedCard) -> None:
        """Read the certificates back and prove their keys."""
        application = CertificateApplication(session, self._model)
        holder, now = self._holder(card, plan), self._ledger.clock.now()
        with _of_row(card):
            grant = self._grant(card)
            try:
                check_certificates(application, self._model, holder, self._trusted, now, grant)
            except CertificateError as error:
                if error.reason == "expired":
                    error.hint = _expired(card)
                raise

    def _is_good(
        self,
        application: CertificateApplication,
        card: Card,
        plan: PreparedCard,
        grant: CertificateGrant,
    ) -> bool:
        """Whether a stored grant may still be loaded; False for one to be asked for anew.

        Raises :class:`OtherKey` where it is not for the key of this card, and what
        :func:`check_grant` raises.
        """
        pair = CertificatePair.of(grant)
        log_in(application, [self._model.rules.read_public], locks=self._locks(card))
        require_own(application, pair)
        public, holder = pair.signature.public, self._holder(card, plan)
        now = self._ledger.clock.now()
        try:
            check_grant(grant, public, holder, self._model, self._trusted, now)
        except CertificateError as error:
            if error.reason != "expired":
                raise
            if self._is_given(card):
                error.hint = _expired(card)
                raise
            return False
        return True

    def _locks(self, card: Card) -> tuple[CardLock, ...]:
        """What the card may be locked with, likeliest first."""
        initial = CardLock.initial(self._model)
        return (CardLock.of(self._grant(card)), initial) if self._is_given(card) else (initial,)

    def _is_given(self, card: Card) -> bool:
        """Whether an earlier attempt may have given the card a part of its grant."""
        begun = [
            entry
            for entry in self._ledger.journal_of(card.id)
            if (entry.step, entry.phase) == (Step.CERTIFY, Phase.BEGIN)
            and entry.chip_serial == card.chip_serial
        ]
        # The step that is at it now has been noted already.
        return len(begun) > (card.state is CardState.GRANTED)

    def _ask(
        self,
        application: CertificateApplication,
        card: Card,
        plan: PreparedCard,
        *,
        again: bool,
    ) -> str:
        """Ask the authority, and keep what it grants; a note for the journal."""
        try:
            grant = request_grant(
                application,
                self._authority,
                self._holder(card, plan),
                self._model,
                card=card_name(plan),
                at=self._ledger.clock.now(),
                again=again,
            )
        except (RequestError, RefusedRequestError) as error:
            if isinstance(error, RefusedRequestError) and error.again:
                raise
            raise PersonRefused(error.what, where=error.where, hint=error.hint) from error
        self._ledger.store_grant(card.id, grant.to_json())
        return f"asked {self._authority.name}: {_numbers(grant)}"

    def _holder(self, card: Card, plan: PreparedCard) -> CertificateHolder:
        record = Holder.from_json(self._ledger.holder(card.id))
        return CertificateHolder.of(record.fields, plan.division_code)

    def _grant(self, card: Card) -> CertificateGrant:
        stored = self._ledger.grant(card.id)
        if stored is None:
            raise CardError(
                Text(
                    "此卡没有证书：它由不写证书的程序版本做完",
                    "the card has no certificates: a version of this program ended it that "
                    "loaded none",
                ),
                hint=Text(
                    f"放弃此卡，另制一张：{_giving_up(card)}",
                    f"give it up and make another one: {_giving_up(card)}",
                ),
            )
        return CertificateGrant.from_json(stored)


def certificate_steps(
    ledger: Ledger, profile: CardProfile, authority: CertificateAuthority | None
) -> CertificateSteps | None:
    """The steps for cards of ``profile``; None for cards without certificates.

    Raises :class:`InputError` when there is nobody to ask.
    """
    model = profile.structure.certificates
    if model is None:
        return None
    return CertificateSteps(ledger, model, require_authority(profile, authority))


def require_authority(
    profile: CardProfile, authority: CertificateAuthority | None
) -> CertificateAuthority:
    """The authority that answers for cards of ``profile``.

    Raises :class:`InputError` when there is none, :class:`EnvironmentMismatchError` when it
    serves test cards and these are real ones, or the reverse.
    """
    if authority is None:
        raise InputError(
            Text(
                "此规范的卡有证书应用，但没有证书机构可申请证书",
                "cards of this profile bear certificates, and there is no authority to ask",
            ),
            where=profile.name,
            hint=Text(
                "在 sscard.toml 的 [certificates] 中设置证书机构",
                "set one in sscard.toml, section [certificates]",
            ),
        )
    environment = profile.region.issuer.environment if profile.region else "test"
    if authority.environment != environment:
        raise _other_environment(profile, authority, environment)
    return authority


def card_name(plan: PreparedCard) -> str:
    """Names a card for its authority: division code and serial number, 14 characters.

    Every blank of a row has a serial number of its own.
    """
    return plan.division_code + plan.historical[9:13].hex().upper()


def _numbers(grant: CertificateGrant) -> str:
    """The serial numbers of both certificates: no personal data."""
    pair = CertificatePair.of(grant)
    return f"certificates {pair.signature.number} and {pair.encryption.number}"


def _giving_up(card: Card) -> str:
    return f"sscard batch run {card.batch} --lost {card.row}"


def _expired(card: Card) -> Text:
    return Text(
        f"请检查本机时间；若证书确已过期，放弃此卡：{_giving_up(card)}",
        "check the clock of this machine; if they have expired indeed, give the card up: "
        + _giving_up(card),
    )


def _other_environment(
    profile: CardProfile, authority: CertificateAuthority, environment: Environment
) -> EnvironmentMismatchError:
    mine, asked = _NAMES[authority.environment], _NAMES[environment]
    return EnvironmentMismatchError(
        Text(
            f"{authority.name} 签发{mine.zh}证书，不能用于{asked.zh}发卡配置",
            f"{authority.name} issues {mine.en} certificates; the profile is of {asked.en}",
        ),
        where=profile.name,
        hint=Text(
            f"在 [certificates] 中设置{asked.zh}证书机构",
            f"set an authority of {asked.en} in [certificates]",
        ),
    )


_NAMES: dict[Environment, Text] = {
    "test": Text("测试", "test"),
    "production": Text("生产", "production"),
}


@contextmanager
def _of_row(card: Card) -> Iterator[None]:
    """Say which row an error concerns that stops the run."""
    try:
        yield
    except (CardError, PersonRefused):
        raise
    except SscardError as error:
        row = f"{card.batch}, row {card.row}"
        error.where = f"{row}: {error.where}" if error.where else row
        raise
