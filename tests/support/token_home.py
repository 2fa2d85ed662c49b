"""A home whose keys are in a token of SoftHSM, and the command that lists them as a program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.softhsm import MODULE, USER_PIN, open_softhsm, removed


def token_home(folder: Path) -> tuple[Path, str]:
    """``folder`` with the settings of a new, empty token; the token's label."""
    service = open_softhsm([])
    service.close()
    label = str(service.settings.token_label)
    (folder / "sscard.toml").write_text(
        f'[keys]\nservice = "pkcs11"\n[keys.pkcs11]\nmodule = "{MODULE}"\ntoken_label = "{label}"\n'
    )
    return folder, label


def listed(home: Path, language: str = "en", **env: str) -> tuple[int, str]:
    """Exit code and standard error of ``sscard keys list``."""
    pin = {"SSCARD_HSM_PIN": USER_PIN.reveal().decode()}
    done = subprocess.run(
        [sys.executable, "-c", "from sscard_ic.cli import main; main()", "keys", "list", "--json"],
        env={**os.environ, "SSCARD_HOME": str(home), "SSCARD_LANG": language, **pin, **env},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stderr


def listed_without_token(folder: Path) -> dict[str, tuple[int, str]]:
    """The same while the token is away, in both languages, and when it is back."""
    home, label = token_home(folder)
    with removed(label):
        told = {language: listed(home, language) for language in ("en", "zh")}
    return told | {"back": listed(home)}
