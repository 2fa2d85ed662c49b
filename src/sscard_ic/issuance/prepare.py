"""Preparing: from an accepted row to everything its card will hold."""

from __future__ import annotations

import base64
import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from sscard_ic.apdu.ssc import pin_block
from sscard_ic.base.authority import NOBODY
from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card import CardIdentity
from sscard_ic.card.bank_plan import BankPlan
from sscard_ic.codec.dates import add_years, age_on, day_before, format_date, parse_date
from sscard_ic.codec.text import split_name
from sscard_ic.issuance.bank.desk import BankSource, desk_of
from sscard_ic.issuance.checks import region_of
from sscard_ic.issuance.deeds import Actors, recorded
from sscard_ic.issuance.holder import Holder
from sscard_ic.issuance.photo import PhotoError, PhotoLimits, card_photo, load_photo
from sscard_ic.issuance.rules import NATIONAL
from sscard_ic.keys.capabilities import CardExpecter, CardKey, Macer
from sscard_ic.ledger import Card, CardState, Ledger, Plan
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.region import Region
from sscard_ic.profile.values import encode

APPLICATION_IDENTIFIER = "D156000005"
"""社会保障卡应用标识符: digits 7-16 of the card identification code (ref 01 §9.1)."""

CHUNK = 200
"""Cards prepared in one transaction; as many are done again when a run is cut off."""

_INLINE = 40
"""So many photos are done before a process pool has started."""
_KEPT_PHOTOS = 2000
_SMALL = 255
"""Values up to this length are kept in a result; only the photo and fingerprints are longer."""


@dataclass(frozen=True, slots=True)
class PreparedCard:
    """All that a station needs to make one card, without any key."""

    division_code: str
    historical: bytes
    """13 historical bytes of the allotted ATR."""
    items: Mapping[str, bytes] = field(repr=False)
    """Item path → encoded value, for every item that is not left unset."""
    pin: Secret
    """Initial PIN as BCD block."""
    bank: BankPlan | None = None
    """The bank's applications, where they are made here."""

    def to_json(self) -> bytes:
        """The plan as the ledger seals it; holds the PIN in the clear."""
        plan = {
            "division_code": self.division_code,
            "historical": self.historical.hex(),
            "items": {path: _base64(value) for path, value in self.items.items()},
            "pin": self.pin.reveal().hex(),
        }
        if self.bank is not None:
            plan["bank"] = _base64(self.bank.to_json())
        return _dump(plan)

    @classmethod
    def from_json(cls, data: bytes) -> PreparedCard:
        """The plan of :meth:`to_json`."""
        value = json.loads(data)
        return cls(
            division_code=value["division_code"],
            historical=bytes.fromhex(value["historical"]),
            items={path: base64.b64decode(text) for path, text in value["items"].items()},
            pin=Secret(bytes.fromhex(value["pin"])),
            bank=BankPlan.from_json(base64.b64decode(value["bank"])) if "bank" in value else None,
        )


