"""An HSM service on this machine, its server and a client of it, with certificates of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sscard_ic.base.authority import AuditSink
from sscard_ic.hosts.hsm_service import HsmService, ServiceSettings
from sscard_ic.hosts.server import HsmServer
from sscard_ic.hosts.throwaway import ThrowawayFiles, throwaway_files
from sscard_ic.keys import KeyService
from sscard_ic.keys.remote.client import RemoteHsm
from sscard_ic.keys.remote.settings import RemoteSettings
from sscard_ic.profile import CardProfile, load


def certificates(folder: Path) -> ThrowawayFiles:
    """Throw-away certificates in ``folder``, made once."""
    return throwaway_files(folder / "certificates", datetime.now(UTC))


def client_settings(url: str, files: ThrowawayFiles, **changes: Any) -> RemoteSettings:
    """Settings of a client of the server at ``url``; ``changes`` as in sscard.toml."""
    fields: dict[str, Any] = {
        "url": url,
        "environment": "test",
        "ca_file": files.ca,
        "certificate": files.client_certificate,
        "private_key": files.client_key,
    }
    return RemoteSettings(**(fields | changes))


@contextmanager
def served(
    service: KeyService,
    profile: CardProfile | str,
    folder: Path,
    *,
    audit: AuditSink | None = None,
    settings: ServiceSettings | None = None,
) -> Iterator[HsmServer]:
    """A server on a free port of 127.0.0.1 over ``service``, for cards of a region's profile.

    Its certificates are those of :func:`certificates` in ``folder``.
    """
    card = load(profile) if isinstance(profile, str) else profile
    hsm = HsmService(service, card, audit, settings)
    with HsmServer(hsm, certificates(folder).server) as server:
        server.start()
        yield server


@contextmanager
def remote_hsm(
    service: KeyService, profile: CardProfile | str, folder: Path, **changes: Any
) -> Iterator[RemoteHsm]:
    """A client of such a server: every capability that the messages have, over the wire.

    ``changes`` are settings of the client, as ``form="xml"``.
    """
    card = load(profile) if isinstance(profile, str) else profile
    with served(service, card, folder) as server:
        client = RemoteHsm(client_settings(server.url, certificates(folder), **changes), card.keys)
        try:
            yield client
        finally:
            client.close()
