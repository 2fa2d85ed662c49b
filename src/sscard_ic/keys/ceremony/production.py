"""The vault of an issuer, empty: its keys come in by custodians, key blocks, or are made inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.secret import Secret
from sscard_ic.keys.ceremony.record import AuditChain, Desk, Recorder
from sscard_ic.keys.ceremony.transcript import Transcript
from sscard_ic.keys.service import KeyService
from sscard_ic.keys.vault import SoftwareVault


def create_production_vault(
    path: Path,
    passphrase: Callable[[], Secret],
    desk: Desk,
    audit: AuditChain,
    *,
    clock: Clock | None = None,
) -> Transcript:
    """Make an empty production vault; a custodian and a supervisor consent, then its passphrase.

    Raises :class:`VaultError` when something is at ``path``.
    """

    def make() -> KeyService:
        return SoftwareVault.create(path, passphrase(), environment="production", keys=())

    return create_production(str(path), make, desk, audit, clock=clock)


def create_production(
    place: str,
    make: Callable[[], KeyService],
    desk: Desk,
    audit: AuditChain,
    *,
    clock: Clock | None = None,
) -> Transcript:
    """The same for whatever ``make`` prepares at ``place``: the token of an HSM."""
    recorder = Recorder("production", place, desk, audit, clock or SystemClock())
    deed = recorder.authorised("vault.create", place, "custodian", "supervisor")
    with recorder.written(deed):
        recorder.given(deed)
        make().close()
    return recorder.transcript(deed)
