"""A command in a process of its own, with its time and the memory of all its processes.

Needs /proc: Linux.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

_PROC = Path("/proc")
_POLL_SECONDS = 0.05
_SESSION = 3
"""Place of the session in /proc/PID/stat, counted after the name."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command printed and took."""

    output: str
    seconds: float
    cpu_seconds: float
    """User and system time of all its processes."""
    peak_bytes: int
    """Resident memory of all processes together at its highest; pages they share count twice."""


def run(command: Sequence[str]) -> Finished:
    """Run ``command`` to its end; raises :class:`subprocess.CalledProcessError` on failure."""
    started, cpu_before = perf_counter(), _cpu_seconds()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    peak = 0
    while True:
        try:
            output, _ = process.communicate(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            peak = max(peak, _resident(process.pid))
        else:
            break
    seconds = perf_counter() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Finished(output, seconds, _cpu_seconds() - cpu_before, peak)


def _resident(session: int) -> int:
    """Bytes held by the processes of one session."""
    return sum(_bytes_of(entry, session) for entry in _PROC.iterdir() if entry.name.isdecimal())


def _bytes_of(entry: Path, session: int) -> int:
    try:
        status = (entry / "stat").read_text().rpartition(")")[2].split()
        if int(status[_SESSION]) != session:
            return 0
        return int((entry / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it ended meanwhile


def _cpu_seconds() -> float:
    """User and system time of all children that have ended."""
    times = os.times()
    return times.children_user + times.children_system
