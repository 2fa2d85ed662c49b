"""Whose certificates they are: read from the card, or given in a file, never by option."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from sscard_ic.base.errors import CardError, InputError, Text
from sscard_ic.card import SocialSecurityCard
from sscard_ic.cli.cert_files import read_input
from sscard_ic.cli.cert_trust import request_form
from sscard_ic.codec.text import join_name
from sscard_ic.hosts.authority_requests import decode_request
from sscard_ic.hosts.certificate_settings import RequestForm
from sscard_ic.issuance.certifying import CertificateHolder
from sscard_ic.keys import Authenticator
from sscard_ic.profile import CardProfile
from sscard_ic.profile.rewriting import read_place
from sscard_ic.reader import Connection

_LONGEST = 64 * 1024

_CARD_NUMBER, _NUMBER = "SSSE.EF05.07", "SSSE.EF06.08"
_NAME, _NAME_GOES_ON = "SSSE.EF06.09", "SSSE.EF06.4E"
_CODE = "SSSE.EF05.01"

holder_option = click.option(
    "--from",
    "holder_file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Holder's data, JSON as `cert request` writes it 持卡人数据文件; read from the card when "
    "left out.",
)


class HolderClosed(CardError):
    """The card does not say whose it is."""


def holder_of_file(path: Path, form: RequestForm, profile: CardProfile) -> CertificateHolder:
    """The holder of a JSON object with the field names of the settings.

    The region may be left out where the profile has one. Raises :class:`InputError` for what is no
    such object; whether the values can be used, the request says.
    """
    json_form = form.model_copy(update={"body": "json"})
    found = decode_request(read_input(path, _LONGEST), json_form)
    lacking = [
        name
        for name, value in (
            (form.name, found and found.name),
            (form.card_number, found and found.card_number),
            (form.social_security_number, found and found.social_security_number),
        )
        if not value
    ]
    if found is None or lacking:
        names = f"{form.name}, {form.card_number}, {form.social_security_number}"
        what = Text(f"缺少字段：{'、'.join(lacking)}", f"it lacks the fields {', '.join(lacking)}")
        if found is None:
            what = Text("不是由文字组成的 JSON 对象", "it is no JSON object with texts")
        raise InputError(
            Text(f"持卡人数据不可用：{what.zh}", f"the holder's data cannot be used: {what.en}"),
            where=str(path),
            hint=Text(
                f"需要 JSON 对象，字段 {names}（名称见设置 [certificates.http.request]）",
                f"a JSON object with {names} is needed; [certificates.http.request] of the "
                "settings names the fields",
            ),
        )
    return CertificateHolder(
        found.name,
        found.card_number,
        found.social_security_number,
        found.region or _region_of(profile),
    )


def checked_holder(
    path: Path,
    ordered: CertificateHolder | None,
    connection: Connection,
    profile: CardProfile,
    keys: Authenticator | None,
) -> CertificateHolder:
    """The holder of a file, who is the one that the card is for, as far as that can be known.

    ``ordered``: whom a ledger has the card for; else the card itself is asked. Raises
    :class:`InputError` for another person.
    """
    given = holder_of_file(path, request_form(), profile)
    known = ordered
    if known is None:
        try:
            known = holder_of_card(connection, profile, keys)
        except HolderClosed:
            return given
    if replace(known, region=given.region) != given:
        raise InputError(
            Text(
                "文件中的持卡人不是此卡的持卡人",
                "the holder in the file is not the one that this card is for",
            ),
            where=str(path),
            hint=Text(
                "核对卡与文件；没有向卡写入任何内容",
                "is it the right card, and the right file? Nothing was written to the card",
            ),
        )
    return given


def holder_of_card(
    connection: Connection, profile: CardProfile, keys: Authenticator | None
) -> CertificateHolder:
    """The holder that the social security application names; it is selected.

    Raises :class:`HolderClosed` where the card keeps the data closed, or bears none.
    """
    card = SocialSecurityCard(connection, profile, keys)
    wanted = (_CODE, _CARD_NUMBER, _NUMBER, _NAME, _NAME_GOES_ON)
    places = {place.path: place for place in profile.places if place.path in wanted}
    reading = card.read(list(places.values()))
    values = reading.values
    needed = [path for path in wanted if path in places and path != _NAME_GOES_ON]
    if any(path not in values for path in needed):
        raise _closed([*reading.lacking.values()])
    region = values[_CODE][:3].hex()
    name = join_name(values[_NAME], values.get(_NAME_GOES_ON, b""))
    texts = [read_place(profile, places[path], values).text for path in (_CARD_NUMBER, _NUMBER)]
    if not all((name, *texts)):
        raise HolderClosed(
            Text("卡上没有持卡人数据", "the card bears no data of a holder"),
            hint=Text(
                "先完成个人化，或用 --from 给出数据文件",
                "personalize it first, or give the data in a file with --from",
            ),
        )
    return CertificateHolder(name, texts[0], texts[1], region)


def _closed(lacking: list[Text]) -> HolderClosed:
    why = Text("", "")
    if lacking:
        why = Text(
            "（" + "；".join(each.zh for each in lacking) + "）",
            " (" + "; ".join(each.en for each in lacking) + ")",
        )
    return HolderClosed(
        Text(
            f"卡上的持卡人数据未开放，需要密钥{why.zh}",
            f"the holder's data on the card are closed: keys are needed{why.en}",
        ),
        hint=Text(
            "用 --keys 或 --psam 认证，或用 --from 给出数据文件",
            "authenticate with --keys or --psam, or give the data in a file with --from",
        ),
    )


def _region_of(profile: CardProfile) -> str:
    return profile.region.issuer.division_code if profile.region else ""
