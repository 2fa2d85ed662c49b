"""``sscard keys``: the vault, its keys and their check values."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sscard_ic import profile
from sscard_ic.base.errors import InputError, Text
from sscard_ic.cli import common, secrets
from sscard_ic.cli.common import json_option, tr
from sscard_ic.cli.keys_psam import psam_command
from sscard_ic.cli.tables import print_table
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys import CardKey, create_test_vault, merge_keys

_OWNERS = {
    "ministry": Text("人社部", "ministry"),
    "province": Text("省", "province"),
    "maker": Text("制卡商", "card maker"),
}
_USES = {
    "external": Text("外部认证", "external"),
    "internal": Text("内部认证", "internal"),
    "mac": Text("应用维护", "MAC"),
    "master": Text("主控", "control"),
    "purchase": Text("消费", "purchase"),
    "load": Text("账户划入", "load"),
    "tac": Text("TAC", "TAC"),
    "transport": Text("传输", "transport"),
}
_ALGORITHMS = {"des": "DES", "3des": "3DES", "sm4": "SM4"}


@click.group()
def keys() -> None:
    """Key vault and check values 密钥库与校验值."""


@keys.command()
@click.option(
    "--test", is_flag=True, help="Published test keys, worthless for real cards 测试密钥."
)
@secrets.vault_option
@json_option
def init(test: bool, vault: Path | None, as_json: bool) -> None:
    """Make a key vault 建立密钥库.

    The passphrase comes from SSCARD_PASSPHRASE, SSCARD_PASSPHRASE_FILE or a prompt.
    """
    if not test:
        raise click.UsageError(
            tr(
                "目前只能建立测试密钥库；请加 --test",
                "only test vaults can be made yet; add --test",
            )
        )
    path = secrets.vault_path(vault)
    if path.exists():
        raise InputError(
            Text("文件已存在，不会覆盖", "already exists and is not overwritten"),
            where=str(path),
            hint=Text(
                "用 --vault 另选路径，或先移走该文件", "choose another --vault, or move it away"
            ),
        )
    known = profile.available()
    cards = [info.name for info in known if info.kind in ("national", "region")]
    psams = [info.name for info in known if info.kind == "psam"]
    declared = merge_keys(
        [
            *(profile.load(name).keys for name in cards),
            *(profile.load_psam(name).control_roots for name in psams),
        ]
    )
    made = create_test_vault(path, secrets.passphrase(confirm=True), declared)
    infos = made.keys()
    if as_json:
        common.print_json({"vault": str(path), "environment": made.environment, "keys": len(infos)})
        return
    common.say(
        Text(
            f"已建立测试密钥库 {path}（{len(infos)} 个密钥）。测试密钥是公开的，不得用于真实卡。",
            f"Made the test vault {path} with {len(infos)} keys. "
            "They are published: never use them for real cards.",
        )
    )


@keys.command("list")
@secrets.vault_option
@json_option
def list_keys(vault: Path | None, as_json: bool) -> None:
    """List root keys with their check values 列出根密钥."""
    service = secrets.open_vault(vault)
    infos = service.keys()
    if as_json:
        common.print_json(
            {
                "vault": str(service.path),
                "environment": service.environment,
                "keys": [asdict(info) for info in infos],
            }
        )
        return
    print_table(
        tr("密钥", "key"),
        tr("版本", "version"),
        tr("归属", "owner"),
        tr("用途", "use"),
        tr("算法", "algorithm"),
        tr("字节", "bytes"),
        tr("校验值", "check value"),
        rows=[
            (
                info.name,
                f"{info.version:02d}",
                _OWNERS[info.owner].to(common.language()),
                _USES[info.use].to(common.language()),
                _ALGORITHMS[info.algorithm],
                str(info.length),
                info.check_value,
            )
            for info in infos
        ],
        numbers=(5,),
    )


@keys.command()
@click.argument("name")
@click.option("--version", type=click.IntRange(1, 255), default=1, show_default=True, help="版本.")
@click.option(
    "--algorithm",
    type=click.Choice(tuple(SUITES)),
    default="3des",
    show_default=True,
    help="That of the card 卡的算法.",
)
@click.option("--region", metavar="CODE", help="6-digit division code of the card 卡的地区代码.")
@click.option("--factor", metavar="HEX", help="8 bytes: ATR historical bytes 6-13 卡片分散因子.")
@secrets.vault_option
@json_option
def kcv(
    name: str,
    version: int,
    algorithm: Algorithm,
    region: str | None,
    factor: str | None,
    vault: Path | None,
    as_json: bool,
) -> None:
    """Check value of a root key, or of one card's key 校验值.

    With --region and --factor: of the key derived for that card.
    """
    if (region is None) != (factor is None):
        raise click.UsageError(
            tr("--region 与 --factor 须同时给出", "--region and --factor come together")
        )
    if region is None or factor is None:
        value = secrets.open_vault(vault).root_check_value(name, version, algorithm)
    else:
        key = CardKey(name, version, region, _factor(factor), algorithm)
        value = secrets.open_vault(vault).check_value(key)
    text = value.hex().upper()
    if as_json:
        common.print_json(
            {
                "name": name,
                "version": version,
                "algorithm": algorithm,
                "region": region,
                "factor": factor and factor.upper(),
                "check_value": text,
            }
        )
        return
    click.echo(text)


keys.add_command(psam_command)


def _factor(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise click.BadParameter(
            tr("应为 16 个十六进制数字", "16 hexadecimal digits are expected"),
            param_hint="--factor",
        ) from None
