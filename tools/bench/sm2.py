"""SM2 operations a second on one core, by both libraries.

OpenSSL's are measured against `openssl speed` of the same run, which signs and verifies with one
key all the time. Ours build the key from its bytes for every operation; *key at hand* leaves that
out, *key built* does nothing else. Making a pair and decrypting cost one multiplication of a point
each, as signing does, encrypting two: the command has no figures of its own for them. gmalg is
measured against OpenSSL. All times are CPU time, as those of the command are; it and the jobs take
turns, and the best turn of each counts.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.support.report import Figure, publish

from sscard_ic.crypto.openssl_library import library_names, open_library
from sscard_ic.crypto.sm2 import Sm2
from sscard_ic.crypto.sm2.by_gmalg import ByGmalg
from sscard_ic.crypto.sm2.by_openssl import ByOpenssl
from sscard_ic.crypto.sm2.openssl_handles import Handles

_TURNS = 3
_LIMIT = 0.8
_DIGEST = bytes(range(32))
_MESSAGE = bytes(range(16))
"""As long as the SM4 key in an envelope."""

_SPEED_SECONDS = 1
_SECONDS = {"openssl": 0.5, "gmalg": 0.25}
_SIGN, _VERIFY = "sign", "verify"
_AT_HAND = ", key at hand"

Jobs = dict[str, Callable[[], object]]


def main() -> None:
    """Measure both libraries and the command."""
    library = open_library(library_names())
    native, handles = ByOpenssl(library), Handles(library)
    speed = {_SIGN: 0.0, _VERIFY: 0.0}
    with _at_hand(native, handles) as kept:
        jobs = {"openssl": _jobs(native) | kept, "gmalg": _jobs(ByGmalg())}
        rates = {name: dict.fromkeys(those, 0.0) for name, those in jobs.items()}
        for _ in range(_TURNS):
            for job, rate in zip(speed, _speed(), strict=True):
                speed[job] = max(speed[job], rate)
            for name, those in jobs.items():
                for job, run in those.items():
                    rates[name][job] = max(rates[name][job], _rate(run, _SECONDS[name]))
    publish("sm2", "SM2", [*_native(rates["openssl"], speed), *_pure(rates)])


def _native(rates: dict[str, float], speed: dict[str, float]) -> list[Figure]:
    figures = []
    for job, rate in rates.items():
        peer = _VERIFY if job.startswith(_VERIFY) else _SIGN
        limit = _LIMIT * speed[peer] if job.endswith(_AT_HAND) else None
        against = f"openssl speed, {peer}"
        figures.append(
            Figure(f"{job}, OpenSSL", rate, "1/s", against, speed[peer], limit, "at least")
        )
    return figures


def _pure(rates: dict[str, dict[str, float]]) -> list[Figure]:
    return [
        Figure(f"{job}, gmalg", rate, "1/s", f"{job}, OpenSSL", rates["openssl"][job])
        for job, rate in rates["gmalg"].items()
    ]


def _jobs(sm2: Sm2) -> Jobs:
    """Each operation, with one pair."""
    pair = sm2.generate()
    private, public = pair.private, pair.public
    signature, cipher = sm2.sign(private, _DIGEST), sm2.encrypt(public, _MESSAGE)
    return {
        "key pair": sm2.generate,
        _SIGN: lambda: sm2.sign(private, _DIGEST),
        _VERIFY: lambda: sm2.verify(public, _DIGEST, signature),
        "encrypt": lambda: sm2.encrypt(public, _MESSAGE),
        "decrypt": lambda: sm2.decrypt(private, cipher),
    }


@contextmanager
def _at_hand(sm2: ByOpenssl, handles: Handles) -> Iterator[Jobs]:
    """Signing and verifying with keys that are built before, and building one."""
    pair = sm2.generate()
    signature = sm2.sign(pair.private, _DIGEST)

    def build() -> None:
        with handles.private_key(pair.private):
            pass

    with handles.private_key(pair.private) as private, handles.public_key(pair.public) as public:
        yield {
            _SIGN + _AT_HAND: lambda: sm2._signed(private, _DIGEST),
            _VERIFY + _AT_HAND: lambda: sm2._verified(public, _DIGEST, signature),
            "key built": build,
        }


def _speed() -> tuple[float, float]:
    """Signatures and verifications a second by the command."""
    told = subprocess.run(
        ["openssl", "speed", "-seconds", str(_SPEED_SECONDS), "sm2"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    line = next(line for line in told.splitlines() if "SM2 (CurveSM2)" in line)
    sign, verify = line.split()[-2:]
    return float(sign), float(verify)


def _rate(run: Callable[[], object], seconds: float) -> float:
    """Operations a second of CPU time, for at least so many seconds."""
    done, started = 0, process_time()
    while (spent := process_time() - started) < seconds:
        run()
        done += 1
    return done / spent


if __name__ == "__main__":
    main()
