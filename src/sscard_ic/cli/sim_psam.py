"""Virtual PSAMs: blanks, or made from the published test keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from sscard_ic.card.psam import PsamBlank
from sscard_ic.cli.common import tr
from sscard_ic.keys import published_keys
from sscard_ic.profile import PsamProfile, load_psam
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_psam, open_virtual

_DIGITS = 12


def make_psams(
    profile_name: str, out: Path, count: int, state: str, terminal: str | None
) -> Iterator[Path]:
    """New images below ``out``: ``count`` blanks, or PSAMs from the terminal number on.

    ``state`` is that of ``sim new``; with a terminal number a PSAM is always finished.
    """
    profile = load_psam(profile_name)
    if terminal is None:
        if state != "blank":
            raise click.UsageError(
                tr("PSAM 须用 --terminal 给出终端机编号", "a PSAM needs --terminal, its number")
            )
        for number in range(1, count + 1):
            yield new_psam(profile, out, _free(out, f"psam-blank-{number}"))
        return
    for number in range(count):
        yield _made(profile, out, _counted(terminal, number))


def _made(profile: PsamProfile, out: Path, terminal: str) -> Path:
    PsamBlank.check_terminal(profile, terminal)
    image = new_psam(profile, out, f"psam-{terminal}.img")
    keys = published_keys({**profile.card.keys, **profile.control_roots})
    with closing(open_virtual(image)) as chip:
        PsamBlank(open_session(chip), profile, keys).make(terminal)
    return image


def _counted(terminal: str, number: int) -> str:
    """The number that is so much higher; what is no number is refused later."""
    if len(terminal) != _DIGITS or not terminal.isdecimal():
        return terminal
    return str(int(terminal) + number).zfill(_DIGITS)


def _free(folder: Path, name: str) -> str:
    """A name for a new image that no other has."""
    candidate, number = f"{name}.img", 1
    while (folder / candidate).exists():
        number += 1
        candidate = f"{name}-{number}.img"
    return candidate
