"""Checks of certificates and static signatures, as a terminal makes them (ref 14 §7, 15 §3.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any

from sscard_ic.crypto.pboc import offline, offline_sm2
from sscard_ic.crypto.pboc.authorities import AuthorityKey
from sscard_ic.crypto.pboc.offline_data import OfflineError, signed_profile, static_data
from sscard_ic.crypto.rsa import RsaPublic
from sscard_ic.issuance.bank.contents import BankContents, Way, way_name
from sscard_ic.issuance.bank.findings import Finding, error, warning

Authorities = Mapping[tuple[bytes, int], AuthorityKey]
"""Public keys by RID and index."""

_RID = 5
_FREE_SIGNATURE = 128
"""Bytes of the longest RSA key whose signature comes with the answer to GPO (ref 15 §3.6)."""


def check_signatures(
    contents: BankContents, authorities: Authorities, at: date
) -> Iterator[Finding]:
    """Every chain of certificates that a way names leads to an authority, valid on the day ``at``.

    The card is valid no longer than its issuer's certificate (ref 04 §7.11).
    """
    for way in contents.ways:
        values = contents.values(way)
        if 0x90 in values and 0x8F in values and contents.locator(way):
            yield from _check_way(contents, way, values, authorities, at)


def _check_way(
    contents: BankContents,
    way: Way,
    values: Mapping[int, bytes],
    authorities: Authorities,
    at: date,
) -> Iterator[Finding]:
    where = way_name(way)
    authority = authorities.get((contents.aid[:_RID], values[0x8F][0] if values[0x8F] else 0))
    if authority is None or (authority.kind == "rsa") != (way[1] == "3des"):
        index = values[0x8F].hex().upper()
        yield warning(
            "authority",
            where,
            f"没有索引 {index} 的根公钥，证书未检查",
            f"no authority key of index {index}: certificates were not checked",
        )
        return
    scheme: Any = offline if way[1] == "3des" else offline_sm2
    try:
        issuer = scheme.open_issuer(
            authority.public, values[0x90], values.get(0x92, b""), values.get(0x9F32, b"")
        )
        issuer.require_issuer_of(_pan(values))
        issuer.require_valid(at)
        static = _static(contents, way, values)
    except OfflineError as failure:
        yield _failed("issuer_certificate", where, failure)
        return
    if _expiry(values) > f"{issuer.expiry:%y%m%d}":
        yield error(
            "outlives_issuer",
            where,
            "5F24 晚于发卡行证书的有效期",
            "5F24 is later than the issuer's certificate",
        )
    if authority.status == "live" and authority.has_expired(at):
        yield warning("authority", where, "根公钥已过期", "the authority key has expired")
    if 0x93 in values:
        yield from _tried(
            "static_signature",
            where,
            partial(scheme.check_static, issuer.key, values[0x93], static),
        )
    if 0x9F46 in values:
        yield from _card_certificate(contents, way, values, scheme, issuer.key, static, at)


def _card_certificate(
    contents: BankContents,
    way: Way,
    values: Mapping[int, bytes],
    scheme: Any,
    issuer: RsaPublic | bytes,
    static: bytes,
    at: date,
) -> Iterator[Finding]:
    where = way_name(way)
    try:
        opened = scheme.open_card(
            issuer, values[0x9F46], values.get(0x9F48, b""), values.get(0x9F47, b""), static
        )
        opened.require_card(_pan(values))
        opened.require_valid(at)
    except OfflineError as failure:
        yield _failed("card_certificate", where, failure)
        return
    if way[0] != "contactless" or not isinstance(opened.key, RsaPublic):
        return
    named = contents.signature_record in [record[:2] for record in contents.of_way(way)]
    if named != (opened.key.length > _FREE_SIGNATURE):
        yield error(
            "signature_record",
            where,
            "签名记录与卡密钥长度不符：仅超过 1024 位时才应在 AFL 中",
            "the AFL names the record with 9F4B for keys of more than 1024 bits alone",
        )


def _tried(rule: str, where: str, check: Any) -> Iterator[Finding]:
    try:
        check()
    except OfflineError as failure:
        yield _failed(rule, where, failure)


def _failed(rule: str, where: str, failure: OfflineError) -> Finding:
    return Finding(rule, "error", where, failure.reason)


def _static(contents: BankContents, way: Way, values: Mapping[int, bytes]) -> bytes:
    signed = [
        (sfi, contents.records.get((sfi, number), b""))
        for sfi, number, covered, _ in contents.of_way(way)
        if covered
    ]
    aip = contents.ways[way].get(0x82) or b""
    return static_data(signed, signed_profile(values.get(0x9F4A), aip))


def _pan(values: Mapping[int, bytes]) -> str:
    return values.get(0x5A, b"").hex().upper().rstrip("F")


def _expiry(values: Mapping[int, bytes]) -> str:
    return values.get(0x5F24, b"").hex()
