"""``[keys.remote]`` of the settings: where an HSM service is, and how it is spoken to."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from sscard_ic.base.problems import Unusable
from sscard_ic.base.settings import FilePath, Section
from sscard_ic.keys.inventory import Environment

Personal = Literal["empty", "omitted"]
"""What becomes of elements with data of the holder."""

HISTORICAL_HEAD_LENGTH = 5
CODE_TAIL_LENGTH = 13

_KEY_WORDS = re.compile(r"[A-Z0-9]{2,16}(?:/[1-9][0-9]?)?")
_ADDRESS = re.compile(r"[0-9A-F]{4}(?:[0-9A-F]{2})?|[A-Z][0-9A-Z_]{3,31}")


def _url(value: Any) -> str:
    if not isinstance(value, str):
        raise Unusable("应为引号中的网址", "an address in quotes is expected")
    try:
        parts = urlsplit(value)
        usable = parts.scheme == "https" and parts.hostname and (parts.port or 1)
    except ValueError:
        usable = False
    plain = value.isascii() and not re.search(r"[\s\x00-\x1f]", value)
    if not usable or not plain or parts.username or parts.query or parts.fragment:
        raise Unusable(
            "应为 https:// 网址（不允许 http，不含用户名、? 与 #）",
            "an address with https:// is expected (never http; no user name, no ? and #)",
        )
    return value


def _addresses(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Unusable("应为表", "a table is expected")
    for words, address in value.items():
        if not _KEY_WORDS.fullmatch(words):
            raise Unusable(
                f"{words!r} 不是密钥名称（如 UKSSSE，或第 2 组 UKSSSE/2）",
                f"{words!r} names no key, as UKSSSE does, or its second group UKSSSE/2",
            )
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            raise Unusable(
                f"{words} 的地址应为 4 位或 6 位大写十六进制数字，或大写的名称",
                f"the address of {words} should be 4 or 6 hexadecimal digits, or a name, in "
                "capitals",
            )
    return value


def _digits_of(length: int) -> BeforeValidator:
    def check(value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(f"[0-9A-F]{{{2 * length}}}", value):
            raise Unusable(
                f"应为 {2 * length} 位大写十六进制数字",
                f"{2 * length} hexadecimal digits in capitals are expected",
            )
        return value

    return BeforeValidator(check)


class RemoteSettings(Section):
    """How one HSM service is reached; what the reference leaves open is in docs/assumptions.md."""

    url: Annotated[str, BeforeValidator(_url)]
    """``https://host:port/path``."""
    environment: Environment
    """Whether the keys behind it are test keys, as its operator says."""
    ca_file: FilePath
    """Certificates (PEM) of those who vouch for the service; nobody else is trusted."""
    certificate: FilePath
    """Our own certificate (PEM), with the intermediate ones behind it."""
    private_key: FilePath
    """Its private key (PEM, not enciphered)."""
    form: Literal["bar", "xml"] = "bar"
    """Text between bars, or XML; XML has no messages for the PIN service and for settlements."""
    connect_timeout: float = Field(default=5.0, gt=0, le=120)
    """Seconds until a connection stands."""
    read_timeout: float = Field(default=15.0, gt=0, le=120)
    """Seconds from a request to the whole of its reply."""
    retries: int = Field(default=2, ge=0, le=5)
    """How often a request is sent again after a connection failed, where that is safe."""
    addresses: Annotated[dict[str, str], BeforeValidator(_addresses)] = Field(default={})
    """Key addresses other than those of the profiles: ``UKSSSE = "0094"``."""
    key_group: int = Field(default=1, ge=1, le=255)
    """Group of the IRK that type 01 works with, whose messages cannot name one."""
    historical_head: Annotated[str, _digits_of(HISTORICAL_HEAD_LENGTH)] = "00" * 5
    """First five historical bytes of a card of which only the factor is known."""
    code_tail: Annotated[str, _digits_of(CODE_TAIL_LENGTH)] = "00" * 13
    """What follows the region in an identification code that is not known."""
    plaintext: Literal["data", "block"] = "data"
    """Type 03: the PIN as its digits, or as the block LL ‖ PIN ‖ 80 00… (ref 03 §1.8)."""
    amounts: Literal["two", "three"] = "two"
    """Type 04: A2 and A3 alone (16 digits), or A1, A2 and A3 (24 digits)."""
    personal: Personal = "empty"
    """MSGNO 9011: elements of ID number, card number and name, empty or left out."""
    success_code: str = Field(default="0", pattern=r"^[0-9A-Za-z_-]{1,16}$")
    """RETCODE of a reply that is no refusal."""
