"""A card maker and a counter whose every secret is random, and which are watched all the time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tests.support.plant import CLOCK, DATA, SAMPLES
from tests.support.secret_search import SecretSearch
from tests.support.watched import Done, Watched

from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.base import Secret
from sscard_ic.keys import KeyService, SoftwareVault, merge_keys
from sscard_ic.keys.capabilities import BlankOpener, BulkDeriver
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.inventory import BANK_USES, TRANSPORT
from sscard_ic.keys.published_roots import published_roots
from sscard_ic.profile import load
from sscard_ic.reader.virtual import open_virtual
from sscard_ic.simulator import blank

REGIONS = {"dalian": "210200", "urumqi": "650100"}
"""Regions of 3DES and of SM4 cards, and their division codes."""

_PIN_DIGITS = 12
_REGION = """
kind = "region"
extends = "regions/{region}"
[pin]
initial = "{pin}"
digits = 12
"""


def random_pin() -> str:
    """Twelve digits: what is found of them is there, not chance."""
    return "".join(secrets.choice("0123456789") for _ in range(_PIN_DIGITS))


def random_roots(*regions: str) -> Iterator[RootKey]:
    """A random key in the place of every published one."""
    keys = merge_keys(load(region).keys for region in regions)
    for root in published_roots(keys, CLOCK.now()):
        yield replace(root, value=Secret(secrets.token_bytes(len(root.value))))


class SecretOffice:
    """``watched`` sees everything under ``folder/run``; what is secret lies beside it."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.own = folder / "own"
        self.own.mkdir()
        self.watched = Watched(folder / "run")
        self.home = self.watched.folder / "home"
        self.home.mkdir()
        self.watched.env |= {
            "SSCARD_HOME": str(self.home),
            "SSCARD_LANG": "en",
            "SSCARD_TERMINAL": "210200000001",
            "COLUMNS": "200",
            **env,
        }
        self.texts: dict[str, str] = {}
        self.pins: dict[str, str] = {}
        self.keys: dict[str, bytes] = {}

    # Secrets

    def text(self, name: str) -> str:
        """A random password or passphrase of this name."""
        return self.texts.setdefault(name, secrets.token_urlsafe(18))

    def pin(self, name: str) -> str:
        """A random PIN of this name."""
        return self.pins.setdefault(name, random_pin())

    def file(self, name: str) -> str:
        """The file that holds the text or PIN of this name."""
        path = self.own / name.replace(" ", "-")
        value = self.pins[name] if name in self.pins else self.text(name)
        path.write_text(f"{value}\n", encoding="utf-8")
        return str(path)

    def profile(self, region: str) -> str:
        """The region's profile with an initial PIN of its own."""
        path = self.own / f"{region}.toml"
        pin = self.pin(f"initial PIN of {region}")
        path.write_text(_REGION.format(region=region, pin=pin), encoding="utf-8")
        return str(path)

    def know(self, keys: Mapping[str, bytes]) -> None:
        """These, too, are to be found nowhere."""
        self.keys |= keys

    def know_cards(self, service: KeyService) -> None:
        """Every key that any card of the decks has, and what opened its blank."""
        assert isinstance(service, BulkDeriver)
        assert isinstance(service, BlankOpener)
        for region, image in self.images():
            with closing(open_virtual(image)) as card:
                factor = historical_bytes(card.atr)[-8:]
            self.keys[f"code of blank {image.stem}"] = service.transport_code(
                bytes.fromhex(image.stem)
            ).reveal()
            listed = service.keys()
            for info in listed:
                if info.use not in BANK_USES and info.factors and info.state == "active":
                    found = service.derive_many(
                        info.name,
                        info.version,
                        "sm4" if info.algorithm == "sm4" else "3des",
                        REGIONS[region],
                        factor,
                    )
                    name = f"{info.name} {info.version} {info.algorithm} of {image.stem}"
                    self.keys[name] = bytes(found)

    def search(self) -> SecretSearch:
        """A search for all of them."""
        return SecretSearch(keys=self.keys, texts=self.texts, pins=self.pins)

    # Work

    def sscard(
        self,
        name: str,
        *arguments: str,
        code: int = 0,
        program: str = "from sscard_ic.cli import main; main()",
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        cold: bool = False,
    ) -> Done:
        """A command that ends with ``code``."""
        done = self.watched.run(name, *arguments, program=program, stdin=stdin, env=env, cold=cold)
        assert done.code == code, f"{name}: {done.code}\n{done.stderr}\n{done.stdout}"
        return done

    def fails(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
        """A command that is refused."""
        return self.sscard(name, *arguments, code=1, env=env)

    def order(self, region: str, rows: int) -> Path:
        """A file of holders, and as many blanks."""
        sample = SAMPLES[region]
        path = self.own / sample.name
        path.write_bytes(b"".join(sample.read_bytes().splitlines(keepends=True)[: rows + 1]))
        deck, key = self.deck(region), self.keys[f"root {TRANSPORT} 1 3des"]
        deck.mkdir()
        for _ in range(rows):
            serial = secrets.token_bytes(6)
            image = deck / f"{serial.hex().upper()}.img"
            blank(load(region), serial, path=image, transport_key=key).close()
        return path

    @property
    def photos(self) -> str:
        """Of the holders."""
        return f"--photos={DATA / 'photos'}"

    def deck(self, region: str) -> Path:
        """Where the cards of a region lie."""
        return self.watched.folder / f"deck-{region}"

    def images(self) -> list[tuple[str, Path]]:
        """All finished cards with their regions."""
        return [
            (region, image)
            for region in REGIONS
            for image in sorted(self.deck(region).glob("good/*.img"))
        ]


def together(*work: Callable[[], None]) -> None:
    """Pieces of work that do not wait for each other."""
    with ThreadPoolExecutor(len(work)) as pool:
        for done in [pool.submit(each) for each in work]:
            done.result()


def know_roots(office: SecretOffice, roots: Iterable[RootKey]) -> None:
    """None of these is to be found anywhere."""
    office.know(
        {f"root {key.name} {key.version} {key.algorithm}": key.value.reveal() for key in roots}
    )


def vault_of(office: SecretOffice, roots: list[RootKey]) -> Callable[[], SoftwareVault]:
    """A vault of these roots under a random passphrase, made here; how to open it."""
    path = office.home / "vault.json"
    secret = Secret(office.text("passphrase").encode())
    SoftwareVault.create(path, secret, environment="test", keys=roots).close()
    know_roots(office, roots)
    return lambda: SoftwareVault.open(path, Secret(office.text("passphrase").encode()))
