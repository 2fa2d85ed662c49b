"""Raw private operations of RSA a second on one core, as offline authentication signs with them.

OpenSSL's are measured against `openssl speed` of the same run, which knows 1024 bits, but not the
lengths between that payment cards have: those stand beside 1024 bits here. *Key new* is what the
first operation with a key costs. All times are CPU time; the command and the jobs take turns, and
the best turn of each counts.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.support.report import Figure, publish

from sscard_ic.crypto.openssl_library import machine_library
from sscard_ic.crypto.rsa import RsaPrivate
from sscard_ic.crypto.rsa_openssl import RsaByOpenssl
from sscard_ic.crypto.rsa_provider import Rsa, RsaByPython

_LENGTHS = (1024, 1152, 1280, 1408, 1536)
_CARD = 1152
_TURNS = 3
_SECONDS = 0.5
_SPEED_SECONDS = 1
_LIMIT = 0.8

Jobs = dict[str, Callable[[], object]]


def main() -> None:
    """Measure both libraries and the command."""
    keys = {bits: RsaPrivate.generate(bits) for bits in _LENGTHS}
    native, pure = RsaByOpenssl(machine_library()), RsaByPython()
    jobs: Jobs = {f"{bits} bits": _kept(native, key) for bits, key in keys.items()}
    jobs[f"{_CARD} bits, key new"] = _new(native, keys[_CARD])
    jobs[f"{_CARD} bits, Python"] = _kept(pure, keys[_CARD])
    jobs[f"{_CARD} bits, public"] = _public(keys[_CARD])
    rates, speed = dict.fromkeys(jobs, 0.0), 0.0
    for _ in range(_TURNS):
        speed = max(speed, _speed())
        for name, job in jobs.items():
            rates[name] = max(rates[name], _rate(job))
    publish("rsa", "RSA", _figures(rates, speed))


def _figures(rates: dict[str, float], speed: float) -> list[Figure]:
    floor, card = "1024 bits", f"{_CARD} bits"
    first = Figure(
        floor, rates[floor], "1/s", "openssl speed, 1024 bits", speed, _LIMIT * speed, "at least"
    )
    figures = [first]
    for name, rate in rates.items():
        if name != floor:
            against = floor if name.count(" ") == 1 else card
            figures.append(Figure(name, rate, "1/s", against, rates[against]))
    return figures


def _kept(rsa: Rsa, key: RsaPrivate) -> Callable[[], object]:
    operation, block = rsa.operation(key), _block(key)
    return lambda: operation(block)


def _new(rsa: Rsa, key: RsaPrivate) -> Callable[[], object]:
    block = _block(key)
    return lambda: rsa.operation(key)(block)


def _public(key: RsaPrivate) -> Callable[[], object]:
    public, block = key.public, _block(key)
    return lambda: public.apply(block)


def _block(key: RsaPrivate) -> bytes:
    return b"\x6a" + bytes(range(key.length - 2)) + b"\xbc"


def _speed() -> float:
    """Signatures a second by the command."""
    told = subprocess.run(
        ["openssl", "speed", "-seconds", str(_SPEED_SECONDS), "rsa1024"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    line = next(line for line in told.splitlines() if line.split()[:2] == ["rsa", "1024"])
    return float(line.split()[-2])


def _rate(run: Callable[[], object]) -> float:
    """Operations a second of CPU time."""
    done, started = 0, process_time()
    while (spent := process_time() - started) < _SECONDS:
        run()
        done += 1
    return done / spent


if __name__ == "__main__":
    main()
