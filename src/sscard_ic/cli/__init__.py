"""The ``sscard`` command: one group, its commands loaded when they are used."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import click

from sscard_ic.base.errors import SscardError
from sscard_ic.cli import common
from sscard_ic.cli.lazy import LazyGroup

_COMMANDS = {
    "demo": ("sscard_ic.cli.demo", "demo"),
    "doctor": ("sscard_ic.cli.doctor", "doctor"),
    "readers": ("sscard_ic.cli.readers_command", "readers"),
    "read": ("sscard_ic.cli.read", "read"),
    "write": ("sscard_ic.cli.write", "write"),
    "dump": ("sscard_ic.cli.dump", "dump"),
    "diff": ("sscard_ic.cli.dump", "diff"),
    "apdu": ("sscard_ic.cli.apdu", "apdu"),
    "explain": ("sscard_ic.cli.explain", "explain"),
    "trace": ("sscard_ic.cli.trace", "trace"),
    "sim": ("sscard_ic.cli.sim", "sim"),
    "profile": ("sscard_ic.cli.profile", "profile"),
    "keys": ("sscard_ic.cli.keys", "keys"),
    "operator": ("sscard_ic.cli.operators", "operator"),
    "audit": ("sscard_ic.cli.audit", "audit"),
    "batch": ("sscard_ic.cli.batch", "batch"),
    "card": ("sscard_ic.cli.card", "card"),
    "cert": ("sscard_ic.cli.cert", "cert"),
    "bank": ("sscard_ic.cli.bank", "bank"),
}


class SscardGroup(LazyGroup):
    """Turns every error of the toolkit into words and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; the one place where an error becomes words and an exit code."""
        try:
            return super().invoke(ctx)
        except SscardError as error:
            failure = error
        except BrokenPipeError:
            raise  # the reader of the output has had enough: click ends quietly
        except OSError as error:
            failure = common.system_error(error)
        common.print_error(ctx, failure)
        ctx.exit(common.FAILED)


@click.group(
    cls=SscardGroup,
    places=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(metadata.version("sscard-ic"), prog_name="sscard")
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language of messages 消息语言.")
def root(lang: str | None) -> None:
    """Tools for China's social security card 社会保障卡工具.

    Personalize cards from a batch file, activate and read them, or develop against a virtual one.
    """


def main() -> None:
    """Entry point of the ``sscard`` script."""
    common.protect_consoles()
    root(prog_name="sscard")
