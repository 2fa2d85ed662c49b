"""Certificates of 100 cards beside the card work: what the authority and the checks cost.

- *Authority*: the test CA on this machine answers: a key pair, two certificates signed, the pair
  wrapped for the card.
- *Checks*: each answer before the card is given it; the certificates once more as they are read
  back; a signature of the card verified and a message enciphered for it, as its verification does.
- *Making*: cards of version 3.00 from blank to verified by one station on virtual cards, without
  and with certificates; the latter contains the authority, the checks, and what the virtual cards
  themselves compute.

By both libraries of SM2; each beside as many bare operations of the same library. Authority and
checks and their floor take turns, and the best turn of each counts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.certificate_requests import request_for
from tests.support.plant import ChipSlot, authority_of, import_rows, make_vault, open_ledger
from tests.support.profiles import without_certificates
from tools.bench.support.report import Figure, publish
from tools.bench.support.workshop import Workshop

from sscard_ic.base.clock import SystemClock
from sscard_ic.crypto.sm2 import message_digest, provider
from sscard_ic.crypto.sm2.provider import VARIABLE, providers
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.issuance.certificate_checks import CertificatePair, check_pair
from sscard_ic.issuance.certifying import CertificateHolder, check_grant, trusted_by
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.profile import CardProfile, load
from sscard_ic.simulator import blank

_CARDS = 100
_MADE = 20
"""Cards that are made; their time counts for 100."""
_TURNS = {"openssl": 3, "gmalg": 1}
_LIMIT = 5.0
"""Seconds for authority and checks of 100 cards by the native library."""
_MESSAGE = bytes(16)

Job = Callable[[], object]


def main() -> None:
    """Measure every library that is there."""
    figures: list[Figure] = []
    for backend in providers():
        if backend.sm2 is None:
            continue
        os.environ[VARIABLE] = backend.name
        figures += _measure(backend.name)
    os.environ.pop(VARIABLE, None)
    publish("certificates", f"Certificates of {_CARDS} cards", [*figures, _exchanges()])


def _measure(name: str) -> list[Figure]:
    pairs = [provider().generate() for _ in range(_CARDS)]
    requests = [request_for(pair) for pair in pairs]
    authority = TestAuthority()
    grants = [authority.register(request) for request in requests]
    signatures = [
        provider().sign(pair.private, message_digest(pair.public, _MESSAGE)) for pair in pairs
    ]
    asked, asking_floor, checked, checking_floor = _best(
        _TURNS[name],
        lambda: [authority.register(request) for request in requests],
        _answering_floor,
        lambda: _check(authority, requests, grants, signatures),
        lambda: _checking_floor(requests[0].public_key, signatures[0]),
    )
    profile = load("urumqi")
    plain, making = _making(without_certificates(profile), profile)
    native = name == "openssl"
    return [
        Figure(f"authority, {name}", asked, "s", "bare SM2", asking_floor),
        Figure(f"checks, {name}", checked, "s", "bare SM2", checking_floor),
        Figure(
            f"authority and checks, {name}",
            asked + checked,
            "s",
            "making without certificates",
            plain,
            _LIMIT if native else None,
        ),
        Figure(f"making, {name}", making, "s", "making without certificates", plain),
    ]


def _check(
    authority: TestAuthority,
    requests: Sequence[CertificateRequest],
    grants: Sequence[CertificateGrant],
    signatures: Sequence[bytes],
) -> None:
    """What a station computes for each card."""
    model = load("urumqi").structure.certificates
    assert model is not None
    now = SystemClock().now()
    for request, grant, signature in zip(requests, grants, signatures, strict=True):
        trusted = trusted_by(authority)
        holder = CertificateHolder(
            request.name, request.card_number, request.social_security_number, request.region
        )
        check_grant(grant, request.public_key, holder, model, trusted, now)
        pair = CertificatePair.of(grant)
        check_pair(pair, holder, model, trusted, now)
        digest = message_digest(request.public_key, _MESSAGE)
        if not provider().verify(request.public_key, digest, signature):
            raise RuntimeError("a signature does not verify")
        provider().encrypt(pair.encryption.public, _MESSAGE)


def _answering_floor() -> None:
    """A pair, two signatures, an encryption for each card."""
    sm2 = provider()
    signer = sm2.generate()
    for _ in range(_CARDS):
        sm2.generate()
        sm2.sign(signer.private, bytes(32))
        sm2.sign(signer.private, bytes(32))
        sm2.encrypt(signer.public, _MESSAGE)


def _checking_floor(public: bytes, signature: bytes) -> None:
    """Two certificates verified twice, a signature verified, a message enciphered."""
    sm2 = provider()
    digest = message_digest(public, _MESSAGE)
    for _ in range(_CARDS):
        for _ in range(5):
            sm2.verify(public, digest, signature)
        sm2.encrypt(public, _MESSAGE)


def _making(*profiles: CardProfile) -> list[float]:
    """Seconds of a station for 100 cards of each profile, blank to verified; prepared before."""
    with TemporaryDirectory(prefix="sscard-bench-") as name:
        vault = make_vault(Path(name))
        return [_at_a_station(profile, Path(name), vault) for profile in profiles]


def _at_a_station(profile: CardProfile, parent: Path, vault: SoftwareVault) -> float:
    folder = Path(mkdtemp(dir=parent))
    with open_ledger(folder / "ledger.db", vault) as ledger:
        batch = import_rows(ledger, profile, folder, _MADE)
        prepare_batch(ledger, batch, profile, vault)
        slot = ChipSlot(*(blank(profile, number.to_bytes(6, "big")) for number in range(_MADE)))
        station = Station(slot, ledger, profile, vault, authority=authority_of(profile))
        started = perf_counter()
        if station.run(batch).good != _MADE:
            raise RuntimeError("a card is not good")
        return (perf_counter() - started) * _CARDS / _MADE


def _exchanges() -> Figure:
    """Of one card, all sessions together."""
    profile = load("urumqi")
    counts = []
    with Workshop() as workshop:
        for kind in (profile, without_certificates(profile)):
            [card] = workshop.make(kind, 1)
            counts.append(sum(tally.exchanges for tally in card.power_ups))
    return Figure("a card of 3.00", counts[0], "exchanges", "without certificates", counts[1])


def _best(turns: int, *jobs: Job) -> list[float]:
    """Seconds of each job's best turn."""
    best = [float("inf")] * len(jobs)
    for _ in range(turns):
        for place, job in enumerate(jobs):
            started = perf_counter()
            job()
            best[place] = min(best[place], perf_counter() - started)
    return best


if __name__ == "__main__":
    main()
