"""``sscard write``: data items onto an issued card."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card import SocialSecurityCard
from sscard_ic.card.writing import Changed, OtherContents, PartlyWritten, write_items
from sscard_ic.cli.common import (
    FAILED,
    json_option,
    keep_done,
    print_json,
    say,
    system_error,
    tr,
)
from sscard_ic.cli.differences import differences_json, show_differences
from sscard_ic.cli.dump import chosen_profile
from sscard_ic.cli.key_options import KeySource, needed_keys_options
from sscard_ic.cli.readers import protocol_option, reader_option
from sscard_ic.cli.secrets import pin, pin_file_option
from sscard_ic.profile import CardProfile
from sscard_ic.profile.assignments import assign, decisive_places, parse_json, parse_words
from sscard_ic.profile.contents import Difference, differences
from sscard_ic.reader import Connection
from sscard_ic.reader.pcsc import ProtocolChoice

_IDENTIFICATION = "SSSE.EF05.01"


@click.command()
@click.argument("assignments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--from",
    "document",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="JSON object of names and values 名称与值的 JSON; - reads standard input.",
)
@reader_option
@protocol_option
@click.option("--profile", "profile_name", help="Profile 卡规范; recognised when left out.")
@click.option("--pin", "with_pin", is_flag=True, help="Verify the PIN first 先校验密码.")
@click.option("--yes", is_flag=True, help="Do not ask before writing 不再询问.")
@pin_file_option
# For those who are used to `read --keys`: the vault answers here without being asked for.
@click.option("--keys", is_flag=True, expose_value=False, hidden=True)
@needed_keys_options
@json_option
@click.pass_context
def write(
    context: click.Context,
    assignments: tuple[str, ...],
    document: Path | None,
    reader: str | None,
    protocol: ProtocolChoice,
    profile_name: str | None,
    with_pin: bool,
    yes: bool,
    pin_file: Path | None,
    keys: KeySource,
    as_json: bool,
) -> None:
    """Write data items 写卡, after showing what will change and asking.

    NAME is a path, a Chinese or English name, or a tag, as for `sscard read`; an empty value
    unsets the item, a log takes a new record. Everything is checked before the card is written,
    and read back afterwards. What stands on a command line is seen by other users of the machine:
    data of real holders come from a file or standard input, with --from.
    """
    wanted = _wanted(assignments, document)
    if not yes and (as_json or str(document) == "-"):
        raise click.UsageError(
            tr("--json 和 --from - 无法询问，须加 --yes", "--json and --from - need --yes")
        )
    keys.unlock()
    holder_pin = pin(pin_file) if with_pin or pin_file else None
    access = _Access(reader, protocol, keys, holder_pin, profile_name)
    job = _prepare(access, wanted)
    if not as_json:
        _show(job)
    # Nobody is asked while other programs wait for the card: the session is over.
    if job.changes and not yes and not click.confirm(tr("写入？", "Write?"), err=True):
        say(Text("没有写入。", "Nothing was written."))
        context.exit(FAILED)
    changes = differences_json(job.changes)
    unread = _carry_out(context, access, job, changes) if job.changes else ()
    if as_json:
        paths = [each.place.path for each in job.changes]
        print_json({"changes": changes, **_account(paths, unread=unread)})
    elif job.changes:
        say(_summary(len(job.changes), len(unread)))


def _carry_out(
    context: click.Context, access: _Access, job: _Job, changes: list[dict[str, Any]]
) -> Sequence[str]:
    """Write; the paths that could not be read back. What is known is kept for the JSON output."""
    paths = [each.place.path for each in job.changes]
    keep_done(context, {"changes": changes, **_account((), left=paths)})
    with access.open() as connection:
        try:
            return _write(connection, access, job)
        except PartlyWritten as error:
            account = _account(error.written, error.doubtful, error.left)
            keep_done(context, {"changes": changes, **account})
            raise
        except OtherContents as error:
            account = _account([path for path in paths if path not in error.wrong])
            keep_done(context, {"changes": changes, **account, "wrong": list(error.wrong)})
            raise


def _account(
    written: Sequence[str],
    doubtful: str | None = None,
    left: Sequence[str] = (),
    unread: Sequence[str] = (),
) -> dict[str, Any]:
    return {
        "written": list(written),
        "doubtful": doubtful,
        "not_written": list(left),
        "not_read_back": list(unread),
    }


def _summary(written: int, unread: int) -> Text:
    if unread:
        return Text(
            f"已写入 {written} 项；其中 {unread} 项不能读取，未核对。",
            f"{written} items written; {unread} of them cannot be read back.",
        )
    return Text(f"已写入 {written} 项并读回核对。", f"{written} items written and read back.")


def _wanted(assignments: tuple[str, ...], document: Path | None) -> list[tuple[str, str]]:
    wanted = list(parse_words(assignments))
    if document is not None:
        wanted += parse_json(_text(document), str(document))
    if not wanted:
        raise click.UsageError(
            tr("给出 名称=值 或 --from 文件", "give NAME=VALUE, or a file with --from")
        )
    return wanted


def _text(document: Path) -> str:
    try:
        if str(document) == "-":
            return sys.stdin.read()
        return document.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise system_error(error) from error
    except UnicodeDecodeError:
        raise InputError(Text("不是 UTF-8 文本", "not UTF-8 text"), where=str(document)) from None


@dataclass(frozen=True)
class _Access:
    """What opens the card."""

    reader: str | None
    protocol: ProtocolChoice
    keys: KeySource
    pin: Secret | None
    profile: str | None

    def open(self) -> AbstractContextManager[Connection]:
        """A session of one's own on the card."""
        return self.keys.session(self.reader, access="exclusive", protocol=self.protocol)

    def card(self, connection: Connection, profile: CardProfile) -> SocialSecurityCard:
        """The application, with the PIN verified where there is one."""
        card = SocialSecurityCard(connection, profile, self.keys.service(profile))
        if self.pin is not None:
            card.verify_pin(self.pin)
        return card


