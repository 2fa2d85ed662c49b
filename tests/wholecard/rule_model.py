"""What an issued card must answer, told without looking at how the virtual card is built.

Rules, keys and layout come from the profile alone (ref 01 §4.1, §10.4, §11); design of the security
state: keys are satisfied per directory, the PIN in the whole application.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sscard_ic.profile import AccessRule, CardProfile, Located
from sscard_ic.profile.structure import Directory, File, Key

OK = 0x9000
_TRIES = 3
_MF, _ROOT = "MF", "SSSE"


@dataclass
class Model:
    """One card: what it holds, where it stands, what has been proved."""

    profile: CardProfile
    pin: bytes
    records: dict[tuple[str, str], list[bytes]]
    bodies: dict[tuple[str, str], bytearray]
    directory: str = _MF
    file: str | None = None
    pin_verified: bool = False
    proved: set[str] = field(default_factory=set)
    challenge: bool = False
    pin_tries: int = _TRIES
    key_tries: dict[tuple[str, int], int] = field(default_factory=dict)

    @classmethod
    def of(cls, profile: CardProfile, values: Mapping[str, bytes], pin: bytes) -> Model:
        """The model of a card that holds ``values`` by item path."""
        model = cls(profile, pin, {}, {})
        for directory_name, directory in profile.structure.directories.items():
            for name, file in directory.files.items():
                places = profile.places_of(directory_name, name)
                place = directory_name, name
                if file.structure == "transparent":
                    model.bodies[place] = bytearray(values[places[0].path])
                else:
                    stored = [each for each in places if each.path in values]
                    model.records[place] = [_record(each, values[each.path]) for each in stored]
        return model

    # Where the card stands

    def reset(self) -> None:
        """Everything volatile falls."""
        self.enter(_MF)
        self.proved.clear()
        self.pin_verified = self.challenge = False

    def leave(self) -> None:
        """Another application is selected: nothing that was proved here holds any more."""
        self.enter(_MF)
        self.proved.clear()
        self.pin_verified = self.challenge = False

    def enter(self, name: str) -> None:
        """Another directory: its predecessor's keys are no longer satisfied."""
        if name != self.directory:
            self.proved.clear()
        self.directory, self.file = name, None

    def select_name(self, name: str) -> int:
        """SELECT by DF name."""
        self.enter(name)
        return OK

    def select_fid(self, fid: int) -> int:
        """SELECT by identifier with P1 00: a child, the MF, the line of parents and their kin."""
        here = self.here
        if f"{fid:04X}" in here.files:
            self.file = f"{fid:04X}"
            return OK
        found = self._child(self.directory, fid) or self._relative(fid)
        if found is None:
            return 0x6A82
        self.enter(found)
        return OK

    def select_file(self, fid: int) -> int:
        """SELECT of an elementary file here (P1 02)."""
        if f"{fid:04X}" not in self.here.files:
            return 0x6A82
        self.file = f"{fid:04X}"
        return OK

    @property
    def here(self) -> Directory:
        """The current directory."""
        return self.profile.structure.directories[self.directory]

    def _child(self, parent: str, fid: int) -> str | None:
        directories = self.profile.structure.directories
        return next(
            (n for n, d in directories.items() if d.parent == parent and d.fid == fid), None
        )

    def _relative(self, fid: int) -> str | None:
        directories = self.profile.structure.directories
        if fid == directories[_MF].fid:
            return _MF
        name: str | None = self.directory
        while name is not None:
            if directories[name].fid == fid:
                return name
            parent = directories[name].parent
            sibling = self._child(parent, fid) if parent else None
            if sibling:
                return sibling
            name = parent
        return None

    # Proofs

    def get_challenge(self) -> int:
        """A fresh challenge of 8 bytes."""
        self.challenge = True
        return OK

    def addressed(self, reference: int) -> tuple[str, Key] | None:
        """The external or control key that P2 names here."""
        environment = self.directory if self.directory in (_MF, _ROOT) else _ROOT
        owner = self.directory if reference & 0x80 or reference == 0 else environment
        use = "master" if reference == 0 else "external"
        for name, key in self.profile.keys.items():
            if (key.directory, key.use, key.id) == (owner, use, reference):
                return name, key
        return None

    def authenticate(self, reference: int, version: int | None, right: bool) -> int:
        """EXTERNAL AUTHENTICATE with a right or a wrong cryptogram over the card's challenge."""
        found = self.addressed(reference)
        if found is None:
            return 0x6A88
        name, key = found
        versions = [0] if key.use == "master" else range(1, key.groups + 1)
        chosen = min(versions) if version is None else version
        if chosen not in versions:
            return 0x6A88
        place = name, chosen
        left = self.key_tries.setdefault(place, _TRIES)
        if left == 0:
            return 0x6983
        if not self.challenge:
            return 0x6984
        self.challenge = False
        if not right:
            self.key_tries[place] = left - 1
            return 0x63C0 | left - 1
        self.key_tries[place] = _TRIES
        self.proved.add(name)
        return OK

    def verify(self, pin: bytes) -> int:
        """VERIFY, possible in the SSSE and below."""
        if self.directory == _MF:
            return 0x6A88
        if self.pin_tries == 0:
            return 0x6983
        if pin != self.pin:
            self.pin_verified = False
            self.pin_tries -= 1
            return 0x63C0 | self.pin_tries
        self.pin_tries, self.pin_verified = _TRIES, True
        return OK

    def change_pin(self, old: bytes, new: bytes) -> int:
        """CHANGE PIN: counts as a try, and does not verify."""
        before = self.pin_verified
        answer = self.verify(old)
        if answer == OK:
            self.pin, self.pin_verified = new, before
        return answer

    # Files

    def allows(self, rule: AccessRule) -> bool:
        """Whether a rule is met now."""
        if rule.kind != "conditions":
            return rule.kind == "free"
        terms = [self.pin_verified] * rule.pin + [key in self.proved for key in rule.keys]
        return any(terms) if rule.logic == "or" else all(terms)

    def _addressed_file(self, sfi: int) -> str | int:
        if sfi:
            for name in self.here.files:
                if int(name, 16) & 0x1F == sfi:
                    self.file = name
                    return name
            return 0x6A82
        return self.file if self.file is not None else 0x6986

    def _file(self, name: str) -> File:
        return self.here.files[name]

    def _rule(self, name: str, number: int, operation: str) -> AccessRule:
        for place in self.profile.places_of(self.directory, name):
            if place.number == number and self._file(name).structure in ("variable", "fixed"):
                return place.read if operation == "read" else place.update
        file = self._file(name)
        return file.read if operation == "read" else file.update

    def read_record(self, number: int, sfi: int) -> tuple[int, bytes]:
        """READ RECORD by number."""
        name = self._addressed_file(sfi)
        if isinstance(name, int):
            return name, b""
        if self._file(name).structure == "transparent":
            return 0x6981, b""
        if not self.allows(self._rule(name, number, "read")):
            return 0x6982, b""
        records = self.records[self.directory, name]
        if not 1 <= number <= len(records):
            return 0x6A83, b""
        return OK, records[number - 1]

    def read_tag(self, tag: int, sfi: int) -> tuple[int, bytes]:
        """READ RECORD of the first record with a tag."""
        name = self._addressed_file(sfi)
        if isinstance(name, int):
            return name, b""
        if self._file(name).structure == "transparent":
            return 0x6981, b""
        if self._file(name).structure == "cyclic":
            return 0x6981, b""
        records = self.records[self.directory, name]
        for number, record in enumerate(records, 1):
            if record[0] == tag:
                if not self.allows(self._rule(name, number, "read")):
                    return 0x6982, b""
                return OK, record
        return (0x6A83 if self.allows(self._file(name).read) else 0x6982), b""

    def read_binary(self, offset: int, length: int, sfi: int) -> tuple[int, bytes]:
        """READ BINARY."""
        name = self._addressed_file(sfi)
        if isinstance(name, int):
            return name, b""
        if self._file(name).structure != "transparent":
            return 0x6981, b""
        if not self.allows(self._file(name).read):
            return 0x6982, b""
        body = self.bodies[self.directory, name]
        if offset >= len(body):
            return 0x6B00, b""
        return OK, bytes(body[offset : offset + length])

    def update_record(self, number: int, record: bytes, sfi: int) -> int:
        """UPDATE RECORD by number; number 1 of a log takes a new record."""
        name = self._addressed_file(sfi)
        if isinstance(name, int):
            return name
        file = self._file(name)
        if file.structure == "transparent":
            return 0x6981
        if not self.allows(self._rule(name, number, "update")):
            return 0x6982
        records = self.records[self.directory, name]
        if file.structure == "cyclic":
            item = file.items[0]
            if number != 1 and not 1 <= number <= len(records):
                return 0x6A83
            if len(record) != item.length:
                return 0x6700
            if number == 1:
                self.records[self.directory, name] = [record, *records][: item.repeat]
            else:
                records[number - 1] = record
            return OK
        if not 1 <= number <= len(records):
            return 0x6A83
        if file.structure == "variable" and record[1] != len(record) - 2:
            return 0x6A85
        if len(record) != len(records[number - 1]):
            return 0x6700
        records[number - 1] = record
        return OK

    def update_binary(self, offset: int, data: bytes, sfi: int) -> int:
        """UPDATE BINARY."""
        name = self._addressed_file(sfi)
        if isinstance(name, int):
            return name
        if self._file(name).structure != "transparent":
            return 0x6981
        if not self.allows(self._file(name).update):
            return 0x6982
        body = self.bodies[self.directory, name]
        if offset >= len(body):
            return 0x6B00
        if offset + len(data) > len(body):
            return 0x6700
        body[offset : offset + len(data)] = data
        return OK


def _record(place: Located, value: bytes) -> bytes:
    if place.item.tag is None:
        return value
    return bytes((place.item.tag, len(value))) + value
