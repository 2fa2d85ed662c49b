"""``--keys``, ``--vault`` and ``--psam``: who answers for keys, the vault or a PSAM in a reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from sscard_ic.base.errors import Text
from sscard_ic.cli.common import tr
from sscard_ic.cli.readers import session
from sscard_ic.cli.secrets import open_vault, vault_option
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.psam import Psam
from sscard_ic.profile import CardProfile
from sscard_ic.reader import Connection, open_connection, open_session
from sscard_ic.reader.choice import PSAM, PSAM_ENVIRONMENT
from sscard_ic.reader.errors import ReaderError
from sscard_ic.reader.pcsc import Access, PcscConnection, ProtocolChoice, transaction
from sscard_ic.reader.pcsc.transaction import noted

F = TypeVar("F", bound=Callable[..., Any])
KeyService = SoftwareVault | Psam

IN_PROCESS = ("virtual:", "replay:")
"""How the words for a card begin that needs no reader."""

psam_option = click.option(
    "--psam",
    metavar="READER",
    help="Authenticate with the PSAM in this reader 用 PSAM 认证, named as for --reader; "
    f"'{PSAM}': the one that {PSAM_ENVIRONMENT} names.",
)


class KeySource:
    """Who answers for keys in one run of a command: the vault, a PSAM, or nobody.

    :meth:`unlock` comes first, before a card is in use, since it may ask a person.
    """

    def __init__(self, vault: Path | None, psam: str | None, *, with_vault: bool) -> None:
        self._path = vault
        self._psam_words = psam
        self._with_vault = with_vault
        self._vault: SoftwareVault | None = None
        self._psam: Connection | None = None

    @property
    def is_psam(self) -> bool:
        """Whether it is a PSAM that answers."""
        return self._psam_words is not None

    def unlock(self) -> None:
        """Open the vault, where it is the vault that answers."""
        if self._with_vault:
            self._vault = open_vault(self._path)

    @contextmanager
    def session(
        self,
        reader: str | None,
        *,
        access: Access = "shared",
        protocol: ProtocolChoice = "any",
    ) -> Iterator[Connection]:
        """The card of ``--reader``, and beside it the PSAM, where it is the PSAM that answers."""
        if self._psam_words is None:
            with session(reader, access=access, protocol=protocol) as connection:
                yield connection
            return
        with psam_session(self._psam_words) as (psam, name):
            self._psam = psam
            try:
                with session(reader, access=access, protocol=protocol, psam=name) as connection:
                    yield connection
            finally:
                self._psam = None

    def service(self, profile: CardProfile) -> KeyService | None:
        """What answers for cards of a profile within the session; None where nobody does."""
        return self._vault if self._psam is None else Psam(self._psam, profile.keys)


def keys_options(command: F) -> F:
    """Adds ``--keys``, ``--psam`` and ``--vault``; the command gets ``keys``, a key source."""
    asked = click.option(
        "--keys", "with_keys", is_flag=True, help="Authenticate with the vault 用密钥库认证."
    )
    return asked(needed_keys_options(command))


def needed_keys_options(command: F) -> F:
    """The same for a command that needs keys: the vault answers unless a PSAM does."""

    @psam_option
    @vault_option
    @wraps(command)
    def with_source(
        *args: Any,
        psam: str | None,
        vault: Path | None,
        with_keys: bool | None = None,
        **others: Any,
    ) -> Any:
        if psam is not None and (with_keys or vault is not None):
            raise click.UsageError(
                tr("--psam 与 --keys、--vault 只用其一", "--psam excludes --keys and --vault")
            )
        with_vault = psam is None if with_keys is None else with_keys
        return command(*args, keys=KeySource(vault, psam, with_vault=with_vault), **others)

    return with_source  # type: ignore[return-value]


@contextmanager
def psam_session(words: str) -> Iterator[tuple[Connection, str | None]]:
    """The PSAM that ``words`` mean, which no other program reaches, and its reader's full name.

    What goes on with it is not written to a trace of the card.
    """
    try:
        driver = open_connection(_place(words))
    except ReaderError as error:
        error.where = f"PSAM: {error.where}" if error.where else "PSAM"
        if error.hint is None:
            error.hint = Text("检查 --psam", "check --psam")
        raise
    name = driver.name if isinstance(driver, PcscConnection) else None
    with closing(open_session(driver)) as connection, transaction(driver), noted():
        yield connection, name


def _place(words: str) -> str:
    """``psam`` may also stand for an image or a recording that ``SSCARD_PSAM`` names."""
    configured = os.environ.get(PSAM_ENVIRONMENT, "").strip()
    if words.strip().casefold() == PSAM and configured.startswith(IN_PROCESS):
        return configured
    return words
