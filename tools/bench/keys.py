"""Keys: many at once, one at a time, and how long a vault takes to open.

- *Vault open*: the vault of all shipped profiles, beside its scrypt alone, which is what a guess of
  the passphrase costs.
- *One key for many cards*: bulk derivation into one buffer; by the software vault beside the block
  cipher over as many blocks and nothing else, by SoftHSM beside its own C_Encrypt over them.
- *Cryptograms*: external authentication for one card after the other; by the software vault beside
  the bare arithmetic, and beside the vault: SoftHSM with card keys that come to the program (host)
  or stay inside (token), and an HSM service on this machine, over TLS.

What is compared takes turns, and the best turn of each counts. SoftHSM gets a throw-away token.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pkcs11 import Attribute
from tests.support.remote_hsm import remote_hsm
from tests.support.softhsm import (
    USER_PIN,
    new_token,
    open_softhsm,
    published_roots,
    softhsm_settings,
)
from tools.bench.support.report import Figure, publish

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.bulk import diversification_blocks
from sscard_ic.crypto.factors import FACTOR_LENGTH
from sscard_ic.crypto.suites import SUITES, Algorithm
from sscard_ic.keys import (
    Authenticator,
    BulkDeriver,
    CardKey,
    SoftwareVault,
    authenticator,
    create_test_vault,
)
from sscard_ic.keys.ceremony import declared_keys
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.pkcs11 import objects
from sscard_ic.keys.pkcs11.login import open_token
from sscard_ic.keys.pkcs11.mechanisms import Ciphers
from sscard_ic.keys.vault_format import VaultKeys

_TURNS = 5
_CARDS = 1_000_000
_TOKEN_CARDS = 200_000
_VAULT = "software vault"
_BARE = "bare arithmetic"
_CRYPTOGRAMS = {_VAULT: 2000, "SoftHSM, host": 1000, "SoftHSM, token": 300, "HSM service": 100}
_KEY = "UKSSSE"
"""Root of a province: two steps to the key of a card."""
_REGION = "210200"
_PROFILE = "dalian"
_SEED = 20261122
_PASSPHRASE = Secret(b"benchmark")
_CHALLENGE, _TEXT = bytes(range(8)), bytes(8)
_OPEN_SECONDS = 0.5
_VAULT_LIMIT = 1.5
_TOKEN_FLOOR = 0.6


def main() -> None:
    """Measure all of it."""
    with TemporaryDirectory(prefix="sscard-bench-") as name:
        folder = Path(name)
        path = folder / "vault.json"
        create_test_vault(path, _PASSPHRASE, declared_keys()).close()
        figures = [_opening(path)]
        with closing(SoftwareVault.open(path, _PASSPHRASE)) as vault:
            figures += [_by_vault(vault, "3des"), _by_vault(vault, "sm4")]
            infos = vault.keys()
            roots = published_roots(info for info in infos if info.name == _KEY)
            figures += [_by_softhsm(roots), *_one_by_one(vault, roots, folder)]
    publish("keys", "Keys", figures)


def _opening(path: Path) -> Figure:
    salt = bytes(16)
    seconds, scrypt = _best(
        lambda: SoftwareVault.open(path, _PASSPHRASE).close(),
        lambda: VaultKeys(_PASSPHRASE, salt).clear(),
    )
    with closing(SoftwareVault.open(path, _PASSPHRASE)) as vault:
        name = f"vault of {len(vault.keys())} keys, open"
    return Figure(name, seconds, "s", "its scrypt", scrypt, _OPEN_SECONDS)


def _by_vault(vault: BulkDeriver, algorithm: Algorithm) -> Figure:
    """One key for a million cards, beside the cipher over as many blocks."""
    factors = _factors(_CARDS)
    blocks = diversification_blocks(factors)
    answer = memoryview(bytearray(len(blocks) + SUITES[algorithm].block - 1))
    engine = SUITES[algorithm].engine(bytes(range(16)))
    seconds, raw = _best(
        lambda: vault.derive_many(_KEY, 1, algorithm, _REGION, factors),
        lambda: engine.encrypt_into(blocks, answer),
    )
    name = f"one key for {_CARDS:,} cards, {algorithm.upper()}, vault"
    return Figure(name, seconds, "s", "raw ECB", raw, _VAULT_LIMIT * raw)


def _by_softhsm(roots: list[RootKey]) -> Figure:
    """Keys a second, beside what the token encrypts in the best way there is."""
    factors = _factors(_TOKEN_CARDS)
    with closing(open_softhsm(roots)) as service, _raw_token() as encrypt:
        blocks = diversification_blocks(factors)
        at_once = service.settings.bytes_per_call
        parts = [blocks[at : at + at_once] for at in range(0, len(blocks), at_once)]

        def in_parts() -> None:
            for part in parts:
                encrypt(part)

        seconds, *raw = _best(
            lambda: service.derive_many(_KEY, 1, "3des", _REGION, factors),
            in_parts,
            lambda: encrypt(blocks),
        )
    rate, floor = _TOKEN_CARDS / seconds, _TOKEN_CARDS / min(raw)
    name = f"one key for {_TOKEN_CARDS:,} cards, 3DES, SoftHSM"
    limit = _TOKEN_FLOOR * floor
    return Figure(name, rate, "keys/s", "raw C_Encrypt", floor, limit, "at least")


@contextmanager
def _raw_token() -> Iterator[Callable[[bytes], None]]:
    """C_Encrypt in 3DES-ECB with a key of the session, and nothing around it."""
    settings = softhsm_settings(new_token())
    cipher = Ciphers(settings).of("3des")
    with closing(open_token(settings, USER_PIN)) as token:
        template = objects.secret_key(cipher, frozenset({Attribute.ENCRYPT}))
        key = token.functions.generate(token.handle, cipher.generate, objects.packed(template))
        buffer = memoryview(bytearray(_TOKEN_CARDS * 2 * FACTOR_LENGTH))

        def encrypt(blocks: bytes) -> None:
            answer = buffer[: len(blocks)]
            token.functions.encrypt_into(token.handle, cipher.ecb, key, blocks, answer)

        yield encrypt


def _one_by_one(vault: SoftwareVault, roots: list[RootKey], folder: Path) -> list[Figure]:
    """Cryptograms a second, each for another card."""
    with ExitStack() as stack:
        host = stack.enter_context(closing(open_softhsm(roots)))
        inside = stack.enter_context(closing(open_softhsm(roots, derived_keys="token")))
        remote = stack.enter_context(remote_hsm(vault, _PROFILE, folder))
        services = [authenticator(service) for service in (vault, host, inside, remote)]
        counts = list(_CRYPTOGRAMS.values())
        asked = [_asking(*pair) for pair in zip(services, counts, strict=True)]
        bare, *times = _best(_computing(counts[0]), *asked)
    rates = [count / seconds for count, seconds in zip(counts, times, strict=True)]
    figures = [Figure(f"cryptograms, {_VAULT}", rates[0], "1/s", _BARE, counts[0] / bare)]
    for name, rate in list(zip(_CRYPTOGRAMS, rates, strict=True))[1:]:
        figures.append(Figure(f"cryptograms, {name}", rate, "1/s", _VAULT, rates[0]))
    return figures


def _computing(count: int) -> Callable[[], None]:
    """The same as :func:`_asking`, with keys at hand and nothing around it."""
    suite, root = SUITES["3des"], bytes(range(16))
    factors = [card.factor for card in _cards(count)]

    def compute() -> None:
        for factor in factors:
            key = suite.diversify(root, factor)
            suite.authentication_cryptogram(key, _CHALLENGE, _TEXT)

    return compute


def _asking(service: Authenticator, count: int) -> Callable[[], None]:
    cards = _cards(count)

    def ask() -> None:
        for card in cards:
            service.cryptogram(card, _CHALLENGE, _TEXT)

    return ask


def _cards(count: int) -> list[CardKey]:
    factors = _factors(count)
    starts = range(0, len(factors), FACTOR_LENGTH)
    return [CardKey(_KEY, 1, _REGION, factors[start : start + FACTOR_LENGTH]) for start in starts]


def _factors(count: int) -> bytes:
    return random.Random(_SEED).randbytes(count * FACTOR_LENGTH)


def _best(*jobs: Callable[[], object]) -> tuple[float, ...]:
    """Seconds of each job's best turn."""
    best = [float("inf")] * len(jobs)
    for _ in range(_TURNS):
        for place, job in enumerate(jobs):
            started = perf_counter()
            job()
            best[place] = min(best[place], perf_counter() - started)
    return tuple(best)


if __name__ == "__main__":
    main()
