"""``sscard card pin``, ``block`` and ``unblock``: what the issuer's keys do to an issued card."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import click

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.base.errors import CardError, InputError, Text
from sscard_ic.card import (
    Blocked,
    CardIdentity,
    SocialSecurityCard,
    block_application,
    block_card,
    chip_serial,
    unblock_application,
)
from sscard_ic.cli.common import FAILED, json_option, print_json, say, tr
from sscard_ic.cli.dump import chosen_profile
from sscard_ic.cli.key_options import KeySource, needed_keys_options
from sscard_ic.cli.readers import reader_option, session
from sscard_ic.cli.secrets import new_pin, new_pin_file_option, pin, pin_file_option
from sscard_ic.lifecycle import change_pin, reset_pin, unblock_pin
from sscard_ic.profile import CardProfile, load
from sscard_ic.reader import Connection
from sscard_ic.reader.opening import is_recording

_RECORDING = Text("这是重放的记录，没有卡被改动。", "It was a recording; no card was changed.")
_profile_option = click.option(
    "--profile", "profile_name", help="Profile 卡规范; recognised when left out."
)
_yes_option = click.option("--yes", is_flag=True, help="Do not ask before 不再询问.")


@click.group("pin")
def pin_group() -> None:
    """The holder's PIN 密码: change it, unblock it, set a new one."""


@pin_group.command("change")
@reader_option
@_profile_option
@pin_file_option
@new_pin_file_option
@json_option
def change_command(
    reader: str | None,
    profile_name: str | None,
    pin_file: Path | None,
    new_pin_file: Path | None,
    as_json: bool,
) -> None:
    """Change the PIN 修改密码; the holder knows the present one.

    The PINs come from a prompt, a file, or SSCARD_PIN and SSCARD_NEW_PIN; never from an option.
    """
    old, new = pin(pin_file), new_pin(new_pin_file)
    with session(reader, access="exclusive") as connection:
        profile = chosen_profile(connection, profile_name)
        change_pin(connection, profile, old, new)
    _report(
        reader,
        profile,
        {"pin": "changed"},
        Text("密码已修改。", "The PIN is changed."),
        as_json=as_json,
    )


@pin_group.command("unblock")
@reader_option
@_profile_option
@needed_keys_options
@json_option
def unblock_pin_command(
    reader: str | None, profile_name: str | None, keys: KeySource, as_json: bool
) -> None:
    """Unblock the PIN 解锁密码: it stays, and all its tries are there again.

    Needs the keys PUK and STK, of the key service or a PSAM.
    """
    keys.unlock()
    with keys.session(reader, access="exclusive") as connection:
        profile = chosen_profile(connection, profile_name)
        unblock_pin(connection, profile, keys.required(profile))
    _report(
        reader,
        profile,
        {"pin": "unblocked"},
        Text("密码已解锁，次数已恢复。", "The PIN is unblocked, all its tries are there again."),
        as_json=as_json,
    )


@pin_group.command("reset")
@reader_option
@_profile_option
@new_pin_file_option
@needed_keys_options
@_yes_option
@json_option
@click.pass_context
def reset_pin_command(
    context: click.Context,
    reader: str | None,
    profile_name: str | None,
    new_pin_file: Path | None,
    keys: KeySource,
    yes: bool,
    as_json: bool,
) -> None:
    """Set a new PIN 重置密码 without the old one, after asking; check who the holder is first.

    Needs the keys PUK and STK, of the key service or a PSAM. The new PIN comes from a prompt, a
    file, or SSCARD_NEW_PIN; never from an option.
    """
    keys.unlock()
    new = new_pin(new_pin_file)
    _agree(context, Text("重置此卡的密码？", "Set a new PIN on this card?"), yes=yes)
    with keys.session(reader, access="exclusive") as connection:
        profile = chosen_profile(connection, profile_name)
        reset_pin(connection, profile, keys.required(profile), new)
    _report(
        reader,
        profile,
        {"pin": "reset"},
        Text("新密码已设置。", "The new PIN is set."),
        as_json=as_json,
    )


_application_option = click.option(
    "--application",
    metavar="DIRECTORY",
    help="SSSE, DF04 … 应用; the whole social security application when left out.",
)


