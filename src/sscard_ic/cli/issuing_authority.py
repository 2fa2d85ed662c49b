"""Whom a batch asks for the certificates of its cards: ``[certificates]`` of the settings."""

from __future__ import annotations

from sscard_ic.base.settings import read_settings
from sscard_ic.hosts.certificate_authority import CertificateAuthority
from sscard_ic.issuance.checks import region_of
from sscard_ic.profile import CardProfile


def issuing_authority(profile: CardProfile) -> CertificateAuthority | None:
    """The authority for cards of ``profile``; None where they bear no certificates.

    Raises :class:`InputError` for settings that cannot be used, and for an authority of the other
    environment.
    """
    model = profile.structure.certificates
    if model is None:
        return None
    from sscard_ic.hosts.authority_opening import open_authority
    from sscard_ic.hosts.certificate_settings import CertificatesSettings

    settings = read_settings().section("certificates", CertificatesSettings)
    environment = region_of(profile).issuer.environment
    return open_authority(settings, environment, contents=model.contents)
