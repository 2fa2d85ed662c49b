"""What is wrong with a profile file, and on which line."""

from __future__ import annotations

from pathlib import Path

from sscard_ic.base import positions
from sscard_ic.base.positions import Node
from sscard_ic.base.problems import DocumentError


class ProfileError(DocumentError):
    """A profile file cannot be used; ``problems`` are all that were found, by file and line."""


def read_toml(file: Path, *, head: bool = False) -> Node:
    """The document as of :func:`~sscard_ic.base.positions.read_toml`, of a profile file.

    Raises :class:`ProfileError` with the line.
    """
    try:
        return positions.read_toml(file, head=head)
    except DocumentError as error:
        raise ProfileError(error.problems) from None
