"""``[certificates]`` of the settings: which certificate authority is asked, and in which form."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from sscard_ic.base.problems import Unusable
from sscard_ic.base.settings import FilePath, Section
from sscard_ic.keys.inventory import Environment

Name = Annotated[str, StringConstraints(pattern=r"^[^\s.]{1,64}$")]
"""Name of a field."""
OptionalName = Annotated[str, StringConstraints(pattern=r"^[^\s.]{0,64}$")]
"""Name of a field; empty: there is none."""
Path = Annotated[str, StringConstraints(pattern=r"^([^\s.]{1,64}(\.[^\s.]{1,64}){0,7})?$")]
"""Names of tables within tables, with dots between; empty: the answer itself."""

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONFIDENTIAL = re.compile(
    r"authori[sz]ation|cookie|token|secret|passw|pwd|credential|signature|(^|[-_])(key|pin)($|[-_])"
    r"|api-?key|口令|密码",
    re.IGNORECASE,
)
_OWN_HEADERS = frozenset(
    {"host", "content-type", "content-length", "transfer-encoding", "connection", "accept-encoding"}
)


def _url(value: Any) -> str:
    if not isinstance(value, str):
        raise Unusable("应为引号中的网址", "an address in quotes is expected")
    try:
        parts = urlsplit(value)
        usable = parts.hostname and (parts.port or 1)
    except ValueError:
        usable = None
    if not usable or not value.isascii() or re.search(r"[\s\x00-\x1f\\]", value):
        raise Unusable("不是可用的网址", "this is no address that can be used")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise Unusable(
            "应为 https:// 网址（http 仅限本机 127.0.0.1）",
            "an address with https:// is expected (http on this machine only: 127.0.0.1)",
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise Unusable(
            "网址中不得有用户名、? 与 #", "the address may have no user name, no ? and no #"
        )
    return value


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Unusable("应为表", "a table is expected")
    for name, text in value.items():
        if _CONFIDENTIAL.search(name):
            raise Unusable(
                f"{name!r} 看来是秘密，不得写入设置文件；请使用客户端证书",
                f"{name!r} seems to be a secret, which does not belong in the settings; use a "
                "client certificate",
            )
        if not isinstance(text, str) or not text.isprintable():
            raise Unusable(f"{name} 的值应为文字", f"the value of {name} should be text")
    return value


def _headers(value: Any) -> dict[str, str]:
    found = _texts(value)
    for name, text in found.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OWN_HEADERS:
            raise Unusable(f"不能设置请求头 {name!r}", f"the header {name!r} cannot be set")
        if not text.isascii():
            raise Unusable(f"{name} 的值应为 ASCII", f"the value of {name} should be ASCII")
    return found


class RequestForm(Section):
    """``[certificates.http.request]``: what a request looks like (ref 03 §4.3)."""

    body: Literal["json", "form"] = "json"
    """A JSON object, or the fields of an HTML form; UTF-8."""
    name: Name = "xm"
    card_number: Name = "kh"
    social_security_number: Name = "shbzhm"
    region: Name = "xzqhdm"
    public_key: Name = "qmgy"
    algorithm: OptionalName = "sf"
    reference: OptionalName = "busiFlowNo"
    """Without it no request is repeated that may have arrived."""
    public_key_coding: Literal["hex", "base64"] = "hex"
    public_key_point: Literal["xy", "04xy"] = "xy"
    """X‖Y, or 04 before it."""
    algorithm_value: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,16}$")] = "SM2"
    """``SM2``, or ``03`` (ref 05 §4.4)."""
    constants: Annotated[dict[str, str], BeforeValidator(_texts)] = Field(default={})
    """Fields that every request has, as the number of a card maker."""

    @model_validator(mode="after")
    def _once(self) -> RequestForm:
        names = [
            self.name,
            self.card_number,
            self.social_security_number,
            self.region,
            self.public_key,
            self.algorithm,
            self.reference,
            *self.constants,
        ]
        _require_once(names)
        return self


class AnswerForm(Section):
    """``[certificates.http.answer]``: where an answer, a JSON object, has what (ref 03 §4.3)."""

    status: Path = "errflag"
    """Says whether the request was granted; empty: an answer with all fields is a grant."""
    ok: str = "0"
    """Value of ``status`` when it was."""
    code: Path = "errcode"
    """Why it was not; empty: ``status`` itself says so."""
    message: Path = ""
    """Words of the authority about a refusal, shown with numbers and the holder's data taken out;
    empty: they are not shown, for they may name somebody."""
    envelope: Path = ""
    """The table that holds the fields below, as ``body`` or ``data.result``."""
    admin_pin: Name = "glypin"
    signature_certificate: Name = "qmzs"
    encryption_certificate: Name = "jmzs"
    wrapped_key: Name = "jmmy"
    control_key: Name = "zkmy"
    certificate_coding: Literal["base64", "pem"] = "base64"
    """DER in Base64, or PEM."""
    control_key_coding: Literal["hex", "ascii"] = "hex"
    """32 hexadecimal digits, or 16 characters whose codes are the key (ref 02 §8.9)."""

    @model_validator(mode="after")
    def _once(self) -> AnswerForm:
        names = [
            self.admin_pin,
            self.signature_certificate,
            self.encryption_certificate,
            self.wrapped_key,
            self.control_key,
        ]
        _require_once(names)
        return self


def _require_once(names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise Unusable(f"字段名 {twice[0]!r} 重复", f"two fields are called {twice[0]!r}")


class HttpAuthoritySettings(Section):
    """``[certificates.http]``: an authority that is asked by HTTP."""

    url: Annotated[str, BeforeValidator(_url)]
    """``https://host:port/path``; http for this machine alone."""
    environment: Environment
    """Whether its certificates are for test cards, as its operator says."""
    ca_file: FilePath | None = None
    """Certificates (PEM) of those who vouch for the server; nobody else is trusted."""
    client_certificate: FilePath | None = None
    """Our own certificate (PEM), where the server asks for one."""
    client_key: FilePath | None = None
    """Its private key (PEM, not enciphered)."""
    connect_timeout: float = Field(default=5.0, gt=0, le=120)
    """Seconds until a connection stands."""
    read_timeout: float = Field(default=30.0, gt=0, le=300)
    """Seconds from a request to the whole of its answer."""
    retries: int = Field(default=2, ge=0, le=5)
    """How often a request is sent again after a connection failed, where that is safe."""
    headers: Annotated[dict[str, str], BeforeValidator(_headers)] = Field(default={})
    """Further headers; never a credential."""
    request: RequestForm = RequestForm()
    answer: AnswerForm = AnswerForm()

    @model_validator(mode="after")
    def _files(self) -> HttpAuthoritySettings:
        if self.url.startswith("https:") and self.ca_file is None:
            raise Unusable(
                "https 还需要 ca_file（服务方给出的 CA 证书）",
                "https needs ca_file, the CA certificates that the operator of the server gave",
            )
        if (self.client_certificate is None) != (self.client_key is None):
            raise Unusable(
                "client_certificate 与 client_key 须同时给出",
                "client_certificate and client_key are given together",
            )
        return self


class CertificatesSettings(Section):
    """``[certificates]``: who answers for certificates on this machine."""

    service: Literal["test", "http"] = "test"
    """The test authority, whose keys are published, or one that is asked by HTTP."""
    trust: tuple[FilePath, ...] = ()
    """Files of CA certificates (PEM, or one in DER) that those of cards are checked against."""
    http: HttpAuthoritySettings | None = None

    @model_validator(mode="after")
    def _chosen_is_there(self) -> CertificatesSettings:
        if self.service == "http" and self.http is None:
            raise Unusable(
                'service = "http" 还需要 [certificates.http] 表',
                'service = "http" needs the table [certificates.http]',
            )
        if self.http is not None and self.http.environment == "production" and not self.trust:
            raise Unusable(
                "生产环境还需要 trust（证书机构的根证书与运营证书文件）",
                "production needs trust: the files of the authority's root and operating CA",
            )
        return self
