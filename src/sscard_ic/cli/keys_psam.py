"""``sscard keys psam``: what a PSAM tells about itself."""

from __future__ import annotations

from typing import Any

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli.common import json_option, language, print_json, tr
from sscard_ic.cli.key_options import psam_option, psam_session
from sscard_ic.cli.tables import print_table
from sscard_ic.keys.psam import Psam, PsamDescription
from sscard_ic.reader.choice import PSAM

_OWNERS = {
    "national": Text("全国", "nation"),
    "provincial": Text("省级", "province"),
    "city": Text("地市级", "city"),
}


@click.command("psam")
@psam_option
@json_option
def psam_command(psam: str | None, as_json: bool) -> None:
    """Show a PSAM 查看 PSAM: terminal number, environments, validity of its keys; no key bits."""
    with psam_session(psam or PSAM) as (connection, _):
        description = Psam(connection, {}).describe()
    if as_json:
        print_json(_json(description))
        return
    public = description.public
    number = "-" if description.number is None else str(description.number)
    environments = ", ".join(name.upper() for name in description.environments)
    rows = [
        (tr("终端机编号", "terminal number"), description.terminal),
        (tr("PSAM 序列号", "serial number"), public.serial if public else "-"),
        (tr("交易序号", "transaction number"), number),
        (tr("算法环境", "environments"), environments),
    ]
    print_table(rows=rows)
    validities = [
        (
            name.upper(),
            _OWNERS[owner].to(language()),
            f"{each.key_version:02d}",
            f"{each.dpk_index:02X}",
            each.first.isoformat(),
            each.last.isoformat(),
        )
        for name, owners in description.environments.items()
        for owner, each in owners.items()
    ]
    if validities:
        click.echo()
        print_table(
            tr("环境", "environment"),
            tr("密钥归属", "keys of"),
            tr("密钥版本", "version"),
            tr("消费密钥索引", "DPK index"),
            tr("启用日期", "first day"),
            tr("有效期至", "last day"),
            rows=validities,
        )


def _json(description: PsamDescription) -> dict[str, Any]:
    public = description.public
    return {
        "terminal": description.terminal,
        "serial": public.serial if public else None,
        "transaction_number": description.number,
        "environments": {
            name: {
                owner: {
                    "key_version": each.key_version,
                    "dpk_index": each.dpk_index,
                    "first": each.first.isoformat(),
                    "last": each.last.isoformat(),
                }
                for owner, each in owners.items()
            }
            for name, owners in description.environments.items()
        },
    }
