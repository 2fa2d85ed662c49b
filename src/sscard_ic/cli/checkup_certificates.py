"""The checks of ``sscard doctor`` on SM2 and the certificate authority; no request is sent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sscard_ic.base.errors import InputError, SscardError, Text, os_reason
from sscard_ic.cli.checkup import Finding, Machine

if TYPE_CHECKING:
    from sscard_ic.crypto.certificates import Certificate
    from sscard_ic.hosts.certificate_settings import CertificatesSettings, HttpAuthoritySettings

_SM2 = Text("SM2", "SM2")
_AUTHORITY = Text("证书机构", "certificate authority")
_TRUST = Text("受信任的 CA", "trusted CAs")
_KINDS = {"test": Text("测试", "test"), "production": Text("生产", "production")}
_SECONDS = 3.0
"""Longest that the authority is waited for."""


def certificate_findings(machine: Machine) -> Iterator[Finding]:
    """Which library answers for SM2, and whom the settings ask for certificates."""
    yield _sm2(machine)
    from sscard_ic.base.settings import read_settings
    from sscard_ic.hosts.certificate_settings import CertificatesSettings

    try:
        settings = read_settings(machine.environment, machine.home)
    except InputError:
        return  # told where the settings themselves are looked at
    try:
        certificates = settings.section("certificates", CertificatesSettings)
    except InputError as error:
        yield _fault("certificate authority", _AUTHORITY, error)
        return
    yield from _authority(certificates)


def _sm2(machine: Machine) -> Finding:
    from sscard_ic.crypto.sm2.provider import VARIABLE, provider, providers

    try:
        chosen = provider()
    except SscardError as error:
        return _fault("sm2", _SM2, error)
    forced = machine.environment.get(VARIABLE, "")
    by = Text(f"（{VARIABLE}={forced}）", f" ({VARIABLE}={forced})") if forced else Text("", "")
    what = Text(f"{chosen.library}{by.zh}", f"{chosen.library}{by.en}")
    if chosen.name == "openssl":
        return Finding("sm2", _SM2, "ok", what)
    if forced:
        hint = Text(
            f"比 OpenSSL 慢得多；取消 {VARIABLE} 即由 OpenSSL 计算",
            f"much slower than OpenSSL, which answers when {VARIABLE} is unset",
        )
        return Finding("sm2", _SM2, "note", what, hint)
    absent = next((each.absent for each in providers() if each.name == "openssl"), None)
    why = absent or Text("没有 OpenSSL", "no OpenSSL")
    return Finding(
        "sm2",
        _SM2,
        "note",
        Text(f"{what.zh}；{why.zh}", f"{what.en}; {why.en}"),
        Text(
            "可用但慢得多：请安装 OpenSSL 3 的 libcrypto 和 cffi",
            "it works, much slower: install libcrypto of OpenSSL 3, and cffi",
        ),
    )


def _authority(settings: CertificatesSettings) -> Iterator[Finding]:
    if settings.service == "http" and settings.http is not None:
        yield from _http(settings, settings.http)
    else:
        what = Text(
            "测试 CA（密钥公开），只用于测试卡",
            "the test CA, whose keys are published: test cards only",
        )
        yield Finding("certificate authority", _AUTHORITY, "ok", what)
    if settings.trust:
        yield _trust(settings)


def _trust(settings: CertificatesSettings) -> Finding:
    from sscard_ic.hosts.authority_opening import trusted_certificates

    try:
        found = trusted_certificates(settings, "production")
    except SscardError as error:
        return _fault("trusted certificates", _TRUST, error)
    now = datetime.now(UTC)
    names = ", ".join(_name(each) for each in found)
    what = Text(f"{len(found)} 张：{names}", f"{len(found)}: {names}")
    over = [each for each in found if not each.not_before <= now <= each.not_after]
    if not over:
        return Finding("trusted certificates", _TRUST, "ok", what)
    old = ", ".join(f"{_name(each)} ({each.not_after:%Y-%m-%d})" for each in over)
    return Finding(
        "trusted certificates",
        _TRUST,
        "missing",
        Text(f"{what.zh}；不在有效期内：{old}", f"{what.en}; out of date: {old}"),
        Text("请证书机构提供新的 CA 证书", "ask the authority for its present certificates"),
    )


def _name(certificate: Certificate) -> str:
    return certificate.common_name or str(certificate.subject)


def _http(settings: CertificatesSettings, http: HttpAuthoritySettings) -> Iterator[Finding]:
    from sscard_ic.hosts.authority_opening import open_authority

    try:
        # Reads every file that it needs; the network is not touched.
        open_authority(settings, http.environment)
    except SscardError as error:
        yield _fault("certificate authority", _AUTHORITY, error)
        return
    yield _reached(http)


def _reached(http: HttpAuthoritySettings) -> Finding:
    """Whether the authority is there: a connection, for https a handshake, and nothing after it."""
    from sscard_ic.hosts.authority_transport import tls_context

    place = urlsplit(http.url)
    secure = place.scheme == "https"
    address = (place.hostname or "", place.port or (443 if secure else 80))
    kind = _KINDS[http.environment]
    try:
        with closing(
            socket.create_connection(address, timeout=min(http.connect_timeout, _SECONDS))
        ) as plain:
            if secure:
                with tls_context(http).wrap_socket(plain, server_hostname=address[0]) as secured:
                    done = f"{secured.version()}"
            else:
                done = "HTTP"
    except OSError as error:
        reason = os_reason(error)
        return Finding(
            "certificate authority",
            _AUTHORITY,
            "missing",
            Text(f"{http.url}：{reason.zh}", f"{http.url}: {reason.en}"),
            Text(
                "检查网址、网络、ca_file 与服务是否已启动",
                "check the address, the network, ca_file, and whether the service runs",
            ),
        )
    what = Text(
        f"{http.url}（{kind.zh}），可连接（{done}）",
        f"{http.url} ({kind.en}) can be reached ({done}); the first request shows the rest",
    )
    return Finding("certificate authority", _AUTHORITY, "ok", what)


def _fault(subject: str, title: Text, error: SscardError) -> Finding:
    where = f"{error.where}: " if error.where else ""
    what = Text(f"{where}{error.what.zh}", f"{where}{error.what.en}")
    hint = error.hint or Text("更正后再运行 sscard doctor", "put it right and run sscard doctor")
    return Finding(subject, title, "missing", what, hint)
