"""From the settings to the certificate authority that cards are issued with."""

from __future__ import annotations

from pathlib import Path

from sscard_ic.base.clock import Clock
from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.crypto.certificates import Certificate, CertificateError
from sscard_ic.hosts.certificate_authority import CertificateAuthority
from sscard_ic.hosts.certificate_settings import CertificatesSettings, HttpAuthoritySettings
from sscard_ic.hosts.published_authority import (
    published_certificates,
    published_operating,
    published_root,
)
from sscard_ic.keys.inventory import Environment
from sscard_ic.profile.certificate import CertificateContents


def open_authority(
    settings: CertificatesSettings,
    environment: Environment,
    *,
    clock: Clock | None = None,
    contents: CertificateContents | None = None,
) -> CertificateAuthority:
    """The authority that ``settings`` choose, for cards of ``environment``.

    ``clock`` and ``contents`` (how certificates name their holder) are those of the test CA. Raises
    :class:`InputError` when the authority is for the other environment, or a trusted file cannot be
    used; :class:`~sscard_ic.base.errors.SscardError` when a part is not installed.
    """
    if settings.service == "http" and settings.http is not None:
        return _over_http(settings, settings.http, environment)
    if environment == "production":
        raise InputError(
            Text(
                "测试证书机构的密钥是公开的，不得用于生产",
                "the keys of the test CA are published: it is not for production",
            ),
            where="[certificates]",
            hint=Text(
                '在 sscard.toml 中设置 service = "http"、[certificates.http] 与 trust',
                'set service = "http", [certificates.http] and trust in sscard.toml',
            ),
        )
    from sscard_ic.hosts.test_authority import TestAuthority

    return TestAuthority(clock, contents)


def trusted_certificates(
    settings: CertificatesSettings, environment: Environment
) -> tuple[Certificate, ...]:
    """The CA certificates of the files that ``settings`` trust.

    Where there are none, the published ones of the test CA for test cards, and nobody's for
    production. Raises :class:`InputError` for a file that cannot be read, or holds something else.
    """
    if not settings.trust:
        return published_certificates() if environment == "test" else ()
    found = [certificate for file in settings.trust for certificate in _read(file)]
    return tuple(dict.fromkeys(found))


def _over_http(
    settings: CertificatesSettings, http: HttpAuthoritySettings, environment: Environment
) -> CertificateAuthority:
    if http.environment != environment:
        names = {"test": ("测试", "test"), "production": ("生产", "production")}
        (its_zh, its_en), (zh, en) = names[http.environment], names[environment]
        raise InputError(
            Text(
                f"该证书机构用于{its_zh}，卡片配置用于{zh}",
                f"this certificate authority is for {its_en}, the profile for {en}",
            ),
            where=http.url,
            hint=Text(
                "检查 [certificates.http] 的 environment 与 url，以及卡片配置",
                "check environment and url of [certificates.http], and the profile",
            ),
        )
    trusted = trusted_certificates(settings, environment)
    if environment == "production":
        _refuse_published(trusted)
    from sscard_ic.hosts.http_authority import HttpAuthority

    return HttpAuthority(http, [certificate.der for certificate in trusted])


def _refuse_published(trusted: tuple[Certificate, ...]) -> None:
    published = {published_root().pair.public, published_operating().pair.public}
    if any(certificate.public in published for certificate in trusted):
        raise InputError(
            Text(
                "trust 中有测试CA的证书，其密钥是公开的，不得用于生产",
                "trust has a certificate of the test CA, whose keys are published: it is not for "
                "production",
            ),
            where="[certificates]",
            hint=Text("从 trust 中删除该文件", "take the file out of trust"),
        )


def _read(file: Path) -> tuple[Certificate, ...]:
    try:
        data = file.read_bytes()
    except OSError as error:
        reason = os_reason(error)
        raise _unusable(
            file, Text(f"无法读取（{reason.zh}）", f"cannot be read ({reason.en})")
        ) from None
    try:
        found = Certificate.parse_all(data)
    except CertificateError as error:
        raise _unusable(file, error.what) from None
    if not all(certificate.is_authority for certificate in found):
        raise _unusable(
            file,
            Text("其中的证书不是 CA 证书", "a certificate in it is not that of an authority"),
        )
    return found


def _unusable(file: Path, what: Text) -> InputError:
    return InputError(
        what,
        where=str(file),
        hint=Text(
            "trust 应为证书机构的根证书与运营证书（PEM 或 DER）",
            "trust takes the authority's root and operating CA (PEM or DER)",
        ),
    )
