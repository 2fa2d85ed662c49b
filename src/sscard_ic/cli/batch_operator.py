"""Who does what a batch command does, and whether the keys are those of the batch."""

from __future__ import annotations

from sscard_ic.cli.authority import Desk
from sscard_ic.issuance.checks import region_of
from sscard_ic.issuance.deeds import Actors
from sscard_ic.keys import KeyService, require_environment
from sscard_ic.ledger import Ledger
from sscard_ic.profile import CardProfile


def require_served(profile: CardProfile, service: KeyService) -> None:
    """Refuse test keys for cards of production, and the reverse."""
    require_environment(service, region_of(profile).issuer.environment, profile.name)


def signed_in(
    ledger: Ledger, service: KeyService, profile: CardProfile, action: str, batch: str
) -> Actors:
    """The operator of a deed on a batch; with test keys nobody has to sign in (ref 05 §9.4).

    Raises :class:`EnvironmentMismatchError` before anybody is asked, and :class:`NotAuthorised`.
    """
    require_served(profile, service)
    return Desk(ledger, service.environment).authorise(action, batch, "operator")
