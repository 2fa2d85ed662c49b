"""Data preparation for the bank's application: cards a second on one core.

Each card takes a sealed key pair from a pool on disk, gets its data groups, two certificates and
two static signatures (contact and contactless payments share theirs, electronic cash has its own),
and its plan is sealed as a ledger keeps it. The floor is four bare signatures by the issuer's key.
Making the pool is measured apart, beside making the keys alone; the cards then get
these few keys again and again, each sealed anew. All times are CPU time; card and
floor take turns, and the best turn of each counts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date
from itertools import cycle, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.bench.support.report import Figure, publish

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.rsa import RsaPrivate, private_to_der
from sscard_ic.crypto.sm2 import provider
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.issuance.bank import (
    BankHolder,
    BankPreparer,
    KeyPool,
    PublishedIssuer,
    RsaCertifier,
    Sm2Certifier,
)
from sscard_ic.keys import published_keys
from sscard_ic.profile import load_financial
from sscard_ic.profile.financial import FinancialApplication

_TURNS, _CARDS, _KEYS = 3, 100, 20
_LEAST = 200.0
"""Cards a second that the issuance of a city needs."""
_SIGNATURES = 4
_BITS = 1152
_DIGEST = bytes(range(32))
_HOLDER = BankHolder(
    pan="8888800000123456",
    name="样例",
    id_number="650001199707010010",
    effective=date(2026, 1, 1),
    expiry=date(2036, 1, 31),
)
_NAMES: dict[tuple[Algorithm, ...], str] = {
    ("3des",): f"RSA-{_BITS}",
    ("sm4",): "SM2",
    ("3des", "sm4"): f"RSA-{_BITS} and SM2",
}


def main() -> None:
    """Measure each set of algorithms, and the making of keys."""
    with TemporaryDirectory() as folder:
        pool = KeyPool(Path(folder), published_keys({}).sealer())
        made = _pool_made(pool)
        ready = cycle([private_to_der(pool.take_rsa(_BITS)) for _ in range(_KEYS)])
        figures = [made, *(_cards(pool, ready, algorithms) for algorithms in _NAMES)]
    publish("bank_data", "Data preparation for the bank's application", figures)


def _cards(pool: KeyPool, ready: Iterator[Secret], algorithms: tuple[Algorithm, ...]) -> Figure:
    """Cards with keys from the pool, beside the bare signatures."""
    preparer = BankPreparer(_model(algorithms), PublishedIssuer())
    sealer = published_keys({}).sealer()
    best = floor = 0.0
    for _ in range(_TURNS):
        if "3des" in algorithms:
            pool._fill(f"rsa-{_BITS}-3", _CARDS, lambda: next(ready), lambda made: None)
        if "sm4" in algorithms:
            pool.fill_sm2(_CARDS)
        best = max(
            best, _rate(lambda: preparer.prepare(_HOLDER, pool).to_json(sealer, "bench"), _CARDS)
        )
        signing = sum(1 / _bare(algorithm) for algorithm in algorithms)
        floor = max(floor, 1 / (_SIGNATURES * signing))
    name = _NAMES[algorithms]
    against = f"{_SIGNATURES * len(algorithms)} bare signatures"
    limit = _LEAST if len(algorithms) == 1 else None
    return Figure(f"cards with {name}", best, "1/s", against, floor, limit, "at least")


def _bare(algorithm: Algorithm) -> float:
    """Signatures a second by the issuer's key."""
    issuer = PublishedIssuer().certifier(algorithm, _HOLDER.pan)
    if isinstance(issuer, RsaCertifier):
        rsa = issuer.private
        block = bytes(rsa.length - 1) + b"\x02"
        return _rate(lambda: rsa.apply(block), _CARDS)
    assert isinstance(issuer, Sm2Certifier)
    private = issuer.pair.private
    return _rate(lambda: provider().sign(private, _DIGEST), _CARDS)


def _pool_made(pool: KeyPool) -> Figure:
    """Keys made, sealed and written, beside keys made; their number varies by chance."""
    value = _rate(lambda: pool.fill_rsa(1, _BITS), _KEYS)
    alone = _rate(lambda: RsaPrivate.generate(_BITS), _KEYS)
    return Figure(f"RSA-{_BITS} keys for the pool", value, "1/s", "keys made alone", alone)


def _model(algorithms: tuple[Algorithm, ...]) -> FinancialApplication:
    model = load_financial()
    signing = model.plan.signing.model_copy(update={"algorithms": algorithms, "rsa_bits": _BITS})
    plan = model.plan.model_copy(update={"signing": signing})
    return model.model_copy(update={"plan": plan})


def _rate(run: Callable[[], object], count: int) -> float:
    """Runs a second of CPU time."""
    started = process_time()
    for _ in repeat(None, count):
        run()
    return count / (process_time() - started)


if __name__ == "__main__":
    main()
