"""The steps of a card's certificates in a batch: asked for, kept, loaded, proved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sscard_ic.base.errors import CardError, InputError, SscardError, Text
from sscard_ic.card import CertificateApplication
from sscard_ic.hosts.authority_errors import RefusedRequestError
from sscard_ic.hosts.certificate_authority import CertificateAuthority, RequestError
from sscard_ic.issuance.certifying import (
    CertificateHolder,
    CertificatePair,
    check_certificates,
    load_grant,
    request_grant,
    require_own,
    trusted_by,
)
from sscard_ic.issuance.holder import Holder
from sscard_ic.issuance.prepare import PreparedCard
from sscard_ic.keys import EnvironmentMismatchError
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.inventory import Environment
from sscard_ic.ledger import Card, Ledger
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

    def request(self, session: Connection, card: Card, plan: PreparedCard) -> str:
        """Key pair and grant, unless the ledger has a grant for the key of this card.

        Returns a note for the journal. Raises :class:`PersonRefused`, and what
        :func:`request_grant` raises.
        """
        application = CertificateApplication(session, self._model)
        stored = self._ledger.grant(card.id)
        with _of_row(card):
            if stored is not None:
                require_own(application, CertificatePair.of(CertificateGrant.from_json(stored)))
                return "granted before"
            grant = self._ask(application, card, plan)
            self._ledger.store_grant(card.id, grant.to_json())
        return f"asked {self._authority.name}"

    def certify(self, session: Connection, card: Card, *, again: bool) -> None:
        """Load the grant; ``again``: the card may have had a part of it already."""
        application = CertificateApplication(session, self._model)
        with _of_row(card):
            load_grant(application, self._model, self._grant(card), again=again)

    def prove(self, session: Connection, card: Card, plan: PreparedCard) -> None:
        """Read the certificates back and prove their keys."""
        application = CertificateApplication(session, self._model)
        with _of_row(card):
            check_certificates(
                application,
                self._model,
                self._holder(card, plan),
                self._trusted,
                self._ledger.clock.now(),
                self._grant(card),
            )

    def _ask(
        self, application: CertificateApplication, card: Card, plan: PreparedCard
    ) -> CertificateGrant:
        try:
            return request_grant(
                application,
                self._authority,
                self._holder(card, plan),
                self._model,
                reference=request_reference(plan),
                at=self._ledger.clock.now(),
            )
        except (RequestError, RefusedRequestError) as error:
            if isinstance(error, RefusedRequestError) and error.again:
                raise
            raise PersonRefused(error.what, where=error.where, hint=error.hint) from error

    def _holder(self, card: Card, plan: PreparedCard) -> CertificateHolder:
        record = Holder.from_json(self._ledger.holder(card.id))
        return CertificateHolder.of(record.fields, plan.division_code)

    def _grant(self, card: Card) -> CertificateGrant:
        stored = self._ledger.grant(card.id)
        assert stored is not None, "a card past its request has a grant"
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


def request_reference(plan: PreparedCard) -> str:
    """Names a card for its authority: division code and serial number, 14 characters.

    Every blank of a row has a serial number of its own; asked again for one, it is the same.
    """
    return plan.division_code + plan.historical[9:13].hex().upper()


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
