"""The least that any session must send, in exchanges and bytes (ref 08 §1.5, §2, §3).

A floor is a :class:`~sscard_ic.reader.Tally` filled by the same arithmetic as the measurement. It
knows no card: no access rule, no file that has to be created or selected, no command that carries
less than it could. What lies between it and a measurement is the price of the card's command set
and of the program's habits.
"""

from __future__ import annotations

from collections.abc import Iterable

from sscard_ic.apdu.iso import MAX_WRITE, READ_ALL
from sscard_ic.card.application import SSSE_NAME
from sscard_ic.issuance.prepare import PreparedCard
from sscard_ic.profile import CardProfile, Located
from sscard_ic.profile.structure import Key
from sscard_ic.reader import Tally

_HEADER, _STATUS = 5, 2
_CHALLENGE, _CRYPTOGRAM = 8, 16


def reading(profile: CardProfile, *, authenticated: bool) -> Tally:
    """SELECT by name without its FCI, then the records of EF05 and of EF06 in one exchange each.

    An authentication adds a challenge and a cryptogram (ref 08 §3).
    """
    tally = Tally()
    _write(tally, len(SSSE_NAME))
    if authenticated:
        _authenticate(tally)
    for file in ("EF05", "EF06"):
        _read(tally, _length(profile.structure.locate_file("SSSE", file)))
    return tally


def reading_exchanges(*, sfi: bool, all_records: bool, authenticated: bool) -> int:
    """SELECT, a SELECT per file without SFI, a READ per file or per record (7 and 7).

    With keys: challenge, cryptogram, and the identification code, whose division the card's key is
    derived from; record by record it is one of those that are read anyway.
    """
    least = 1 + (0 if sfi else 2) + (2 if all_records else 14)
    return least + (2 + all_records if authenticated else 0)


def dumping_exchanges(profile: CardProfile, *, sfi: bool, all_records: bool) -> int:
    """Every item of a card whose logs are empty, with its PIN and all keys.

    SELECT per directory, VERIFY, two exchanges per key that the verified PIN does not spare; per
    file the fewest READs of 256 bytes, whole records, or one per record; without SFI a SELECT per
    file.
    """
    files = {(place.directory_name, place.file_name): place.file for place in profile.places}
    least = 1 + len({directory for directory, _ in files}) + (0 if sfi else len(files))
    for (directory, name), file in files.items():
        places = profile.places_of(directory, name)
        if file.structure == "transparent":
            least += len(list(_portions(places[0].item.length, READ_ALL)))
        elif file.structure == "cyclic":
            least += 1
        elif all_records:
            least += _answers(place.record_length for place in places)
        else:
            least += len(places)
    return least + 2 * len(_keys_beside_pin(profile))


def _answers(records: Iterable[int]) -> int:
    """The fewest answers of 256 bytes that hold records of these lengths whole."""
    answers = room = 0
    for length in records:
        if room < length:
            answers, room = answers + 1, READ_ALL
        room -= length
    return answers


def _keys_beside_pin(profile: CardProfile) -> set[tuple[str, str]]:
    """Keys, with the directory, that reading asks for though the PIN is verified."""
    keys = set()
    for place in profile.places:
        rule = place.read
        if rule.pin and rule.logic == "or":
            continue
        wanted = rule.keys if rule.logic == "and" else rule.keys[:1]
        keys |= {(place.directory_name, key) for key in wanted}
    return keys


def making(profile: CardProfile, plan: PreparedCard) -> Tally:
    """Every key, the PIN, every record and the photo, joined, at 255 bytes a command.

    Keys count with their bare length, records with tag and length, files not at all.
    """
    keys = sum(profile.key_length(name) * key.groups for name, key in profile.keys.items())
    written = [place for place in profile.structure.locate_all() if place.path in plan.items]
    tally = Tally()
    _write(tally, keys + len(plan.pin) + _length(written))
    return tally


def verifying(profile: CardProfile) -> Tally:
    """The PIN, every item of the card joined at 256 bytes a command, one proof a key version.

    Keys that only compute MACs have no harmless proof.
    """
    tally = Tally()
    _write(tally, _CHALLENGE)
    _read(tally, _length(profile.structure.locate_all()))
    for key in profile.keys.values():
        for _ in range(key.groups):
            _prove(tally, key)
    return tally


def _prove(tally: Tally, key: Key) -> None:
    if key.use == "internal":
        _write(tally, _CRYPTOGRAM)
        _read(tally, _CHALLENGE)
    elif key.use != "mac":
        _authenticate(tally)


def _authenticate(tally: Tally) -> None:
    _read(tally, _CHALLENGE)
    _write(tally, _CRYPTOGRAM)


def _write(tally: Tally, length: int) -> None:
    for part in _portions(length, MAX_WRITE):
        tally.add(_HEADER + part, _STATUS)


def _read(tally: Tally, length: int) -> None:
    for part in _portions(length, READ_ALL):
        tally.add(_HEADER, part + _STATUS)


def _portions(length: int, largest: int) -> Iterable[int]:
    return (min(largest, length - at) for at in range(0, length, largest))


def _length(places: Iterable[Located]) -> int:
    """Bytes of the items, those of records with tag and length."""
    return sum(place.item.length + 2 * (place.item.tag is not None) for place in places)
