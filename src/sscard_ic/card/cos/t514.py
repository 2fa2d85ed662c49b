"""T514 (大唐): the complete initialisation of a social security card (ref 11 §5, §8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from sscard_ic.apdu import Command, iso, t514
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.cos.steps import (
    AuthenticateMaster,
    Create,
    LoadKey,
    LoadPin,
    Send,
    Step,
)
from sscard_ic.codec.tlv import Record, encode_ber
from sscard_ic.keys import Mode
from sscard_ic.profile import AccessRule, CardProfile, Located
from sscard_ic.profile.structure import Directory, File, Key
from sscard_ic.profile.values import unset

_FREE, _NEVER, _MASTER = 0x00, 0xEF, 0xFF
_BY_MASTER = bytes((0x00, _MASTER))
_KEY_RECORD = 0x18
_NO_RECORD_LENGTH = 0xFF
_ALGORITHM_3DES, _ALGORITHM_DES = 0x00, 0x01
_DIRECTORY_TYPE = {"MF": 0x01, "DDF": 0x01, "ADF": 0x02}
_FCI_SFI = 0x23
_KEY_FILE_SFI = 0x80
_TRANSACTION_SFI = 0x81
_DIRECTORY_SFI = 0x1E
_MAX_LEVEL = 15


class T514Builder:
    """Builds the commands of one profile; the tables come from ``profile.dialect``."""

    key_cla: Mapping[Mode, int] = {
        "plain": 0x00,
        "plain_mac": 0x04,
        "enciphered": 0x80,
        "enciphered_mac": 0x84,
    }

    def __init__(self, profile: CardProfile) -> None:
        self._profile = profile
        self._structure = profile.structure
        self._tables = profile.dialect

    def transport_code(self, code: Secret) -> Secret:
        """``80E00300 08`` and the code of 8 bytes; secret."""
        return Secret(bytes(t514.present_transport_code(code.reveal())))

    def atr(self, historical: bytes) -> Sequence[Send]:
        """T8-TD, then TS T0 TB1 TC1 and T1-T7 (ref 11 §5.1, §8 step 20)."""
        what = Text("写入复位应答", "write the answer to reset")
        head = bytes((0x3B, 0x60 | len(historical), 0x00, 0x00))
        return (
            Send(what, t514.write_serial(historical[7:])),
            Send(what, t514.write_atr_head(head + historical[:7])),
        )

    def end(self) -> Sequence[tuple[Send, Send, Create]]:
        """``80E00200`` in every ADF, then the DDF, then the MF (ref 11 §8 step 21)."""
        return tuple(
            (
                self._select_directory(name),
                Send(
                    Text(f"结束 {name} 的预个人化", f"end the pre-personalization of {name}"),
                    t514.end_personalization(),
                ),
                self._key_file(name),
            )
            for name in reversed(self._structure.directories)
        )

    def announcements(self) -> Sequence[tuple[Text, Command, bytes]]:
        """FCI of every directory, then the records of DIR in the MF."""
        directories = self._structure.directories
        mf, *others = sorted(directories, key=lambda name: directories[name].kind != "MF")
        ddfs = [name for name in others if directories[name].kind == "DDF"]
        asked = [
            (
                Text(f"选择目录 {name}", f"select directory {name}"),
                _select(directories[name]).with_le(iso.READ_ALL),
                self._template(name),
            )
            for name in (*others, mf)
        ]
        what = Text("读取目录文件 DIR", "read the directory file DIR")
        asked.append((what, iso.select_fid(self._tables.internal_files.directory, 0x02), b""))
        for number, record in enumerate(self._directory_records(ddfs), 1):
            asked.append((what, iso.read_record(number, len(record)), record))
        return tuple(asked)

    def initialisation(self) -> Sequence[Step]:
        """MF, SSSE, then every ADF with its keys, files and unset records."""
        return self._initialisation

    @cached_property
    def _initialisation(self) -> tuple[Step, ...]:
        directories = self._structure.directories
        adfs = [name for name, directory in directories.items() if directory.kind == "ADF"]
        ddfs = [name for name, directory in directories.items() if directory.kind == "DDF"]
        mf = next(name for name, directory in directories.items() if directory.kind == "MF")
        steps: list[Step] = [*self._directory(mf), *self._directory_file(ddfs)]
        steps += [*self._fci_file([mf, *ddfs]), self._authenticate(mf)]
        for ddf in ddfs:
            children = [name for name in adfs if directories[name].parent == ddf]
            steps += [self._select_directory(mf), *self._directory(ddf)]
            steps += [*self._fci_file([ddf, *children]), self._authenticate(ddf)]
            steps += [self._create_directory(name) for name in children]
            steps += self._files(ddf)
        for adf in adfs:
            steps += [*self._directory(adf, create=False), self._authenticate(adf)]
            steps += self._files(adf)
        return tuple(steps)

    # Directories

    def _directory(self, name: str, create: bool = True) -> Iterator[Step]:
        if create:
            yield self._create_directory(name)
        yield self._select_directory(name)
        yield self._key_file(name)
        for key_name, key in sorted(
            self._structure.keys_of(name).items(), key=lambda entry: entry[1].use != "master"
        ):
            yield from self._key(key_name, key)
        if name == self._structure.pin_directory:
            yield self._pin(name)

    def _create_directory(self, name: str) -> Create:
        directory = self._structure.directories[name]
        is_mf, is_adf = directory.kind == "MF", directory.kind == "ADF"
        command = t514.create_directory(
            directory.fid,
            _DIRECTORY_TYPE[directory.kind],
            directory.name,
            lock_level=0 if is_mf else self._lock_level(name),
            # A card lock in the SSSE locks the MF with it (ref 11 §5.2, byte 9).
            locked_with_child=is_mf,
            fci_sfi=0 if is_adf else _FCI_SFI,
            key_file_sfi=0 if is_adf else _KEY_FILE_SFI,
            transaction_sfi=_TRANSACTION_SFI if directory.kind == "DDF" else 0,
        )
        confirm: tuple[Command, ...] = (_select(directory),)
        if is_adf:
            assert directory.parent is not None, "an ADF lies in a DDF"
            confirm += (_select(self._structure.directories[directory.parent]),)
        return Create(Text(f"建立目录 {name}", f"create directory {name}"), command, confirm)

    def _select_directory(self, name: str) -> Send:
        return Send(
            Text(f"选择目录 {name}", f"select directory {name}"),
            _select(self._structure.directories[name]),
        )

    def _lock_level(self, name: str) -> int:
        for key_name, key in self._structure.keys_of(name).items():
            if key.role == "lock":
                return _twice(self._levels[key_name])
        return 0x00

    def _authenticate(self, name: str) -> AuthenticateMaster:
        keys = self._structure.keys_of(name)
        master = next(key_name for key_name, key in keys.items() if key.use == "master")
        return AuthenticateMaster(
            Text(f"认证 {name} 的主控密钥", f"authenticate the control key of {name}"), master
        )

    # Internal files

    def _key_file(self, name: str) -> Create:
        records = sum(key.groups for key in self._structure.keys_of(name).values())
        records += name == self._structure.pin_directory
        tables = self._tables
        return Create(
            Text(f"建立 {name} 的密钥文件", f"create the key file of {name}"),
            t514.create_file(
                tables.internal_files.keys,
                tables.file_types.internal,
                records * _KEY_RECORD + 2,
                _KEY_RECORD,
                read=bytes((_NEVER, _NEVER)),
                update=_BY_MASTER,
            ),
            (),
        )

    def _directory_file(self, ddfs: Sequence[str]) -> Iterator[Step]:
        """DIR: ``70 L 61 L 4F AID 50 label`` for each DDF (ref 11 §5.4)."""
        fid = self._tables.internal_files.directory
        records = self._directory_records(ddfs)
        yield Create(
            Text("建立目录文件 DIR", "create the directory file DIR"),
            t514.create_file(
                fid,
                self._tables.file_types.directory,
                sum(map(len, records)) + 2,
                _NO_RECORD_LENGTH,
                read=bytes((_FREE, _FREE)),
                update=_BY_MASTER,
            ),
            (iso.select_fid(fid, 0x02),),
        )
        what = Text("写目录文件 DIR", "write the directory file DIR")
        yield Send(what, iso.select_fid(fid, 0x02))
        for number, record in enumerate(records, 1):
            yield Send(what, iso.update_record(number, record, sfi=_DIRECTORY_SFI))

    def _directory_records(self, ddfs: Sequence[str]) -> list[bytes]:
        records = []
        for name in ddfs:
            application = self._structure.directories[name].name
            entry = encode_ber(0x4F, application) + encode_ber(0x50, name.encode("ascii"))
            records.append(encode_ber(0x70, encode_ber(0x61, entry)))
        return records

    def _template(self, name: str) -> bytes:
        """FCI of a directory: ``6F L 84 name [A5 88 SFI of DIR]``."""
        directory = self._structure.directories[name]
        sfi = encode_ber(0x88, bytes((_DIRECTORY_SFI,)))
        announced = b"" if directory.kind == "ADF" else encode_ber(0xA5, sfi)
        return encode_ber(0x6F, encode_ber(0x84, directory.name), announced)

    def _fci_file(self, names: Sequence[str]) -> Iterator[Step]:
        """FCI file: ``70 L FID L 6F L 84 name [A5 88 SFI of DIR]`` for each directory."""
        records = []
        for name in names:
            template = self._template(name)
            fid = self._structure.directories[name].fid.to_bytes(2, "big")
            records.append(encode_ber(0x70, fid, bytes((len(template),)), template))
        what = Text(f"写 {names[0]} 的文件控制信息", f"write the file control data of {names[0]}")
        yield Create(
            what,
            t514.create_file(
                self._tables.internal_files.fci,
                self._tables.file_types.internal,
                sum(map(len, records)) + 2,
                _NO_RECORD_LENGTH,
                read=bytes((_NEVER, _NEVER)),
                update=_BY_MASTER,
            ),
            (),
        )
        for number, record in enumerate(records, 1):
            yield Send(what, t514.write_fci_record(number, _FCI_SFI, record))

    # Keys

    @cached_property
    def _levels(self) -> dict[str, int]:
        """Level of every key that opens something, counted per directory (ref 11 §5.3)."""
        levels: dict[str, int] = {}
        for name in self._structure.directories:
            counted = [
                k for k, key in self._structure.keys_of(name).items() if key.use == "external"
            ]
            levels |= {key_name: level for level, key_name in enumerate(counted, 1)}
        return levels

    @property
    def _pin_level(self) -> int:
        keys = self._structure.keys_of(self._structure.pin_directory)
        return 1 + max(self._levels[name] for name, key in keys.items() if key.use == "external")

    def _key(self, name: str, key: Key) -> Iterator[LoadKey]:
        tables, settings = self._tables.key_types, self._tables.settings
        kind = {
            "master": tables.master,
            "external": tables.external,
            "internal": tables.internal,
            "mac": tables.mac,
        }[key.use]
        level = {"master": _MASTER, "external": _twice(self._levels.get(name, 0))}.get(key.use, 0)
        is_master = key.use == "master"
        for version in range(1, key.groups + 1):
            header = t514.key_header(
                kind,
                key.id,
                0 if is_master else version,
                change_right=settings.key_change_right,
                counter=settings.key_counter,
                algorithm=_ALGORITHM_3DES if key.length == 16 else _ALGORITHM_DES,
                level=level,
                length=key.length,
            )
            yield LoadKey(
                Text(f"写入密钥 {name} 版本 {version}", f"load key {name} version {version}"),
                t514.write_key_head(is_master),
                header,
                name,
                version,
                None if is_master else self._authenticate(key.directory).key,
            )

    def _pin(self, name: str) -> LoadPin:
        assert self._profile.region is not None, "only a region's profile knows the initial PIN"
        settings = self._tables.settings
        header = t514.key_header(
            self._tables.key_types.pin,
            0,
            0,
            change_right=settings.key_change_right,
            counter=settings.pin_counter,
            algorithm=_twice(self._unlocking_level(name)),
            level=_twice(self._pin_level),
            length=(len(self._profile.region.pin.initial) + 1) // 2,
        )
        return LoadPin(
            Text("写入初始密码", "load the initial PIN"),
            t514.write_key_head(master=False),
            header,
            self._authenticate(name).key,
        )

    def _unlocking_level(self, directory: str) -> int:
        """Level of the key that may unlock the PIN; 0 when there is none."""
        keys = self._structure.keys_of(directory).items()
        return next((self._levels[name] for name, key in keys if key.role == "unlock_pin"), 0)

    # Files

    def _files(self, name: str) -> Iterator[Step]:
        for file_name, file in self._structure.directories[name].files.items():
            yield self._file(name, file_name, file)
            if file.structure == "variable":
                yield from self._unset_records(name, file_name)

    def _file(self, name: str, file_name: str, file: File) -> Create:
        items = list(self._profile.places_of(name, file_name))
        total = sum(located.item.length for located in items)
        types = self._tables.file_types
        reserve = self._tables.settings.reserve_space
        kind, size, record_length = {
            "transparent": (types.transparent, total + reserve, 0x00),
            "variable": (types.variable, total + 2 * len(items) + 2 + reserve, _NO_RECORD_LENGTH),
            "fixed": (types.fixed, total + 2 * len(items) + 2 + reserve, _fixed_length(items)),
            "cyclic": (types.cyclic, total + 2 + reserve, items[0].item.length),
        }[file.structure]
        read_logic, read = self._right(file.read, name)
        update_logic, update = self._right(file.update, name)
        return Create(
            Text(f"建立文件 {name}/{file_name}", f"create file {name}/{file_name}"),
            t514.create_file(
                int(file_name, 16),
                kind,
                size,
                record_length,
                read=read,
                update=update,
                read_logic=read_logic,
                update_logic=update_logic,
            ),
            (iso.select_fid(int(file_name, 16), 0x02),),
        )

    def _right(self, rule: AccessRule, directory: str) -> tuple[int, bytes]:
        """Logic nibble (0 OR, 4 AND) and the levels in parent and current directory."""
        if rule.kind == "free":
            return 0x0, bytes((_FREE, _FREE))
        if rule.kind in ("never", "internal"):
            return 0x0, bytes((_NEVER, _NEVER))
        owners = [(self._structure.pin_directory, self._pin_level)] if rule.pin else []
        owners += [(self._structure.keys[key].directory, self._levels[key]) for key in rule.keys]
        levels = [0, 0]
        for owner, level in owners:
            place = owner == directory
            if levels[place]:
                raise InputError(
                    Text(
                        f"T514 不能表达权限 {rule}：两个条件在同一目录",
                        f"T514 cannot express the rule {rule}: both conditions in one directory",
                    ),
                    where=directory,
                )
            levels[place] = level
        return 0x4 if rule.logic == "and" else 0x0, bytes(map(_twice, levels))

    def _unset_records(self, name: str, file_name: str) -> Iterator[Send]:
        what = Text(
            f"初始化记录 {name}/{file_name}", f"initialise the records of {name}/{file_name}"
        )
        yield Send(what, iso.select_fid(int(file_name, 16), 0x02))
        for located in self._profile.places_of(name, file_name):
            assert located.item.tag is not None
            record = Record(located.item.tag, unset(located.item))
            yield Send(what, iso.update_record(located.number, bytes(record)))


def _select(directory: Directory) -> Command:
    if directory.kind == "MF":
        return iso.select_fid(directory.fid)
    return iso.select_name(directory.name)


def _twice(level: int) -> int:
    """Level NN as the range from N to N."""
    if level > _MAX_LEVEL:
        raise ValueError(f"level {level}: a directory has at most {_MAX_LEVEL} levels")
    return level << 4 | level


def _fixed_length(items: Sequence[Located]) -> int:
    return items[0].item.length + 2
