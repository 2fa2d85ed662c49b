"""What the commands ask of whoever holds the keys of an issuer: a vault or an HSM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from sscard_ic.base.errors import Text
from sscard_ic.base.sealing import Digester, Sealer
from sscard_ic.keys.errors import EnvironmentMismatchError
from sscard_ic.keys.inventory import Environment, KeyInfo


@runtime_checkable
class SelfChecking(Protocol):
    """A key service that can tell what does not fit together where its keys are."""

    def faults(self) -> Sequence[Text]:
        """What is left aside and never used: entries without a key, keys without an entry."""
        ...


_NAMES = {"test": Text("测试", "test"), "production": Text("生产", "production")}


@runtime_checkable
class KeyService(Digester, Protocol):
    """Holds root keys of one environment, and seals what the ledger keeps.

    Which other capabilities it has is asked where they are needed
    (:mod:`~sscard_ic.keys.capabilities`).
    """

    @property
    def environment(self) -> Environment:
        """Whether its keys are test keys."""
        ...

    @property
    def place(self) -> str:
        """Where the keys are, for errors: a file, a token."""
        ...

    def keys(self) -> Sequence[KeyInfo]:
        """Every root key, destroyed ones too, ordered by name, version and algorithm."""
        ...

    def sealer(self) -> Sealer:
        """Encrypts records at rest under the storage key."""
        ...

    def close(self) -> None:
        """Forget the keys, as far as Python lets one; the service is not used any more."""
        ...


def require_environment(service: KeyService, environment: Environment, where: str = "") -> None:
    """Refuse to serve a profile (``where``) of the other environment."""
    if environment == service.environment:
        return
    mine, asked = _NAMES[service.environment], _NAMES[environment]
    raise EnvironmentMismatchError(
        Text(
            f"{service.place} 中是{mine.zh}密钥，不能用于{asked.zh}发卡配置",
            f"{service.place} holds {mine.en} keys; the profile is of {asked.en}",
        ),
        where=where,
        hint=Text(
            f"请使用{asked.zh}密钥，或改用{mine.zh}配置",
            f"use {asked.en} keys, or a {mine.en} profile",
        ),
    )
