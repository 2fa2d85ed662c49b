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
from sscard_ic.base.secret import Secret
from sscard_ic.base.settings import read_settings
from sscard_ic.cli.common import tr
from sscard_ic.keys import KeyService, open_service
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey
from sscard_ic.keys.opening import HsmPin
from sscard_ic.keys.settings import KeysSettings, VaultSettings
from sscard_ic.profile.certificate import PinName
from sscard_ic.reader.pcsc import assert_no_transaction

vault_option = click.option(
    "--vault",
    type=click.Path(path_type=Path),
    help="Use this key vault 密钥库 (default: what sscard.toml says, else vault.json under "
    "SSCARD_HOME).",
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


class TypedSecrets:
    """What opens a key service, from the environment, a file or a person at the terminal."""

    def passphrase(self) -> Secret:
        """That of the software vault."""
        return passphrase()

    def hsm_pin(self) -> HsmPin:
        """That of an HSM's token."""
        return hsm_pin()


def keys_settings(chosen: Path | None = None) -> KeysSettings:
    """``[keys]`` of the settings; a vault that was named on the command line overrules them."""
    if chosen is not None:
        return KeysSettings(vault=VaultSettings(path=chosen))
    return read_settings().section("keys", KeysSettings)


def open_keys(chosen: Path | None) -> KeyService:
    """The key service of this machine, or the vault given by option; to be closed by the caller.

    Asks a person for what opens it where the environment does not say.
    """
    return open_service(keys_settings(chosen), TypedSecrets())


def passphrase(*, confirm: bool = False) -> Secret:
    """Passphrase of a vault: ``SSCARD_PASSPHRASE``, ``SSCARD_PASSPHRASE_FILE``, or the prompt."""
    words = tr("密钥库口令", "Passphrase of the vault")
    return _passphrase("SSCARD_PASSPHRASE", words, confirm)


def present_passphrase() -> Secret:
    """The same, of a vault that is open already and is to get another one."""
    words = tr("密钥库现口令", "Present passphrase of the vault")
    return _passphrase("SSCARD_PASSPHRASE", words, confirm=False)


def hsm_pin() -> HsmPin:
    """PIN of an HSM's token: ``SSCARD_HSM_PIN``, ``SSCARD_HSM_PIN_FILE``, or the prompt."""
    given = _given("SSCARD_HSM_PIN")
    if given is not None:
        return HsmPin(_password_bytes(given), typed=False)
    words = tr("加密机令牌 PIN", "PIN of the HSM's token")
    typed = _ask(words, False, "SSCARD_HSM_PIN, SSCARD_HSM_PIN_FILE")
    return HsmPin(_password_bytes(typed), typed=True)


def new_passphrase() -> Secret:
    """The one that replaces it: ``SSCARD_NEW_PASSPHRASE`` …, or the prompt, typed twice."""
    words = tr("密钥库新口令", "New passphrase of the vault")
    return _passphrase("SSCARD_NEW_PASSPHRASE", words, confirm=True)


def _passphrase(variable: str, prompt: str, confirm: bool) -> Secret:
    given = _given(variable)
    if given is None:
        given = _ask(prompt, confirm, f"{variable}, {variable}_FILE")
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


_CERTIFICATE_PINS: dict[PinName, tuple[str, Text]] = {
    "user": ("SSCARD_PIN", Text("证书应用用户 PIN", "User PIN of the certificate application")),
    "admin": ("SSCARD_ADMIN_PIN", Text("管理员 PIN", "Administrator PIN")),
}
"""Variable and prompt of each."""


def certificate_pin(name: PinName, file: Path | None = None) -> CertificatePin:
    """Present PIN of the certificate application: ``file``, ``SSCARD_PIN`` or ``SSCARD_ADMIN_PIN``
    (each also with ``_FILE``), or the prompt."""
    variable, words = _CERTIFICATE_PINS[name]
    return _certificate_pin(file, variable, "--pin-file", tr(words.zh, words.en), confirm=False)


def new_certificate_pin(file: Path | None = None) -> CertificatePin:
    """A PIN to be set there: ``file``, ``SSCARD_NEW_PIN`` (or ``_FILE``), or typed twice."""
    words = tr("新 PIN", "New PIN")
    return _certificate_pin(file, "SSCARD_NEW_PIN", "--new-pin-file", words, confirm=True)


def given_admin_pin() -> CertificatePin | None:
    """The administrator PIN where the environment has it; nobody is asked."""
    given = _given("SSCARD_ADMIN_PIN")
    return None if given is None else _as_certificate_pin(given, "SSCARD_ADMIN_PIN")


def control_key(*, ask: bool) -> ControlKey | None:
    """Present control key of the certificate application, 32 hex digits.

    ``SSCARD_CONTROL_KEY``, ``SSCARD_CONTROL_KEY_FILE``, or with ``ask`` the prompt.
    """
    variable, where = "SSCARD_CONTROL_KEY", "SSCARD_CONTROL_KEY"
    given = _given(variable)
    if given is None:
        if not ask:
            return None
        words = tr("现主控密钥（32 位十六进制）", "Present control key (32 hex digits)")
        given, where = _ask(words, False, f"{variable}, {variable}_FILE"), ""
    try:
        key = Secret(bytes.fromhex(given.strip()))
    except ValueError:
        raise InputError(
            Text("主控密钥应为 32 位十六进制数字", "a control key has 32 hex digits"), where=where
        ) from None
    try:
        return ControlKey(key)
    except InputError as error:
        error.where = where
        raise


def _certificate_pin(
    file: Path | None, variable: str, option: str, prompt: str, *, confirm: bool
) -> CertificatePin:
    if file is not None:
        return _as_certificate_pin(_first_line(file), str(file))
    given = _given(variable)
    if given is not None:
        return _as_certificate_pin(given, variable)
    return _as_certificate_pin(_ask(prompt, confirm, f"{variable}, {option}"), "")


def _as_certificate_pin(digits: str, where: str) -> CertificatePin:
    try:
        return CertificatePin.of(digits.strip())
    except InputError as error:
        error.where = where
        raise


def first_operator() -> tuple[str, Secret] | None:
    """Name and password of the person that ``SSCARD_OPERATOR`` names, if it does.

    The password: ``SSCARD_OPERATOR_PASSWORD``, ``SSCARD_OPERATOR_PASSWORD_FILE``, or the prompt.
    """
    name = os.environ.get("SSCARD_OPERATOR", "").strip()
    if not name:
        return None
    words = tr(f"{name} 的密码", f"Password of {name}")
    return name, _given_password("SSCARD_OPERATOR_PASSWORD") or typed_password(words)


def typed_password(prompt: str) -> Secret:
    """What a person types; raises :class:`InputError` where nobody can type."""
    return _password_bytes(_ask(prompt, False, "SSCARD_OPERATOR_PASSWORD"))


def new_password(name: str) -> Secret:
    """A password to be set: ``SSCARD_NEW_PASSWORD``, ``SSCARD_NEW_PASSWORD_FILE``, or typed twice.

    Whether it is good enough is said by the ledger.
    """
    given = _given_password("SSCARD_NEW_PASSWORD")
    if given is not None:
        return given
    words = tr(f"{name} 的新密码", f"New password of {name}")
    return _password_bytes(_ask(words, True, "SSCARD_NEW_PASSWORD, SSCARD_NEW_PASSWORD_FILE"))


def _given_password(variable: str) -> Secret | None:
    given = _given(variable)
    return None if given is None else _password_bytes(given)


def _given(variable: str) -> str | None:
    """What stands in ``variable``, else in the file that ``variable_FILE`` names."""
    given, named = os.environ.get(variable), os.environ.get(f"{variable}_FILE")
    return _first_line(Path(named)) if given is None and named else given


def _password_bytes(text: str) -> Secret:
    return Secret(text.encode("utf-8", errors="surrogateescape"))


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
