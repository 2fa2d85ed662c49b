"""``sscard keys init``: making a vault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from sscard_ic.base.authority import AuditEvent, deed
from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli import common, secrets
from sscard_ic.cli.authority import Desk
from sscard_ic.cli.common import json_option, tr
from sscard_ic.cli.ledgers import ledger_option, office_ledger
from sscard_ic.keys import MissingCapabilityError, create_test_vault
from sscard_ic.keys.ceremony import declared_keys
from sscard_ic.keys.opening import create_token
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings


@click.command("init")
@click.option(
    "--test", is_flag=True, help="Published test keys, worthless for real cards 测试密钥."
)
@click.option("--production", is_flag=True, help="An empty vault for real keys 生产密钥库.")
@secrets.vault_option
@ledger_option
@json_option
def init_command(
    test: bool, production: bool, vault: Path | None, ledger_file: Path | None, as_json: bool
) -> None:
    """Make a key vault 建立密钥库, or prepare the token of the HSM that sscard.toml names.

    The passphrase comes from SSCARD_PASSPHRASE, SSCARD_PASSPHRASE_FILE or a prompt; the PIN of a
    token from SSCARD_HSM_PIN, SSCARD_HSM_PIN_FILE or a prompt.
    """
    if test == production:
        raise click.UsageError(
            tr(
                "请选择其一：--test（公开的测试密钥）或 --production（真实密钥）",
                "choose one: --test (published test keys) or --production (real keys)",
            )
        )
    settings = secrets.keys_settings(vault)
    if settings.service == "remote":
        raise MissingCapabilityError(
            Text("远程加密机的密钥由服务方管理", "the keys of an HSM service are its operator's"),
            hint=Text("用 --vault 指定要建立的密钥库", "name the vault to be made with --vault"),
        )
    if settings.service == "pkcs11" and settings.pkcs11 is not None:
        _init_token(settings.pkcs11, ledger_file, test=test, as_json=as_json)
        return
    path = settings.vault.file()
    if path.exists():
        raise InputError(
            Text("文件已存在，不会覆盖", "already exists and is not overwritten"),
            where=str(path),
            hint=Text(
                "用 --vault 另选路径，或先移走该文件", "choose another --vault, or move it away"
            ),
        )
    if production:
        from sscard_ic.cli.keys_ceremony import init_production

        init_production(path, ledger_file, as_json)
    else:
        _init_test(path, ledger_file, as_json=as_json)


def _init_token(
    settings: Pkcs11Settings, ledger_file: Path | None, *, test: bool, as_json: bool
) -> None:
    if test != (settings.environment == "test"):
        raise InputError(
            Text(
                f'设置中该加密机的环境是 "{settings.environment}"',
                f'the settings call the HSM one of environment "{settings.environment}"',
            ),
            where="keys.pkcs11.environment",
            hint=Text(
                "更正设置，或改用 --test / --production",
                "correct the settings, or use the other of --test and --production",
            ),
        )
    if not test:
        from sscard_ic.cli.keys_ceremony import init_production_token

        init_production_token(settings, ledger_file, as_json)
        return
    with _logged(str(settings.module), ledger_file):
        made = create_token(settings, secrets.TypedSecrets(), declared_keys())
    with closing(made):
        place, count = made.place, len(made.keys())
    if as_json:
        common.print_json({"vault": place, "environment": "test", "keys": count})
        return
    common.say(
        Text(
            f"已在加密机令牌 {place} 中写入 {count} 个测试密钥。测试密钥是公开的，不得用于真实卡。",
            f"Put {count} test keys into the token {place}. "
            "They are published: never use them for real cards.",
        )
    )


def _init_test(path: Path, ledger_file: Path | None, *, as_json: bool) -> None:
    passphrase = secrets.passphrase(confirm=True)
    with _logged(str(path), ledger_file):
        made = create_test_vault(path, passphrase, declared_keys())
    with closing(made):
        infos = made.keys()
    if as_json:
        common.print_json({"vault": str(path), "environment": "test", "keys": len(infos)})
        return
    common.say(
        Text(
            f"已建立测试密钥库 {path}（{len(infos)} 个密钥）。测试密钥是公开的，不得用于真实卡。",
            f"Made the test vault {path} with {len(infos)} keys. "
            "They are published: never use them for real cards.",
        )
    )


@contextmanager
def _logged(place: str, ledger_file: Path | None) -> Iterator[None]:
    """Make a test vault inside: the audit log says how it ended; nobody needs to sign in."""
    with office_ledger(ledger_file) as ledger:
        people = Desk(ledger, "test").authorise("vault.create", place, "custodian")
        event = AuditEvent("vault.create", place, people, detail={"environment": "test"})
        with deed(ledger.audit, event):
            yield
