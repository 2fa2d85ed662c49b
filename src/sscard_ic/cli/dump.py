"""``sscard dump`` and ``sscard diff``: whole cards as documents, and what is different in them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.files import replace_file
from sscard_ic.card import SocialSecurityCard, check_profile, recognise
from sscard_ic.card.dump import dump_card
from sscard_ic.cli.common import FAILED, json_option, print_json, say, system_error, tr
from sscard_ic.cli.differences import differences_json, show_differences
from sscard_ic.cli.key_options import KeySource, keys_options
from sscard_ic.cli.ledgers import ledger_option, open_ledger
from sscard_ic.cli.read import say_what_lacks
from sscard_ic.cli.readers import protocol_option, reader_option
from sscard_ic.cli.secrets import open_keys, pin, pin_file_option, vault_option
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.contents import Contents, differences, parse_contents
from sscard_ic.reader import Connection
from sscard_ic.reader.pcsc import ProtocolChoice


@click.command()
@reader_option
@protocol_option
@click.option("--profile", "profile_name", help="Profile 卡规范; recognised when left out.")
@click.option("--pin", "with_pin", is_flag=True, help="Verify the PIN first 先校验密码.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write, readable by its owner only 输出文件; standard output when left out.",
)
@pin_file_option
@keys_options
def dump(
    reader: str | None,
    protocol: ProtocolChoice,
    profile_name: str | None,
    with_pin: bool,
    out: Path | None,
    pin_file: Path | None,
    keys: KeySource,
) -> None:
    """Write all that a card holds to JSON 读出整卡, as far as PIN and keys allow.

    The document bears personal data in the clear. `sscard diff` compares two of them, and
    `sscard sim new --from` makes a virtual card of one.
    """
    keys.unlock()
    holder_pin = pin(pin_file) if with_pin or pin_file else None
    with keys.session(reader, protocol=protocol) as connection:
        profile = chosen_profile(connection, profile_name)
        card = SocialSecurityCard(connection, profile, keys.service(profile))
        if holder_pin is not None:
            card.verify_pin(holder_pin)
        dumped = dump_card(card, with_account=holder_pin is not None)
    contents = dumped.contents
    document = contents.to_json(profile)
    if out is None:
        print_json(document)
    else:
        text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
        try:
            replace_file(out, text.encode("utf-8"))
        except OSError as error:
            raise system_error(error) from error
    say_what_lacks(dumped.lacking)
    count, closed = len(contents.values), len(contents.closed)
    say(Text(f"读出 {count} 项，未开放 {closed} 项。", f"{count} items read, {closed} closed."))


def chosen_profile(connection: Connection, name: str | None) -> CardProfile:
    """The profile asked for, which the card must obey, or the one the card is recognised by."""
    if name is None:
        return recognise(connection)
    profile = load(name)
    check_profile(connection, profile)
    return profile


@click.command()
@click.argument("first", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("second", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--batch", help="Compare with a prepared card of this batch 与该批次的计划比较.")
@click.option("--row", type=click.IntRange(1), help="Row of the batch 批次中的行号.")
@ledger_option
@vault_option
@json_option
@click.pass_context
def diff(
    context: click.Context,
    first: Path,
    second: Path | None,
    batch: str | None,
    row: int | None,
    ledger_file: Path | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Compare two dumps, or a dump with the prepared card of a batch 比较整卡内容.

    Exit code 1 when something differs. An item that is closed in one of them is not compared.
    """
    if (second is None) == (batch is None) or (batch is None) != (row is None):
        raise click.UsageError(
            tr("给出第二个文件，或 --batch 和 --row", "give a second file, or --batch and --row")
        )
    before = read_dump(first)
    if second is not None:
        after = read_dump(second)
    else:
        after = _planned(batch or "", row or 0, ledger_file, vault, before)
    profile = load(before.profile)
    closed = set(before.closed) | set(after.closed)
    paths = [place.path for place in profile.places if place.path not in closed]
    found = differences(profile, before.values, after.values, paths)
    strange = sorted(set(after.values) - {place.path for place in profile.places})
    # A plan knows only the historical bytes.
    same_atr = historical_bytes(before.atr) == historical_bytes(after.atr)
    same = not found and same_atr and not strange
    if as_json:
        atr = None if same_atr else {"before": before.atr.hex(), "after": after.atr.hex()}
        listed = differences_json(found)
        print_json({"same": same, "atr": atr, "items": listed, "only_second": strange})
    else:
        _show(first, second, before, after)
        if found:
            show_differences(found, str(first), str(second or f"{batch}:{row}"))
        if strange:
            click.echo(tr("仅第二个有：", "only in the second: ") + ", ".join(strange))
        say(_summary(len(found), len(closed)))
    if not same:
        context.exit(FAILED)


def _show(first: Path, second: Path | None, before: Contents, after: Contents) -> None:
    if before.profile != after.profile:
        click.echo(f"{tr('规范', 'profile')}: {before.profile} / {after.profile}")
    if historical_bytes(before.atr) != historical_bytes(after.atr):
        click.echo(f"ATR: {before.atr.hex().upper()} / {after.atr.hex().upper()}")


def _summary(found: int, closed: int) -> Text:
    if closed:
        return Text(
            f"不同 {found} 项；未开放而未比较 {closed} 项。",
            f"{found} items differ; {closed} are closed and not compared.",
        )
    return Text(f"不同 {found} 项。", f"{found} items differ.")


def read_dump(path: Path) -> Contents:
    """The dump in a file; raises :class:`InputError`."""
    try:
        return parse_contents(path.read_text(encoding="utf-8-sig"), str(path))
    except OSError as error:
        raise system_error(error) from error
    except UnicodeDecodeError:
        raise InputError(Text("不是 UTF-8 文本", "not UTF-8 text"), where=str(path)) from None


def _planned(
    batch: str, row: int, ledger_file: Path | None, vault: Path | None, dump: Contents
) -> Contents:
    """What the prepared card of a row will hold."""
    from sscard_ic.issuance.prepared_contents import planned_contents

    with closing(open_keys(vault)) as keys, open_ledger(ledger_file, keys) as ledger:
        return planned_contents(ledger, batch, row)
