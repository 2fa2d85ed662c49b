"""What the certificate application holds, told without keys, PINs and a person's data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sscard_ic.simulator.certificate.state import CertificateState


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A key or certificate file."""

    fid: str
    content: str
    """``signature_public``, ``encryption_certificate`` and so on."""
    size: int
    """Bytes."""
    written: bool
    """Whether anything was written to it."""


@dataclass(frozen=True, slots=True)
class ProofTries:
    """Tries left of a PIN or control key."""

    name: str
    """``user_pin``, ``admin_pin``, ``environment_key``, ``application_key``."""
    left: int
    most: int


@dataclass(frozen=True, slots=True)
class CertificateDescription:
    """The application as a whole."""

    environment: str
    """Name of the DDF in hex digits."""
    application: str
    """Name of the ADF in hex digits."""
    files: tuple[CertificateFile, ...]
    tries: tuple[ProofTries, ...]


def describe_state(state: CertificateState) -> CertificateDescription:
    """The application of an image."""
    return CertificateDescription(
        environment=state.model.environment.hex().upper(),
        application=state.model.name.hex().upper(),
        files=tuple(_files(state)),
        tries=tuple(_tries(state)),
    )


def _files(state: CertificateState) -> Iterator[CertificateFile]:
    contents = {fid: name for name, fid in state.model.files}
    for fid, size in state.files.sizes():
        yield CertificateFile(f"{fid:04X}", contents[fid], size, state.files.is_set(fid))


def _tries(state: CertificateState) -> Iterator[ProofTries]:
    for name, pin in state.pins.items():
        yield ProofTries(f"{name}_pin", pin.tries, pin.most)
    for place, key in state.control_keys.items():
        yield ProofTries(f"{place}_key", key.tries, key.most)