@click.command("block")
@_application_option
@click.option("--card", "whole_card", is_flag=True, help="The whole card, for good 锁定整张卡.")
@click.option("--permanent", is_flag=True, help="For good 永久锁定; nothing undoes it.")
@reader_option
@_profile_option
@needed_keys_options
@_yes_option
@json_option
@click.pass_context
def block_command(
    context: click.Context,
    application: str | None,
    whole_card: bool,
    permanent: bool,
    reader: str | None,
    profile_name: str | None,
    keys: KeySource,
    yes: bool,
    as_json: bool,
) -> None:
    """Block an application or the card 锁定, after asking.

    Needs the STK of the directory and, where it has one, its lock key (BK, LK…), of the key
    service or a PSAM.
    """
    if whole_card and (application or permanent):
        words = tr(
            "--card 总是永久锁定整张卡，不与 --application、--permanent 同用",
            "--card is the whole card, for good: without --application and --permanent",
        )
        raise click.UsageError(words)
    keys.unlock()
    with keys.session(reader) as connection:
        seen = connection.atr
        profile = chosen_profile(connection, profile_name)
        keys.required(profile)
    directory = _directory(profile, application)
    question = _question(seen, directory, whole_card=whole_card, permanent=permanent)
    _agree(context, question, yes=yes)
    with keys.session(reader, access="exclusive") as connection:
        _require_same(seen, connection.atr)
        card = SocialSecurityCard(connection, profile, keys.required(profile))
        if whole_card:
            block_card(card)
        else:
            block_application(card, directory, permanently=permanent)
    _report(
        reader,
        profile,
        {"blocked": "card" if whole_card else directory, "permanently": permanent or whole_card},
        Text("已锁定。", "Blocked."),
        as_json=as_json,
    )


@click.command("unblock")
@_application_option
@reader_option
@_profile_option
@needed_keys_options
@json_option
def unblock_command(
    application: str | None,
    reader: str | None,
    profile_name: str | None,
    keys: KeySource,
    as_json: bool,
) -> None:
    """Unblock an application that was blocked for a time 解锁应用.

    Needs what blocking needs. A card whose whole application is blocked tells nobody which card
    it is: name the region's --profile then.
    """
    keys.unlock()
    with keys.session(reader, access="exclusive") as connection:
        profile, identity = _of_blocked(connection, profile_name)
        directory = _directory(profile, application)
        service = keys.required(profile)
        card = SocialSecurityCard(connection, profile, service, identity=identity, blocked_too=True)
        unblock_application(card, directory)
    _report(
        reader,
        profile,
        {"unblocked": directory},
        Text("已解锁。", "Unblocked."),
        as_json=as_json,
    )


def register(group: click.Group) -> None:
    """Add the commands to ``sscard card``."""
    for command in (pin_group, block_command, unblock_command):
        group.add_command(command)


def _of_blocked(
    connection: Connection, name: str | None
) -> tuple[CardProfile, CardIdentity | None]:
    """The profile of a card that may be blocked; who it is, where it can no longer be asked."""
    try:
        return chosen_profile(connection, name), None
    except Blocked as blocked:
        profile = load(name) if name is not None else None
        if profile is None or profile.region is None:
            if blocked.for_a_time:
                blocked.hint = Text(
                    "应用已锁定，无法识别：请用 --profile 指定地区的卡规范",
                    "the application is blocked, so it cannot be recognised: name the region's "
                    "profile with --profile",
                )
            raise
        code = profile.region.issuer.division_code
        return profile, CardIdentity(code, historical_bytes(connection.atr))


def _directory(profile: CardProfile, name: str | None) -> str:
    """The directory asked for; the whole application when none is."""
    if name is None:
        return profile.structure.pin_directory
    names = {each.casefold(): each for each in profile.structure.directories}
    known = names.get(name.strip().casefold())
    if known is None:
        near = get_close_matches(name.casefold(), names, 1)
        offered = names[near[0]] if near else ", ".join(names.values())
        raise InputError(
            Text("卡规范中没有这个应用", "the profile has no such application"),
            where=name,
            hint=Text(f"可写：{offered}", f"write: {offered}"),
        )
    return known


def _question(atr: bytes, directory: str, *, whole_card: bool, permanent: bool) -> Text:
    serial = chip_serial(atr).hex().upper()
    if whole_card:
        return Text(
            f"锁定卡片 {serial}？此后卡不再应答任何命令，不可恢复。",
            f"Block the card {serial}? It answers nothing any more, and nothing undoes that.",
        )
    if permanent:
        return Text(
            f"永久锁定卡片 {serial} 的应用 {directory}？不可恢复。",
            f"Block {directory} of the card {serial} for good? Nothing undoes that.",
        )
    return Text(
        f"临时锁定卡片 {serial} 的应用 {directory}？",
        f"Block {directory} of the card {serial} until it is unblocked?",
    )


def _agree(context: click.Context, question: Text, *, yes: bool) -> None:
    """Go on only when the person says so."""
    if not yes and not click.confirm(tr(question.zh, question.en), err=True):
        say(Text("没有改动。", "Nothing was changed."))
        context.exit(FAILED)


def _require_same(before: bytes, now: bytes) -> None:
    if before != now:
        raise CardError(
            Text("读写器中已换了另一张卡", "another card is in the reader now"),
            hint=Text("没有改动；请重新开始", "nothing was changed; start anew"),
        )


def _report(
    reader: str | None, profile: CardProfile, done: dict[str, object], words: Text, *, as_json: bool
) -> None:
    replayed = is_recording(reader)
    if as_json:
        print_json({**done, "replayed": replayed, "profile": profile.name})
        return
    say(words)
    if replayed:
        say(_RECORDING)
