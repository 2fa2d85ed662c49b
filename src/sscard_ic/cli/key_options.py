"""``--keys``, ``--vault`` and ``--psam``: who answers for the keys of a card.

The key service of the settings, a vault that is named, or a PSAM in a reader.
"""

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
from sscard_ic.cli.secrets import open_keys, vault_option
from sscard_ic.keys import Authenticator, KeyService, authenticator, require_environment
from sscard_ic.keys.psam import Psam
from sscard_ic.profile import CardProfile
from sscard_ic.reader import Connection, open_connection, open_session
from sscard_ic.reader.choice import PSAM, PSAM_ENVIRONMENT
from sscard_ic.reader.errors import ReaderError
from sscard_ic.reader.pcsc import Access, PcscConnection, ProtocolChoice, transaction
from sscard_ic.reader.pcsc.transaction import noted

F = TypeVar("F", bound=Callable[..., Any])

IN_PROCESS = ("virtual:", "replay:")
"""How the words for a card begin that needs no reader."""

psam_option = click.option(
    "--psam",
    metavar="READER",
    help="Authenticate with the PSAM in this reader 用 PSAM 认证, named as for --reader; "
    f"'{PSAM}': the one that {PSAM_ENVIRONMENT} names.",
)


class KeySource:
    """Who answers for keys in one run of a command: the key service, a PSAM, or nobody.

    :meth:`unlock` comes first, before a card is in use, since it may ask a person; :meth:`close`
    in the end.
    """

    def __init__(self, vault: Path | None, psam: str | None, *, with_service: bool) -> None:
        self._path = vault
        self._psam_words = psam
        self._with_service = with_service
        self._service: KeyService | None = None
        self._psam: Connection | None = None

    @property
    def is_psam(self) -> bool:
        """Whether it is a PSAM that answers."""
        return self._psam_words is not None

    def unlock(self) -> None:
        """Open the key service, where it is the one that answers."""
        if self._with_service:
            self._service = open_keys(self._path)

    def close(self) -> None:
        """Forget the keys."""
        if self._service is not None:
            self._service.close()
            self._service = None

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

    @property
    def opened(self) -> KeyService:
        """The key service itself, which :meth:`unlock` has opened."""
        assert self._service is not None, "unlock comes first"
        return self._service

    def service(self, profile: CardProfile) -> Authenticator | None:
        """What answers for cards of a profile within the session; None where nobody does.

        Raises :class:`EnvironmentMismatchError` when test keys meet cards of production, and the
        reverse.
        """
        if self._psam is not None:
            return Psam(self._psam, profile.keys)
        if self._service is None:
            return None
        if profile.region is not None:
            require_environment(self._service, profile.region.issuer.environment, profile.name)
        return authenticator(self._service)

    def required(self, profile: CardProfile) -> Authenticator:
        """The same, for a command that always has somebody who answers."""
        service = self.service(profile)
        assert service is not None, "needed_keys_options sees to it"
        return service


def keys_options(command: F) -> F:
    """Adds ``--keys``, ``--psam`` and ``--vault``; the command gets ``keys``, a key source."""
    asked = click.option(
        "--keys",
        "with_keys",
        is_flag=True,
        help="Authenticate with the key service 用密钥服务认证: the vault, or as sscard.toml says.",
    )
    return asked(needed_keys_options(command))


def needed_keys_options(command: F) -> F:
    """The same for a command that needs keys: the key service answers unless a PSAM does."""

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
        with_service = psam is None if with_keys is None else with_keys
        with closing(KeySource(vault, psam, with_service=with_service)) as source:
            return command(*args, keys=source, **others)

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