@dataclass(frozen=True, slots=True)
class CardResult:
    """What was read back from a finished card."""

    atr: bytes
    values: Mapping[str, bytes] = field(repr=False)
    """Item path → value; without photo and fingerprints."""
    bank_card_number: str = field(default="", repr=False)
    """That of the bank's application on the card; empty where it has none."""

    @classmethod
    def of(cls, atr: bytes, values: Mapping[str, bytes]) -> CardResult:
        """The result of a verification that read ``values``."""
        return cls(atr, {path: raw for path, raw in values.items() if len(raw) <= _SMALL})

    def to_json(self) -> bytes:
        """The result as the ledger seals it."""
        return _dump(
            {
                "atr": self.atr.hex(),
                "values": {path: _base64(value) for path, value in self.values.items()},
                "bank_card_number": self.bank_card_number,
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> CardResult:
        """The result of :meth:`to_json`."""
        value = json.loads(data)
        values = {path: base64.b64decode(text) for path, text in value["values"].items()}
        return cls(bytes.fromhex(value["atr"]), values, value.get("bank_card_number", ""))


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """What :func:`prepare_batch` did; rows that failed stay accepted and can be done again."""

    prepared: int
    failures: tuple[tuple[int, SscardError], ...]


def prepare_batch(
    ledger: Ledger,
    batch: str,
    profile: CardProfile,
    keys: Macer,
    *,
    bank: BankSource | None = None,
    executor: Executor | None = None,
    on_progress: Callable[[int], None] = lambda count: None,
    actors: Actors = (NOBODY,),
) -> PrepareReport:
    """Plans for every accepted card of ``batch`` that has none yet; the audit log is told.

    ``bank`` gives the data of the bank's applications; without it they are made with published
    test keys. Photos are compressed on ``executor``, by default a process pool when there are
    many. Plans are stored in portions, so a run that is cut off goes on where it was.
    """
    region = region_of(profile)
    head = ledger.batch(batch)
    identity = region.identity
    serials = ledger.allot_serials(
        batch, region.issuer.division_code, identity.serial_first, identity.serial_last
    )
    waiting = [c for c in ledger.cards_of(batch, (CardState.ACCEPTED,)) if c.id in serials]
    planner = Planner(profile, region, head.batch_date, keys, bank or desk_of(profile))
    prepared = 0
    failures: list[tuple[int, SscardError]] = []
    with recorded(ledger, "batch.prepare", batch, actors) as detail, ExitStack() as stack:
        press = _PhotoPress(planner.photo_bytes, region, _Workers(executor, stack))
        for portion in _portions(waiting):
            planner.expect([serials[card.id] for card in portion])
            records = ledger.holders([card.id for card in portion])
            holders = {card_id: Holder.from_json(record) for card_id, record in records.items()}
            photos = press.compress({card_id: h.photo for card_id, h in holders.items()})
            plans: dict[int, Plan] = {}
            for card in portion:
                photo = photos.get(card.id, b"")
                if isinstance(photo, SscardError):
                    failures.append((card.row, photo))
                    continue
                try:
                    plan = planner.plan(holders[card.id].fields, serials[card.id], photo)
                except InputError as error:
                    failures.append((card.row, error))
                    continue
                plans[card.id] = Plan(serials[card.id], plan.historical, plan.to_json())
            prepared += ledger.store_plans(plans)
            detail.update(prepared=prepared, failed=len(failures))
            on_progress(len(portion))
    return PrepareReport(prepared, tuple(failures))


class Planner:
    """Turns the fields of a row into the values of its card, issued on ``day``."""

    def __init__(
        self,
        profile: CardProfile,
        region: Region,
        day: date,
        keys: Macer,
        bank: BankSource | None = None,
    ) -> None:
        self._bank = bank
        self._profile = profile
        self._region = region
        self._date = day
        self._keys = keys
        self._placed = [
            (place.path, place.item, place.item.source)
            for place in profile.places
            if place.item.source
        ]
        self._pin = Secret(pin_block(region.pin.initial))

    @property
    def photo_bytes(self) -> int:
        """Room for the photo; 0 when the card has none."""
        return self._length("@photo")

    def expect(self, serials: Iterable[int]) -> None:
        """The cards with these serial numbers are planned next, in this order."""
        if isinstance(self._keys, CardExpecter):
            code = self._region.issuer.division_code
            factors = [CardIdentity(code, self._historical(serial)).factor for serial in serials]
            self._keys.expect_cards(code, factors)

    def _historical(self, serial: int) -> bytes:
        tail = bytes.fromhex(self._region.issuer.division_code[:4]) + serial.to_bytes(4, "big")
        return self._region.identity.historical_prefix + tail

    def plan(self, fields: Mapping[str, str], serial: int, photo: bytes) -> PreparedCard:
        """The card of one row; raises :class:`InputError` for a value its item cannot hold."""
        division = self._region.issuer.division_code
        historical = self._historical(serial)
        texts = self._computed(fields, historical)
        raws = {"@photo": photo, **self._names(fields)}
        items: dict[str, bytes] = {}
        for path, item, source in self._placed:
            if source in raws:
                if raws[source].strip(b"\x00"):
                    items[path] = raws[source].ljust(item.length, b"\x00")
            elif text := texts.get(source, fields.get(source, "")):
                items[path] = encode(item, text)
        bank = self._bank.plan(fields, self._date) if self._bank is not None else None
        return PreparedCard(division, historical, items, self._pin, bank)

    def identification_code(self, historical: bytes) -> str:
        """卡识别码, 32 hex digits: city, application, serial, authentication code.

        The last four bytes are a MAC under the card's IRK with IV 0, of SM4 on an SM4 card, or FF
        (ref 01 §9.1, 11 §5.5).
        """
        division = self._region.issuer.division_code
        head = bytes.fromhex(division + APPLICATION_IDENTIFIER) + historical[9:13]
        if self._region.identity.authentication_code == "unset":
            return (head + b"\xff" * 4).hex().upper()
        algorithm = self._profile.key_algorithm("IRK")
        key = CardKey("IRK", 1, division, historical[5:13], algorithm)
        code = self._keys.mac(key, head)
        return (head + code).hex().upper()

    def _computed(self, fields: Mapping[str, str], historical: bytes) -> dict[str, str]:
        validity = self._region.validity
        expiry = add_years(self._date, validity.years)
        if validity.ends == "day_before":
            expiry = day_before(expiry)
        foreigner = fields.get("AAC058") != NATIONAL
        shown = foreigner or self._region.card.nationality == "everybody"
        return {
            "@identification_code": self.identification_code(historical),
            "@category": self._category(parse_date(fields["AAC006"])),
            "@version": self._profile.structure.specification_version,
            "@institution": self._region.issuer.initialising_institution,
            "@issue_date": format_date(self._date),
            "@expiry_date": format_date(expiry),
            "@nationality": fields.get("AAC161", "") if shown else "",
        }

    def _category(self, birth: date) -> str:
        """T11: 3 where a region does not classify (ref 01 §5)."""
        if self._region.card.category == "constant":
            return "3"
        age = age_on(birth, self._date)
        limits = ((6, "1"), (16, "2"), (70, "3"))
        return next((code for limit, code in limits if age < limit), "4")

    def _names(self, fields: Mapping[str, str]) -> dict[str, bytes]:
        first, second = self._length("@name"), self._length("@name_extension")
        halves = split_name(fields["AAC003"], first, second, self._region.card.name_split)
        return dict(zip(("@name", "@name_extension"), halves, strict=True))

    def _length(self, source: str) -> int:
        return next((item.length for _, item, found in self._placed if found == source), 0)


class _Workers:
    """The executor given, or a process pool from the moment there is enough to do."""

    def __init__(self, given: Executor | None, stack: ExitStack) -> None:
        self._executor = given
        self._stack = stack

    def executor(self, jobs: int) -> Executor | None:
        """Who does so many jobs; None means here and now."""
        if self._executor is None and jobs > _INLINE:
            # Spawned, not forked: the parent may have threads and open database connections.
            context = multiprocessing.get_context("spawn")
            self._executor = self._stack.enter_context(ProcessPoolExecutor(mp_context=context))
        return self._executor


class _PhotoPress:
    """Compresses photos, each distinct one once."""

    def __init__(self, room: int, region: Region, workers: _Workers) -> None:
        rules = region.batch
        self._room = room
        self._limits = PhotoLimits(rules.photo_longest_side, rules.photo_max_bytes)
        self._workers = workers
        self._done: dict[str, bytes | None] = {}

    def compress(self, files: Mapping[int, str]) -> dict[int, bytes | SscardError]:
        """Card id → photo for the card, or why there is none; ids without a file are left out."""
        found: dict[int, bytes | SscardError] = {}
        digests: dict[int, str] = {}
        new: dict[str, bytes] = {}
        if len(self._done) > _KEPT_PHOTOS:
            self._done.clear()
        for card_id, path in files.items():
            if not (path and self._room):
                continue
            try:
                content = load_photo(Path(path), self._limits)
            except PhotoError as error:
                found[card_id] = error
                continue
            digest = digests[card_id] = hashlib.sha256(content).hexdigest()
            if digest not in self._done:
                new[digest] = content
        self._done.update(zip(new, self._run(list(new.values())), strict=True))
        for card_id, digest in digests.items():
            found[card_id] = self._done[digest] or _no_photo(self._room)
        return found

    def _run(self, contents: list[bytes]) -> Iterable[bytes | None]:
        jobs = [(content, self._room, self._limits.longest_side) for content in contents]
        executor = self._workers.executor(len(jobs))
        if executor is None:
            return map(_compress, jobs)
        return executor.map(_compress, jobs, chunksize=8)


def _compress(job: tuple[bytes, int, int]) -> bytes | None:
    """In a worker: the photo for the card, or None when it cannot be made."""
    content, room, longest_side = job
    try:
        return card_photo(content, room, longest_side)
    except PhotoError:
        return None


def _no_photo(room: int) -> SscardError:
    return SscardError(
        Text(f"照片无法压缩到 {room} 字节", f"the photo cannot be brought to {room} bytes")
    )


def _portions(cards: Sequence[Card]) -> Iterator[Sequence[Card]]:
    return (cards[at : at + CHUNK] for at in range(0, len(cards), CHUNK))


def _dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
