"""A profile in the bytes of MCOS: sizes, control bytes, rights and key records (ref 11 §3, §9)."""

from __future__ import annotations

from collections.abc import Sequence

from sscard_ic.apdu import Command, mcos
from sscard_ic.card.cos import plan
from sscard_ic.profile import AccessRule, CardProfile
from sscard_ic.profile.cos.levels import key_levels
from sscard_ic.profile.cos.mcos import MAX_FLAG, McosDialect
from sscard_ic.profile.structure import File, Key

_KEY_RECORD = 24
_FILE_HEADER, _SECURE_HEADER, _DIRECTORY_HEADER = 16, 12, 48
"""Bytes that a file takes besides its body (ref 11 §3.1)."""
_ALGORITHM_3DES, _ALGORITHM_DES = 0x00, 0x01
_SERVICE_USAGE = 0x01
_HISTORICAL = 13
_FREE, _NEVER = b"\x00\x00", b"\xf0\xf0"
_NO_WRITING = mcos.NO_APPEND | mcos.NO_UPDATE


class McosLayout:
    """The commands and headers of one profile."""

    def __init__(self, profile: CardProfile) -> None:
        dialect = profile.dialect
        assert isinstance(dialect, McosDialect)
        self._profile = profile
        self._structure = profile.structure
        self._tables = dialect
        self._settings = dialect.settings
        self._levels = key_levels(profile.structure)

    # Directories

    def create(self, name: str) -> Command:
        """CREATE FILE of a directory."""
        directory = self._structure.directories[name]
        dir_sfi = self._tables.internal_files.directory & 0x1F
        control = mcos.LONG_KEY | self._protection
        if directory.kind != "MF":
            control |= mcos.HAS_KEY
        shared = mcos.Control(control, self._maintenance_id(name), self._settings.master_limit)
        if directory.kind == "MF":
            atr_sfi = self._tables.internal_files.atr & 0x1F
            return mcos.create_master_file(shared, directory.name, atr_sfi=atr_sfi, dir_sfi=dir_sfi)
        if directory.kind == "ADF":
            space = self._space(name)
            return mcos.create_application(directory.fid, space, shared, directory.name)
        space = max(self._space(name), self._settings.environment_space)
        return mcos.create_environment(
            directory.fid, space, shared, directory.name, dir_sfi=dir_sfi
        )

    def _space(self, name: str) -> int:
        """Body of a directory: what it holds and their headers (ref 11 §9, space budget)."""
        files = self._structure.directories[name].files
        total = sum(_FILE_HEADER + self._body(name, file_name) for file_name in files)
        if self._key_records(name):
            total += _SECURE_HEADER + _KEY_RECORD * self._key_records(name)
        for child, directory in self._structure.directories.items():
            if directory.parent == name:
                total += _DIRECTORY_HEADER + self._space(child)
        return total

    def _body(self, name: str, file_name: str) -> int:
        return sum(place.record_length for place in self._profile.places_of(name, file_name))

    def _keys_of(self, name: str) -> Sequence[Key]:
        return tuple(self._structure.keys_of(name).values())

    def _key_records(self, name: str) -> int:
        """Records in the secure file: the control key is not in it, the PUK is in it twice."""
        records = plan.key_records(self._structure, name) - 1
        return records + sum(key.role == "unlock_pin" for key in self._keys_of(name))

    @property
    def _protection(self) -> int:
        protected = self._settings.key_loading == "enciphered_mac"
        return mcos.WITH_MAC | mcos.ENCIPHERED if protected else 0

    # Files

    def create_key_file(self, name: str) -> Command:
        """The secure file: keys come and change as the setting ``key_loading`` says."""
        control = mcos.MK_OF_APPLICATION | self._protection
        if self._protection:
            control |= mcos.ADD_WITH_MAC | mcos.ADD_ENCIPHERED
        size = _KEY_RECORD * self._key_records(name)
        return mcos.create_secure(self._tables.internal_files.keys, size, control)

    def create_atr_file(self) -> Command:
        """The ATR file, written by the control key of the MF."""
        access = mcos.Access(write_control=mcos.MK_OF_ENVIRONMENT)
        return mcos.create_transparent(self._tables.internal_files.atr, _HISTORICAL, access)

    def create_directory_file(self, lengths: Sequence[int]) -> Command:
        """DIR, read freely and written by the control key of the MF."""
        access = mcos.Access(write_control=mcos.MK_OF_ENVIRONMENT)
        fid = self._tables.internal_files.directory
        return mcos.create_variable(fid, sum(lengths), True, access, lengths)

    def create_file(self, name: str, file_name: str) -> Command:
        """CREATE FILE of one file of the profile, its records there at once."""
        file = self._structure.directories[name].files[file_name]
        fid, access = int(file_name, 16), self._access(name, file)
        lengths = [place.record_length for place in self._profile.places_of(name, file_name)]
        count = len(lengths)
        match file.structure:
            case "transparent":
                return mcos.create_transparent(fid, sum(lengths), access)
            case "variable":
                return mcos.create_variable(fid, sum(lengths), file.tagged, access, lengths)
            case "fixed":
                return mcos.create_fixed(fid, lengths[0], count, count, file.tagged, access)
            case "cyclic":
                return mcos.create_cyclic(fid, lengths[0], count, access)

    def _access(self, name: str, file: File) -> mcos.Access:
        read_control, read = self._right(name, file.read)
        write_control, write = self._right(name, file.update)
        appending = file.append or file.update
        if not self._tables.carries_append(file):
            write_control, write = _NO_WRITING, _FREE
        elif _is_never(file.update) and not _is_never(appending):
            write_control, write = self._right(name, appending)
            write_control |= mcos.NO_UPDATE
        elif _is_never(appending):
            write_control |= mcos.NO_APPEND
        if write == _NEVER:
            write_control, write = write_control | _NO_WRITING, _FREE
        return mcos.Access(
            read_control,
            write_control,
            read,
            write,
            self._mac_key(name, file.read),
            self._maintenance_id(name),
        )

    def _right(self, name: str, rule: AccessRule) -> tuple[int, bytes]:
        """Control byte, and ranges of flags in environment and ADF (ref 11 §3.3)."""
        if _is_never(rule) or not self._tables.carries(self._structure, name, rule):
            return 0, _NEVER
        control = 0 if rule.mac is None else mcos.WITH_MAC
        if rule.pin:
            control |= mcos.PIN
            if rule.keys and rule.logic == "or":
                control |= mcos.PIN_SUFFICES
        return control, self._flags(name, rule)

    def _flags(self, name: str, rule: AccessRule) -> bytes:
        ranges = [0x00, 0x00]
        in_application = self._structure.directories[name].kind == "ADF"
        for key in rule.keys:
            place = in_application and self._structure.keys[key].directory == name
            level = self._levels[key]
            first = ranges[place] >> 4 or level
            ranges[place] = min(first, level) << 4 | max(ranges[place] & 0x0F, level)
        return bytes(ranges)

    def _mac_key(self, name: str, rule: AccessRule) -> int:
        """RT-KID: the key of the rule's MAC."""
        asked = rule.mac is not None and self._tables.carries(self._structure, name, rule)
        return self._maintenance_id(name) if asked else 0

    def _maintenance_id(self, name: str) -> int:
        """BLK-KID and WT-KID: the STK of a directory; 0, its control key, where it has none."""
        return next((key.id & 0x7F for key in self._keys_of(name) if key.use == "mac"), 0)

    # Keys

    def key_header(self, name: str, version: int) -> bytes:
        """The header of one version of a key (ref 11 §3.4, §9 step 6)."""
        key = self._structure.keys[name]
        limit = self._limit if key.use in ("external", "mac") else 0
        level = self._levels.get(name, 0)
        right = _FREE
        if self._tables.carries_use(self._structure, key) and key.usable.kind != "free":
            right = _NEVER if _is_never(key.usable) else self._flags(key.directory, key.usable)
        return mcos.key_header(
            self._tables.key_types.of(key.use),
            (key.id & 0x7F) + (version - 1) * key.indexed,
            0 if key.use == "mac" else version,
            self._algorithm(name),
            right=right,
            limit=limit,
            flags=level << 4 | level if level <= MAX_FLAG else 0,
        )

    def service_header(self, name: str) -> bytes:
        """The header of the PUK as a transport key."""
        return mcos.key_header(
            _SERVICE_USAGE,
            self._structure.keys[name].id & 0x7F,
            0,
            self._algorithm(name),
            right=_FREE,
            limit=self._limit,
            flags=0,
        )

    def pin_header(self) -> bytes:
        """The header of the main PIN: unblocked and reloaded by the PUK, or by the control key."""
        keys = self._keys_of(self._structure.pin_directory)
        puk = next((key.id & 0x7F for key in keys if key.role == "unlock_pin"), 0)
        limit = self._settings.pin_counter & 0x0F
        return mcos.key_header(
            self._tables.key_types.pin, 0, puk, puk, right=_FREE, limit=limit, flags=0
        )

    @property
    def _limit(self) -> int:
        return self._settings.key_counter & 0x0F

    def _algorithm(self, name: str) -> int:
        if self._profile.key_algorithm(name) == "sm4":
            return self._settings.key_record_sm4
        return _ALGORITHM_3DES if self._profile.key_length(name) == 16 else _ALGORITHM_DES


def _is_never(rule: AccessRule) -> bool:
    return rule.kind in ("never", "internal")
