"""What every command on root keys shares: vault, ledger and desk together, options, transcript."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from sscard_ic.base.files import replace_file
from sscard_ic.cli import secrets
from sscard_ic.cli.authority import Desk
from sscard_ic.cli.common import json_option, keep_done, print_json
from sscard_ic.cli.ledgers import ledger_option, office_ledger
from sscard_ic.keys.ceremony import Ceremony, DoneError, Transcript, claimed
from sscard_ic.keys.store import KeyStore, key_store

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Office:
    """An opened vault or HSM with the people and the log that its keys demand."""

    store: KeyStore
    place: str
    ceremony: Ceremony
    custodians: int
    """How many could sign in."""


@dataclass(frozen=True, slots=True)
class Where:
    """The options that every command has."""

    vault: Path | None
    ledger: Path | None
    transcript: Path | None
    as_json: bool

    @contextmanager
    def office(self) -> Iterator[Office]:
        """Everything opened; a transcript that could not be written is told before people come."""
        with self.telling(), ExitStack() as stack:
            if self.transcript is not None:
                stack.enter_context(claimed(self.transcript))
            service = stack.enter_context(closing(secrets.open_keys(self.vault)))
            store = key_store(service)
            real = service.environment == "production"
            ledger = stack.enter_context(office_ledger(self.ledger, existing=real))
            desk = Desk(ledger, service.environment)
            ceremony = Ceremony(store, service.place, desk, ledger.audit)
            custodians = [
                each
                for each in ledger.operators.all()
                if "custodian" in each.roles and each.state == "active" and not each.locked
            ]
            yield Office(store, service.place, ceremony, len(custodians))

    @contextmanager
    def telling(self) -> Iterator[None]:
        """What was done, though an error came after it, is told before the error is."""
        try:
            yield
        except DoneError as error:
            if self.as_json:
                keep_done(click.get_current_context(), error.transcript.to_json())
                self._keep(error.transcript)
            else:
                self.tell(error.transcript)
            raise

    def tell(self, transcript: Transcript) -> None:
        """Write the file that was asked for, and print what was done in any case."""
        try:
            self._keep(transcript)
        finally:
            if self.as_json:
                print_json(transcript.to_json())
            else:
                click.echo(transcript.to_text(), nl=False)

    def _keep(self, transcript: Transcript) -> None:
        if self.transcript is not None:
            replace_file(self.transcript, transcript.to_text().encode())


def where_options(command: F) -> F:
    """Adds ``--vault``, ``--ledger``, ``--transcript`` and ``--json`` as ``where``."""

    @secrets.vault_option
    @ledger_option
    @click.option(
        "--transcript",
        type=click.Path(path_type=Path, dir_okay=False),
        help="New file for the record to be signed 操作记录 (it is printed, too).",
    )
    @json_option
    @wraps(command)
    def with_where(
        *args: Any,
        vault: Path | None,
        ledger_file: Path | None,
        transcript: Path | None,
        as_json: bool,
        **others: Any,
    ) -> Any:
        where = Where(vault, ledger_file, transcript, as_json)
        return command(*args, where=where, **others)

    return with_where  # type: ignore[return-value]