@dataclass(frozen=True)
class _Job:
    """What will be written to which card."""

    profile: CardProfile
    atr: bytes
    present: Mapping[str, bytes]
    values: Mapping[str, bytes]
    changes: tuple[Difference, ...]
    closed: frozenset[str]


def _prepare(access: _Access, wanted: Sequence[tuple[str, str]]) -> _Job:
    """Read what is there now; nothing is written."""
    with access.open() as connection:
        profile = chosen_profile(connection, access.profile)
        decisive = decisive_places(profile, [name for name, _ in wanted])
        known = access.card(connection, profile).read(decisive).values if decisive else {}
        values = assign(profile, wanted, known)
        card = access.card(connection, profile)
        paths = {*values, *known, _IDENTIFICATION}
        reading = card.read([place for place in profile.places if place.path in paths])
        logs = {place.path for place in profile.places if place.file.structure == "cyclic"}
        present = {path: raw for path, raw in reading.values.items() if path not in logs}
        changes = tuple(differences(profile, present, {**present, **values}, values))
        card.require_means([change.place for change in changes])
        return _Job(
            profile,
            connection.atr,
            present,
            {change.place.path: values[change.place.path] for change in changes},
            changes,
            frozenset(reading.closed),
        )


def _show(job: _Job) -> None:
    if job.changes:
        show_differences(job.changes, tr("现在", "now"), tr("写入后", "then"), closed=job.closed)
    else:
        say(Text("卡上已是这些内容，无需写入。", "The card holds these values already."))


def _write(connection: Connection, access: _Access, job: _Job) -> Sequence[str]:
    if connection.atr != job.atr:
        raise Changed
    card = access.card(connection, job.profile)
    return write_items(card, job.values, job.present)
