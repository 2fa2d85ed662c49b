"""``sscard keys``: how keys come in: by ceremony, made inside, as a new version; components."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli import secrets
from sscard_ic.cli.authority import Desk
from sscard_ic.cli.ceremony_booth import TerminalBooth, require_terminal
from sscard_ic.cli.ceremony_office import Where, where_options
from sscard_ic.cli.ceremony_options import (
    about,
    algorithm_option,
    component_options,
    day_option,
    introduce,
    name_argument,
    new_key_options,
    parts_of,
    parts_options,
    valid_options,
    version_option,
)
from sscard_ic.cli.common import say
from sscard_ic.cli.ledgers import office_ledger
from sscard_ic.keys.ceremony import (
    Wanted,
    create_production,
    create_production_vault,
    newest,
    next_version,
    spec_of,
    subject_of,
)
from sscard_ic.keys.inventory import KeySpec, RootAlgorithm
from sscard_ic.keys.opening import create_token
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.keys.service import KeyService


def init_production(vault_path: Path, ledger_path: Path | None, as_json: bool) -> None:
    """Make an empty production vault with the consent of a custodian and a supervisor."""
    where = Where(None, ledger_path, None, as_json)
    with where.telling(), closing(office_ledger(ledger_path, existing=True)) as ledger:
        desk = Desk(ledger, "production")
        done = create_production_vault(
            vault_path, lambda: secrets.passphrase(confirm=True), desk, ledger.audit
        )
    where.tell(done)
    _next_step()


def init_production_token(
    settings: Pkcs11Settings, ledger_path: Path | None, as_json: bool
) -> None:
    """Prepare the token of an HSM for real keys with the consent of the same people."""
    where = Where(None, ledger_path, None, as_json)
    with where.telling(), closing(office_ledger(ledger_path, existing=True)) as ledger:
        desk = Desk(ledger, "production")

        def make() -> KeyService:
            return create_token(settings, secrets.TypedSecrets())

        done = create_production(str(settings.module), make, desk, ledger.audit)
    where.tell(done)
    _next_step()


def _next_step() -> None:
    say(
        Text(
            "下一步：用 sscard keys combine（分量）、import-block（密钥块）或 generate 存入密钥",
            "next: bring keys in by sscard keys combine (components), import-block (key blocks) "
            "or generate",
        )
    )


@click.command("combine")
@new_key_options
@parts_options
@where_options
def combine_command(wanted: Wanted, parts: int, check_value: bytes | None, where: Where) -> None:
    """Bring a key in by components 分量合成密钥: each typed by another custodian, unseen.

    Nothing is stored until all are there and the check values agree.
    """
    spec = spec_of(wanted)
    with where.office() as office:
        introduce(spec, office.place)
        office.ceremony.require_new(spec)
        typed = parts_of(
            parts, check_value, office.custodians, about("key.combine", spec, office.place)
        )
        done = office.ceremony.combine(spec, typed)
    where.tell(done)


@click.command("generate")
@new_key_options
@where_options
def generate_command(wanted: Wanted, where: Where) -> None:
    """Make a key inside the vault or HSM 生成密钥."""
    spec = spec_of(wanted)
    with where.office() as office:
        introduce(spec, office.place)
        done = office.ceremony.generate(spec)
    where.tell(done)


@click.command("component")
@component_options
@where_options
def component_command(wanted: Wanted, where: Where) -> None:
    """Make a random component and show it once 生成密钥分量, on this terminal only.

    Its custodian copies it onto a carrier; `keys combine` brings it in, here or elsewhere. The
    audit log and the record get its check value and the carrier's number.
    """
    spec = spec_of(wanted)
    require_terminal()
    with where.office() as office:
        introduce(spec, office.place)
        done = office.ceremony.new_component(
            spec, TerminalBooth(about("key.component", spec, office.place))
        )
    where.tell(done)


@click.command("rotate")
@name_argument
@algorithm_option
@version_option("New version 新版本 (default: the next)", required=False)
@click.option(
    "--old-version",
    type=click.IntRange(1, 255),
    help="Version that it replaces 旧版本 (default: the newest).",
)
@day_option("--last-day", "Last day of use of the old one 旧版本停用日期", required=True)
@valid_options
@click.option(
    "--combine", "by_parts", is_flag=True, help="By components 由分量合成 (default: made inside)."
)
@parts_options
@where_options
def rotate_command(
    name: str,
    algorithm: RootAlgorithm | None,
    version: int | None,
    old_version: int | None,
    last_day: date,
    valid_from: date | None,
    valid_until: date | None,
    by_parts: bool,
    parts: int,
    check_value: bytes | None,
    where: Where,
) -> None:
    """Put a new version beside a key 更换密钥版本; both are usable until the old one's last day."""
    with where.office() as office:
        old = newest(office.store, name, old_version, algorithm, office.place)
        new = KeySpec(
            old.name,
            version or next_version(office.store, old, office.place),
            old.level,
            old.use,
            old.algorithm,
            valid_from,
            valid_until,
        )
        introduce(old, office.place, Text("旧版本", "old version"))
        introduce(new, office.place, Text("新版本", "new version"))
        office.ceremony.require_rotatable(old, new, last_day)
        say(
            Text(
                f"旧版本 {subject_of(old)} 的新末日：{last_day}",
                f"new last day of the old version {subject_of(old)}: {last_day}",
            )
        )
        told = about("key.rotate", new, office.place)
        typed = parts_of(parts, check_value, office.custodians, told) if by_parts else None
        done = office.ceremony.rotate(old, new, last_day, typed)
    where.tell(done)
