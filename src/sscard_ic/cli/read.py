"""``sscard read``: the data items of a card."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from sscard_ic.base.errors import Text
from sscard_ic.card import Reading, SocialSecurityCard, check_profile, recognise
from sscard_ic.cli.common import json_option, language, print_json, say, tr
from sscard_ic.cli.item_words import value_words
from sscard_ic.cli.key_options import KeySource, keys_options
from sscard_ic.cli.readers import protocol_option, reader_option
from sscard_ic.cli.secrets import key_group_option, pin, pin_file_option
from sscard_ic.cli.tables import print_table
from sscard_ic.codec.text import join_name
from sscard_ic.profile import CardProfile, Located, load, remarks
from sscard_ic.profile.assignments import find_places
from sscard_ic.profile.manual import rule_words
from sscard_ic.profile.rewriting import item_of, needed_for, read_place
from sscard_ic.profile.structure import Item
from sscard_ic.profile.values import Value
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
@keys_options
@key_group_option
@pin_file_option
@json_option
def read(
    items: tuple[str, ...],
    reader: str | None,
    protocol: ProtocolChoice,
    profile_name: str | None,
    everything: bool,
    with_pin: bool,
    keys: KeySource,
    key_group: int | None,
    pin_file: Path | None,
    as_json: bool,
) -> None:
    """Read a card 读卡: basic information, every file, or ITEMs by name.

    An ITEM is a path, a Chinese or English name, or a tag: SSSE.EF06.09, 姓名, DF01.EF06.联系电话.
    """
    # Asked for before the card is opened: nobody types while other programs wait for the card.
    keys.unlock()
    holder_pin = pin(pin_file) if with_pin or pin_file else None
    with keys.session(reader, protocol=protocol) as connection:
        profile = _profile(connection, profile_name)
        wanted = list(_wanted(profile, items, everything))
        card = SocialSecurityCard(connection, profile, keys.service(profile), key_group=key_group)
        if holder_pin is not None:
            card.verify_pin(holder_pin)
        reading = card.read(needed_for(profile, _whole_names(profile, wanted)))
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
        return [located for name in items for located in find_places(profile, name)]
    places = profile.places
    if everything:
        return places
    return [p for p in places if p.directory_name == "SSSE" and p.file_name in ("EF05", "EF06")]


def _whole_names(profile: CardProfile, wanted: list[Located]) -> list[Located]:
    """``wanted`` and, after each name, the item that continues it."""
    whole: list[Located] = []
    for place in wanted:
        whole.append(place)
        if _is_name(place):
            fields = profile.places_of(place.directory_name, place.file_name)
            whole += [p for p in fields if p.path.endswith(".4E") and p not in wanted]
    return whole


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
                "zh": item.zh,
                "en": item.en,
                **_value_json(read_place(profile, place, reading.values)),
            }
            for place, item in _items(profile, wanted, reading)
            if place.path in reading.values
        ],
        "closed": {path: str(rule) for path, rule in reading.closed.items()},
        "lacking": {name: why.to(language()) for name, why in reading.lacking.items()},
    }


def _items(
    profile: CardProfile, places: Iterable[Located], reading: Reading
) -> Iterator[tuple[Located, Item]]:
    """Places with the items that they hold: an old card may bear items of a later version."""
    return ((place, item_of(profile, place, reading.values)) for place in places)


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
        if places[0].file.structure == "cyclic":
            places = _records(places, reading)
        rows = [
            (
                _tag(place),
                tr(item.zh, item.en),
                _cell(profile, place, reading),
                _oddities(profile, place, reading),
            )
            for place, item in _items(profile, places, reading)
        ]
        titles = (tr("项", "tag"), tr("数据项", "item"), tr("内容", "value"), tr("备注", "remarks"))
        shown = 4 if any(row[3] for row in rows) else 3
        print_table(
            *titles[:shown], rows=[row[:shown] for row in rows], title=f"{directory}/{file} {title}"
        )
    say_what_lacks(reading.lacking)
    _say_what_opens(reading)


def _oddities(profile: CardProfile, place: Located, reading: Reading) -> str:
    """What is odd about the bytes; that nothing is set stands in the value's place."""
    if place.path not in reading.values:
        return ""
    found = read_place(profile, place, reading.values).remarks
    whole_name = _is_name(place) and f"{_file(place)}.4E" in reading.values
    hidden = (remarks.NOT_SET, *([remarks.CUT_CHARACTER] * whole_name))
    return tr("；", "; ").join(each.to(language()) for each in found if each not in hidden)


def say_what_lacks(lacking: Mapping[str, Text]) -> None:
    """The keys that would have opened more, each once."""
    if lacking:
        why = list(lacking.values())
        say(
            Text(
                "因此有数据项未开放：" + "；".join(each.zh for each in why),
                "items stay closed because " + "; ".join(each.en for each in why),
            )
        )


def _records(places: list[Located], reading: Reading) -> list[Located]:
    """The records that a log holds; one place for what is closed or empty."""
    return [place for place in places if place.path in reading.values] or places[:1]


def _say_what_opens(reading: Reading) -> None:
    """The option that would open what is closed."""
    rules = list(reading.closed.values())
    if any(rule.pin for rule in rules):
        say(Text("未开放的项可用密码读取：--pin", "Closed items are opened by the PIN: --pin"))
    elif any(rule.keys for rule in rules):
        say(Text("未开放的项需要密钥：--keys、--psam", "Closed items need keys: --keys, --psam"))


def _tag(place: Located) -> str:
    if place.file.structure == "cyclic":
        return f"#{place.occurrence}"
    return "" if place.item.tag is None else f"{place.item.tag:02X}"


def _cell(profile: CardProfile, place: Located, reading: Reading) -> str:
    if place.path in reading.closed:
        rule = reading.closed[place.path]
        return tr(f"未开放：{rule_words(rule).zh}", f"closed: {rule}")
    raw = reading.values.get(place.path)
    if raw is None and place.file.structure == "cyclic":
        return tr("没有记录", "no record")
    if raw is None:
        return tr("卡上没有", "not on this card")
    if _is_name(place):
        return join_name(raw, reading.values.get(f"{_file(place)}.4E", b"")) or tr(
            "未写入", "not set"
        )
    value = read_place(profile, place, reading.values)
    if not value.is_set:
        return tr("未写入", "not set")
    return value_words(item_of(profile, place, reading.values), value, _LONG)


def _is_name(place: Located) -> bool:
    """Whether it is the first field of a name, which another one continues."""
    return place.path.endswith(".09") and place.item.text == "name"


def _file(place: Located) -> str:
    return f"{place.directory_name}.{place.file_name}"
