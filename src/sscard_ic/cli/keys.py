"""``sscard keys``: the group; its commands are imported when they are used."""

from __future__ import annotations

import click

from sscard_ic.cli.lazy import LazyGroup, Place

_COMMANDS: dict[str, Place] = {
    "init": ("sscard_ic.cli.keys_init", "init_command"),
    "list": ("sscard_ic.cli.keys_inventory", "list_command"),
    "show": ("sscard_ic.cli.keys_show", "show_command"),
    "kcv": ("sscard_ic.cli.keys_inventory", "kcv_command"),
    "tree": ("sscard_ic.cli.keys_tree", "tree_command"),
    "export": ("sscard_ic.cli.keys_inventory", "export_command"),
    "combine": ("sscard_ic.cli.keys_ceremony", "combine_command"),
    "generate": ("sscard_ic.cli.keys_ceremony", "generate_command"),
    "component": ("sscard_ic.cli.keys_ceremony", "component_command"),
    "rotate": ("sscard_ic.cli.keys_ceremony", "rotate_command"),
    "validity": ("sscard_ic.cli.keys_care", "validity_command"),
    "destroy": ("sscard_ic.cli.keys_care", "destroy_command"),
    "passphrase": ("sscard_ic.cli.keys_care", "passphrase_command"),
    "export-block": ("sscard_ic.cli.keys_exchange", "export_command"),
    "import-block": ("sscard_ic.cli.keys_exchange", "import_command"),
    "psam": ("sscard_ic.cli.keys_psam", "psam_command"),
    "serve": ("sscard_ic.cli.keys_serve", "serve_command"),
}


@click.group(cls=LazyGroup, places=_COMMANDS)
def keys() -> None:
    """Keys, from the ministry's root to the card 密钥."""
