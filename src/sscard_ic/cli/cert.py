"""``sscard cert``: the group; its commands are imported when they are used."""

from __future__ import annotations

import click

from sscard_ic.cli.lazy import LazyGroup, Place

_COMMANDS: dict[str, Place] = {
    "show": ("sscard_ic.cli.cert_show", "show_command"),
    "keygen": ("sscard_ic.cli.cert_keygen", "keygen_command"),
    "request": ("sscard_ic.cli.cert_request", "request_command"),
    "load": ("sscard_ic.cli.cert_load", "load_command"),
    "sign": ("sscard_ic.cli.cert_use", "sign_command"),
    "verify": ("sscard_ic.cli.cert_verify", "verify_command"),
    "decrypt": ("sscard_ic.cli.cert_use", "decrypt_command"),
    "pin": ("sscard_ic.cli.cert_pin", "pin_command"),
    "serve": ("sscard_ic.cli.cert_serve", "serve_command"),
}


@click.group(cls=LazyGroup, places=_COMMANDS)
def cert() -> None:
    """The certificate application of third-generation cards 证书应用 (SM2)."""
