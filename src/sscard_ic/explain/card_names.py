"""What a card profile calls the things on the wire: by name, identifier, number and tag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from sscard_ic.apdu.psam import type_of
from sscard_ic.base.errors import Text
from sscard_ic.explain.applications import MF, Place
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.structure import File, Key, KeyUse, Located

LOCAL = 0x80
"""Key identifiers from here on belong to the current directory, those below to the environment
(ref 11 §2.1)."""


class FileNames:
    """The items of one file."""

    def __init__(self, file: File, places: tuple[Located, ...], path: str) -> None:
        self.file = file
        self.places = places
        self.path = path
        self.title = Text(f"{path} {file.zh}", f"{path} {file.en}")
        self.by_number = {place.number: place for place in places}
        self.by_tag = {place.item.tag: place for place in reversed(places)}
        """The first record of each tag, which is what a card answers."""
        self.shapes = {(place.item.tag, place.item.length) for place in places}


class CardNames:
    """The names of one profile."""

    def __init__(self, profile: CardProfile) -> None:
        self.profile = profile
        structure = profile.structure
        self.home = structure.pin_directory
        self.places = {
            name: Place("social security", name, Text(directory.zh, directory.en))
            for name, directory in structure.directories.items()
        }
        self._by_name = {d.name: name for name, d in structure.directories.items()}
        self._by_fid = {d.fid: name for name, d in structure.directories.items()}
        self._files = {
            (name, int(file_name, 16)): FileNames(
                file, profile.places_of(name, file_name), f"{name}.{file_name}"
            )
            for name, directory in structure.directories.items()
            for file_name, file in directory.files.items()
            if file.items
        }
        self._opened: dict[str, tuple[tuple[str, str], ...]] = {}
        self._keys: dict[tuple[str, int], list[tuple[str, Key]]] = {}
        for key_name, key in profile.keys.items():
            for number in range(key.groups if key.indexed else 1):
                self._keys.setdefault((key.directory, key.id + number), []).append((key_name, key))

    def directory_named(self, name: bytes) -> Place | None:
        """The directory of this DF name."""
        found = self._by_name.get(name)
        return self.places[found] if found else None

    def directory_with(self, fid: int) -> Place | None:
        """The directory of this identifier."""
        found = self._by_fid.get(fid)
        return self.places[found] if found else None

    def file(self, directory: str, fid: int) -> FileNames | None:
        """The file of this identifier in a directory."""
        return self._files.get((directory, fid))

    def file_by_sfi(self, directory: str, sfi: int) -> tuple[int, FileNames | None]:
        """Identifier and names of a file by its short identifier; EF and the SFI by default."""
        for (name, fid), file in self._files.items():
            if name == directory and fid & 0x1F == sfi:
                return fid, file
        return 0xEF00 | sfi, None

    def files_shaped(self, shapes: Iterable[tuple[int, int]]) -> list[FileNames]:
        """The files that hold items of all these tags and lengths."""
        wanted = set(shapes)
        return [file for file in self._files.values() if wanted <= file.shapes]

    def keys(self, directory: str, identifier: int, *uses: KeyUse) -> list[tuple[str, Key]]:
        """The keys that an identifier means in a directory; several where uses have their own."""
        owner = directory if identifier >= LOCAL else self.home
        found = self._keys.get((owner, identifier), [])
        return [(name, key) for name, key in found if not uses or key.use in uses]

    def keys_in(self, directory: str, identifier: int, *uses: KeyUse) -> list[tuple[str, Key]]:
        """The keys stored in this very directory under an identifier."""
        found = self._keys.get((directory, identifier), [])
        return [(name, key) for name, key in found if not uses or key.use in uses]

    def psam_keys(self, usage: int, identifier: int) -> list[str]:
        """The card keys that a PSAM keeps under this type and identifier, whatever its steps."""
        wanted = type_of(usage), identifier
        return [
            name
            for name, key in self.profile.keys.items()
            if key.psam_usage is not None
            and key.psam_id is not None
            and type_of(key.psam_usage) == wanted[0]
            and wanted[1] in range(key.psam_id, key.psam_id + (key.groups if key.indexed else 1))
        ]

    def opened_by(self, key: str) -> tuple[tuple[str, str], ...]:
        """What the key is named for: an operation (read, update) and a path, in card order."""
        if key not in self._opened:
            self._opened[key] = tuple(self._find_opened(key))
        return self._opened[key]

    def _find_opened(self, key: str) -> Iterator[tuple[str, str]]:
        for file in self._files.values():
            for operation in ("read", "update"):
                rule: AccessRule = getattr(file.file, operation)
                if key in rule.keys:
                    yield operation, file.path
                    continue
                for place in file.places:
                    if key in getattr(place, operation).keys:
                        yield operation, place.path

    def parent(self, directory: str) -> Place | None:
        """The directory above."""
        found = self.profile.structure.directories.get(directory)
        if found is None or found.parent is None:
            return None
        return self.places.get(found.parent)

    @property
    def master_file(self) -> Place:
        """The MF, also where the profile does not name it."""
        fallback = Place("social security", "MF", Text("主文件", "master file"))
        return self.directory_with(MF) or fallback


@lru_cache(maxsize=16)
def card_names(profile: CardProfile) -> CardNames:
    """The names of a profile, made once."""
    return CardNames(profile)


def rule_words(rule: AccessRule) -> Text:
    """An access rule as a sentence part."""
    if rule.kind == "conditions":
        terms = [Text("密码", "PIN")] * rule.pin
        terms += [Text(key, key) for key in rule.keys]
        zh, en = (" 或 ", " or ") if rule.logic == "or" else (" 和 ", " and ")
        words = Text(zh.join(term.zh for term in terms), en.join(term.en for term in terms))
    else:
        words = _WITHOUT_CONDITIONS[rule.kind]
    if rule.mac:
        return Text(f"{words.zh}，附 {rule.mac} 的 MAC", f"{words.en}, with a MAC by {rule.mac}")
    return words


_WITHOUT_CONDITIONS = {
    "free": Text("自由", "free"),
    "never": Text("禁止", "never"),
    "internal": Text("仅卡内部", "only the card itself"),
}
