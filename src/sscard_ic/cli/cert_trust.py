"""Whom ``sscard cert`` trusts: ``--trust``, the settings, or the test authority for test cards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sscard_ic.base.settings import read_settings
from sscard_ic.cli.cert_files import read_input
from sscard_ic.crypto.certificates import Certificate, CertificateError
from sscard_ic.hosts import authority_opening
from sscard_ic.hosts.certificate_settings import AnswerForm, CertificatesSettings, RequestForm
from sscard_ic.hosts.published_authority import published_certificates
from sscard_ic.keys import Environment
from sscard_ic.profile import CardProfile

_LONGEST_FILE = 1 << 20

trust_option = click.option(
    "--trust",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="CA certificates to trust, PEM or DER 受信任的 CA 证书文件; may be repeated; instead of "
    "those of sscard.toml.",
)


test_ca_option = click.option(
    "--test-ca",
    is_flag=True,
    help="Trust the test CA, too, whose keys are published 也信任测试 CA; test cards do anyway.",
)


def certificates_settings() -> CertificatesSettings:
    """``[certificates]`` of the settings."""
    return read_settings().section("certificates", CertificatesSettings)


def request_form() -> RequestForm:
    """How the fields of a request are called."""
    http = certificates_settings().http
    return http.request if http else RequestForm()


def answer_form() -> AnswerForm:
    """How the fields of an answer are called."""
    http = certificates_settings().http
    return http.answer if http else AnswerForm()


def environment_of(profile: CardProfile | None) -> Environment:
    """Whether cards of the profile are test cards; those of an unknown region are real ones."""
    if profile is None or profile.region is None:
        return "production"
    return profile.region.issuer.environment


def trusted_certificates(
    files: Sequence[Path], profile: CardProfile | None, *, test_ca: bool = False
) -> tuple[Certificate, ...]:
    """The certificates that others are checked against: of ``files``, else of the settings.

    Where neither names any, those of the test authority for test cards; with ``test_ca`` these in
    any case. Its keys are published: for cards of production it is never trusted.
    """
    settings, for_tests = certificates_settings(), environment_of(profile) == "test"
    if files:
        found = tuple(certificate for file in files for certificate in read_certificates(file))
    else:
        environment: Environment = "test" if for_tests else "production"
        found = authority_opening.trusted_certificates(settings, environment)
    if test_ca:
        found = tuple(dict.fromkeys((*found, *published_certificates())))
    if profile is None or for_tests or (test_ca and profile.region is None):
        return found
    return tuple(certificate for certificate in found if not is_published(certificate))


def is_published(certificate: Certificate) -> bool:
    """Whether it is one of the test authority, whose keys everybody knows."""
    return certificate.public in {each.public for each in published_certificates()}


def read_certificates(path: Path) -> tuple[Certificate, ...]:
    """The certificates of a file: PEM with one or several, or one in DER.

    Raises :class:`InputError` and :class:`CertificateError`.
    """
    content = read_input(path, _LONGEST_FILE)
    try:
        return Certificate.parse_all(content)
    except CertificateError as error:
        error.where = str(path)
        raise
