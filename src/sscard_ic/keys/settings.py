"""``[keys]`` of the settings: who answers for keys on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from sscard_ic.base.problems import Unusable
from sscard_ic.base.resources import home_dir
from sscard_ic.base.settings import FilePath, Section
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.keys.remote.settings import RemoteSettings

VAULT_NAME = "vault.json"


class VaultSettings(Section):
    """``[keys.vault]``: the software vault."""

    path: FilePath | None = None
    """Its file; None: ``vault.json`` under ``SSCARD_HOME``."""

    def file(self, home: Path | None = None) -> Path:
        """Where the vault lies; ``home`` stands for ``SSCARD_HOME``."""
        return self.path or (home or home_dir()) / VAULT_NAME


class KeysSettings(Section):
    """``[keys]``: which service is asked, and how each is reached."""

    service: Literal["vault", "pkcs11", "remote"] = "vault"
    """The software vault, an HSM by its PKCS#11 library, or an HSM service (加密机服务)."""
    vault: VaultSettings = VaultSettings()
    pkcs11: Pkcs11Settings | None = None
    remote: RemoteSettings | None = None

    @model_validator(mode="after")
    def _chosen_is_there(self) -> KeysSettings:
        if self.service != "vault" and getattr(self, self.service) is None:
            raise Unusable(
                f'service = "{self.service}" 还需要 [keys.{self.service}] 表',
                f'service = "{self.service}" needs the table [keys.{self.service}]',
            )
        return self
