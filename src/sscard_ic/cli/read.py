"""``sscard read``: the data items of a card."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from sscard_ic.base.errors import Text
from sscard_ic.card import Reading, SocialSecurityCard, check_profile, recognise
from sscard_ic.cli.common import json_option, language, print_json, say, tr
from sscard_ic.cli.readers import protocol_option, reader_option, session
from sscard_ic.cli.secrets import open_vault, pin, pin_file_option, vault_option
from sscard_ic.cli.tables import print_table
from sscard_ic.codec.text import join_name
from sscard_ic.profile import CardProfile, Located, find_items, load
from sscard_ic.profile.values import Value, decode
from sscard_ic.reader import Connection
from sscard_ic.reader.pcsc import ProtocolChoice

_LONG = 64


@click.command()
@click.argument("items", nargs=-1, metavar="[ITEM]...")
@reader_option
@protocol_option
@click.option("--profile", "profile_name", help="Profile 卡规范; recognised when left out.")
@click.option("--all", "everything", is_flag=True, help="Every file, not only basic information.")
@click.option("--pin", "with_pin", is_flag=True, help="Verify the PIN first 先校验密码.")
@click.option("--keys", "with_keys", is_flag=True, help="Authenticate with the vault 用密钥库认证.")
@pin_file_option
@vault_option
@json_option
def read(
    items: tuple[str, ...],
    reader: str | None,
    protocol: ProtocolChoice,
    profile_name: str | None,
    everything: bool,
    with_pin: bool,
    with_keys: bool,
    pin_file: Path | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Read a card 读卡: basic information, every file, or ITEMs by name.

    An ITEM is a path, a Chinese or English name, or a tag: SSSE.EF06.09, 姓名, DF01.EF06.联系电话.
    """
    # Asked for before the card is opened: nobody types while other programs wait for the card.
    keys = open_vault(vault) if with_keys else None
    holder_pin = pin(pin_file) if with_pin or pin_file else None
    with session(reader, protocol=protocol) as connection:
        profile = _profile(connection, profile_name)
        wanted = list(_wanted(profile, items, everything))
        card = SocialSecurityCard(connection, profile, keys)
        if holder_pin is not None:
            card.verify_pin(holder_pin)
        reading = card.read(wanted)
        atr = connection.atr
    if as_json:
        print_json(describe(profile, atr, wanted, reading))
    else:
        show(profile, wanted, reading)


def _profile(connection: Connection, name: str | None) -> CardProfile:
    if name is None:
        return recognise(connection)
    profile = load(name)
    check_profile(connection, profile)
    return profile


def _wanted(profile: CardProfile, items: tuple[str, ...], everything: bool) -> Iterable[Located]:
    if items:
        return [located for name in items for located in find_items(profile, name)]
    places = profile.places
    if everything:
        return places
    return [p for p in places if p.directory_name == "SSSE" and p.file_name in ("EF05", "EF06")]


def describe(
    profile: CardProfile, atr: bytes, wanted: Iterable[Located], reading: Reading
) -> dict[str, Any]:
    """What was read, as JSON."""
    return {
        "profile": profile.name,
        "atr": atr.hex().upper(),
        "items": [
            {
                "path": place.path,
                "zh": place.item.zh,
                "en": place.item.en,
                **_value_json(decode(place.item, reading.values[place.path], profile.codes)),
            }
            for place in wanted
            if place.path in reading.values
        ],
        "closed": {path: str(rule) for path, rule in reading.closed.items()},
    }


def _value_json(value: Value) -> dict[str, Any]:
    meaning = {"zh": value.meaning.zh, "en": value.meaning.en} if value.meaning else None
    return {
        "value": value.text,
        "meaning": meaning,
        "remarks": [remark.to(language()) for remark in value.remarks],
    }


def show(profile: CardProfile, wanted: Iterable[Located], reading: Reading) -> None:
    """What was read, as tables for a person; a long name appears whole."""
    by_file = groupby(wanted, key=lambda place: (place.directory_name, place.file_name))
    for number, ((directory, file), group) in enumerate(by_file):
        if number:
            click.echo()
        places = list(group)
        title = tr(places[0].file.zh, places[0].file.en)
        rows = [
            (_tag(place), tr(place.item.zh, place.item.en), _cell(profile, place, reading))
            for place in places
        ]
        titles = (tr("项", "tag"), tr("数据项", "item"), tr("内容", "value"))
        print_table(*titles, rows=rows, title=f"{directory}/{file} {title}")
    _say_what_opens(reading)


def _say_what_opens(reading: Reading) -> None:
    """The option that would open what is closed."""
    rules = list(reading.closed.values())
    if any(rule.pin for rule in rules):
        say(Text("未开放的项可用密码读取：--pin", "Closed items are opened by the PIN: --pin"))
    elif any(rule.keys for rule in rules):
        say(Text("未开放的项需要密钥：--keys", "Closed items need keys: --keys"))


def _tag(place: Located) -> str:
    return "" if place.item.tag is None else f"{place.item.tag:02X}"


def _cell(profile: CardProfile, place: Located, reading: Reading) -> str:
    if place.path in reading.closed:
        return f"{tr('未开放', 'closed')}: {reading.closed[place.path]}"
    raw = reading.values.get(place.path)
    if raw is None:
        return tr("卡上没有", "not on this card")
    extension = reading.values.get(f"{place.directory_name}.{place.file_name}.4E", b"")
    if place.path.endswith(".09") and place.item.text == "name":
        return join_name(raw, extension)
    value = decode(place.item, raw, profile.codes)
    if not value.is_set:
        return tr("未写入", "not set")
    text = value.text if len(value.text) <= _LONG else f"{len(raw)} {tr('字节', 'bytes')}"
    return f"{text}  {tr(value.meaning.zh, value.meaning.en)}" if value.meaning else text
