"""What the chip's mask says of the certificate application: in the header of an image."""

from __future__ import annotations

from typing import Any

from sscard_ic.profile.certificate import CertificateApplication
from sscard_ic.profile.structure import Structure
from sscard_ic.simulator.memory import Memory, damaged

HEADER = "certificate"
"""Name of the description in the header of an image."""


def describe(structure: Structure) -> dict[str, Any] | None:
    """The description of the application; None on a chip without one."""
    model = structure.certificates
    return None if model is None else model.model_dump(mode="json")


def model_of(memory: Memory) -> CertificateApplication | None:
    """The application that the header describes; None on a chip without one, as old images are.

    Raises :class:`InputError` when the description cannot be right.
    """
    description = memory.header.get(HEADER)
    if description is None:
        return None
    try:
        return CertificateApplication.model_validate(description)
    except ValueError as error:
        raise damaged(HEADER) from error
