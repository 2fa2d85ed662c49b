"""Where passphrases and PINs come from: environment, file or hidden prompt, never an option.

The order is the same for each of them: what was asked for explicitly (a file option), then the
environment, then the prompt.
"""

from __future__ import annotations

import getpass
import os
import sys
import unicodedata
import warnings
from pathlib import Path

import click

from sscard_ic.apdu.ssc import pin_block
from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.base.resources import home_dir
from sscard_ic.base.secret import Secret
from sscard_ic.cli.common import tr
from sscard_ic.keys import SoftwareVault, open_service
from sscard_ic.reader.pcsc import assert_no_transaction

vault_option = click.option(
    "--vault",
    type=click.Path(path_type=Path),
    help="Key vault 密钥库 (default: vault.json under SSCARD_HOME).",
)
key_group_option = click.option(
    "--key-group",
    type=click.IntRange(1, 255),
    help="Group of keys that have several 密钥组 (default: the region's).",
)
pin_file_option = click.option(
    "--pin-file",
    type=click.Path(path_type=Path),
    help="File whose first line is the PIN 含 PIN 的文件 (or SSCARD_PIN, or a prompt).",
)
new_pin_file_option = click.option(
    "--new-pin-file",
    type=click.Path(path_type=Path),
    help="File whose first line is the new PIN 含新 PIN 的文件 (or SSCARD_NEW_PIN, or a prompt).",
)


def vault_path(chosen: Path | None) -> Path:
    """The vault given by option, or the one under ``SSCARD_HOME``."""
    return chosen or home_dir() / "vault.json"


def open_vault(chosen: Path | None) -> SoftwareVault:
    """The opened vault; asks for the passphrase only when the file is there."""
    path = vault_path(chosen)
    if not path.exists():
        return open_service(path, Secret(b""))
    return open_service(path, passphrase())


def passphrase(*, confirm: bool = False) -> Secret:
    """Passphrase of a vault: ``SSCARD_PASSPHRASE``, ``SSCARD_PASSPHRASE_FILE``, or the prompt."""
    given = os.environ.get("SSCARD_PASSPHRASE")
    named = os.environ.get("SSCARD_PASSPHRASE_FILE")
    if given is None and named:
        given = _first_line(Path(named))
    if given is None:
        given = _ask(
            tr("密钥库口令", "Passphrase of the vault"),
            confirm,
            "SSCARD_PASSPHRASE, SSCARD_PASSPHRASE_FILE",
        )
    # The same characters typed on two systems may be composed differently.
    normal = unicodedata.normalize("NFC", given)
    return Secret(normal.encode("utf-8", errors="surrogateescape"))


def pin(file: Path | None = None, prompt: Text | None = None) -> Secret:
    """BCD block of the holder's present PIN: ``file``, ``SSCARD_PIN``, or the ``prompt``."""
    words = prompt or Text("密码", "PIN")
    return _pin(file, "SSCARD_PIN", "--pin-file", tr(words.zh, words.en), confirm=False)


def new_pin(file: Path | None = None) -> Secret:
    """BCD block of a PIN to be set: ``file``, ``SSCARD_NEW_PIN``, or the prompt, typed twice."""
    words = tr("新密码", "New PIN")
    return _pin(file, "SSCARD_NEW_PIN", "--new-pin-file", words, confirm=True)


def _pin(file: Path | None, variable: str, option: str, prompt: str, *, confirm: bool) -> Secret:
    if file is not None:
        text, where = _first_line(file), str(file)
    elif (given := os.environ.get(variable)) is not None:
        text, where = given, variable
    else:
        text, where = _ask(prompt, confirm, f"{variable}, {option}"), ""
    try:
        return Secret(pin_block(text.strip()))
    except ValueError:
        raise InputError(
            Text("PIN 应为 4 至 12 位数字", "a PIN has 4 to 12 digits"), where=where
        ) from None


def _first_line(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        reason = os_reason(error)
        raise InputError(
            Text(f"无法读取文件（{reason.zh}）", f"cannot be read ({reason.en})"),
            where=str(path),
            hint=Text("检查路径与权限", "check the path and its permissions"),
        ) from None
    return text.split("\n", 1)[0].rstrip("\r")


def _ask(prompt: str, confirm: bool, instead: str) -> str:
    """Hidden input; where nobody can type, an error that names the other ways."""
    assert_no_transaction()
    try:
        with warnings.catch_warnings():
            # Where there is no terminal, our own error says more than this warning.
            warnings.simplefilter("ignore", getpass.GetPassWarning)
            answer: str = click.prompt(
                prompt,
                hide_input=True,
                err=True,
                confirmation_prompt=tr("再输入一次", "Once more") if confirm else False,
            )
    except click.Abort:
        if sys.stdin is not None and sys.stdin.isatty():
            raise
        raise InputError(
            Text(f"没有输入：{prompt}", f"nothing was typed: {prompt}"),
            hint=Text(f"没有终端时请用：{instead}", f"without a terminal use: {instead}"),
        ) from None
    return answer
