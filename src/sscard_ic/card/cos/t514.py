"""T514 (大唐): the complete initialisation of a social security card (ref 11 §5, §8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from sscard_ic.apdu import Command, iso, t514
from sscard_ic.apdu.ssc import ALGORITHM_MARK
from sscard_ic.base.errors import CardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.channel import Refused
from sscard_ic.card.cos import plan
from sscard_ic.card.cos.steps import (
    Bench,
    Create,
    End,
    LoadKey,
    LoadPin,
    Send,
    Step,
)
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.keys import Mode
from sscard_ic.profile import AccessRule, CardProfile
from sscard_ic.profile.cos.levels import key_levels
from sscard_ic.profile.cos.t514 import T514Dialect
from sscard_ic.profile.structure import Directory, File, Key

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
_VALUE_LENGTH = 16
_AMOUNT_SIZE = 0x1F
_MF = 0x3F00


class T514Builder:
    """Builds the commands of one profile; the tables come from ``profile.dialect``."""

    key_cla: Mapping[Mode, int] = {
        "plain": 0x00,
        "plain_mac": 0x04,
        "enciphered": 0x80,
        "enciphered_mac": 0x84,
    }

    challenge_length: int | None = None

    def __init__(self, profile: CardProfile) -> None:
        dialect = profile.dialect
        assert isinstance(dialect, T514Dialect)
        self._profile = profile
        self._structure = profile.structure
        self._tables = dialect
        self._settings = dialect.settings

    def unlock(self, bench: Bench) -> bool:
        """``80E00300 08`` and the transport code of the chip."""
        code = bench.keys.transport_code(bench.factory_serial)
        command = Secret(bytes(t514.present_transport_code(code.reveal())))
        response = bench.channel.ask(command)
        if response.sw.ok:
            return True
        if response.sw == self._settings.transport_code_after_end:
            return False
        raise Refused(plan.TRANSPORT, response.sw)

    def is_unused(self, bench: Bench) -> bool:
        """No MF yet."""
        return not bench.channel.ask(iso.select_fid(_MF)).sw.ok

    def finish(self, historical: bytes) -> Sequence[Step]:
        """The ATR: T8-TD, then TS T0 TB1 TC1 and T1-T7 (ref 11 §5.1, §8 steps 20 and 21).

        Then ``80E00200`` in every ADF, the DDF and the MF.
        """
        what = Text("写入复位应答", "write the answer to reset")
        head = bytes((0x3B, 0x60 | len(historical), 0x00, 0x00))
        return (
            Send(what, t514.write_serial(historical[7:])),
            Send(what, t514.write_atr_head(head + historical[:7])),
            *(step for pair in self._ends() for step in pair),
        )

    def _ends(self) -> Iterator[tuple[Send, End]]:
        for name in reversed(self._structure.directories):
            what = Text(f"结束 {name} 的预个人化", f"end the pre-personalization of {name}")
            end = End(what, t514.end_personalization(), self._settings.already_ended)
            yield plan.select(self._structure, name), end

    def check_ended(self, bench: Bench) -> None:
        """A second end and a CREATE of what exists are refused everywhere, so is the code."""
        channel, settings = bench.channel, self._settings
        for (select, end), name in zip(
            self._ends(), reversed(self._structure.directories), strict=True
        ):
            channel.send(select.command, select.what)
            ended = channel.ask(end.command).sw == settings.already_ended
            closed = channel.ask(self._key_file(name).command).sw == settings.create_after_end
            if not (ended and closed):
                raise CardError(
                    Text(f"没有结束：{end.what.zh}", f"has not taken effect: {end.what.en}")
                )
        if self.unlock(bench):
            raise CardError(Text("传输码仍然有效", "the transport code is still accepted"))

    def announcements(self) -> Sequence[tuple[Text, Command, bytes]]:
        """FCI of every directory, then the records of DIR in the MF."""
        dir_fid = self._tables.internal_files.directory
        return plan.announcements(self._structure, self._template, dir_fid)

    def initialisation(self) -> Sequence[Step]:
        """MF, SSSE, then every ADF with its keys, files and unset records."""
        return self._initialisation

    @cached_property
    def _initialisation(self) -> tuple[Step, ...]:
        directories = self._structure.directories
        adfs = [name for name, directory in directories.items() if directory.kind == "ADF"]
        ddfs = [name for name, directory in directories.items() if directory.kind == "DDF"]
        mf = plan.master_file(self._structure)
        steps: list[Step] = [*self._directory(mf), *self._directory_file()]
        steps += [*self._fci_file([mf, *ddfs]), plan.prove_master(self._structure, mf)]
        for ddf in ddfs:
            children = [name for name in adfs if directories[name].parent == ddf]
            steps += [plan.select(self._structure, mf), *self._directory(ddf)]
            steps += [*self._fci_file([ddf, *children]), plan.prove_master(self._structure, ddf)]
            steps += [self._create_directory(name) for name in children]
            steps += self._files(ddf)
        for adf in adfs:
            steps += [*self._directory(adf, create=False), plan.prove_master(self._structure, adf)]
            steps += [*self._amount_file(adf), *self._files(adf)]
        return tuple(steps)

    # Directories

    def _directory(self, name: str, create: bool = True) -> Iterator[Step]:
        if create:
            yield self._create_directory(name)
        yield plan.select(self._structure, name)
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
        confirm: tuple[Command, ...] = (plan.select(self._structure, name).command,)
        if is_adf:
            assert directory.parent is not None, "an ADF lies in a DDF"
            confirm += (plan.select(self._structure, directory.parent).command,)
        return Create(Text(f"建立目录 {name}", f"create directory {name}"), command, confirm)

    def _lock_level(self, name: str) -> int:
        for key_name, key in self._structure.keys_of(name).items():
            if key.role == "lock":
                return _twice(self._levels[key_name])
        return 0x00

    # Internal files

    def _key_file(self, name: str) -> Create:
        records = plan.key_records(self._structure, name)
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

    def _amount_file(self, name: str) -> Iterator[Create]:
        """The file of the medical amounts, where a key writes it (DSK, ref 11 §5.2)."""
        for key_name, key in self._structure.keys_of(name).items():
            if key.role == "amount":
                yield Create(
                    Text(f"建立 {name} 的交易文件", f"create the transaction file of {name}"),
                    t514.create_file(
                        self._tables.internal_files.amount,
                        self._tables.file_types.internal,
                        _AMOUNT_SIZE + 2,
                        0,
                        read=bytes((_NEVER, _NEVER)),
                        update=bytes((_FREE, _twice(self._levels[key_name]))),
                    ),
                    (),
                )

    def _directory_file(self) -> Iterator[Step]:
        """DIR: ``70 L 61 L 4F AID 50 label`` for each DDF (ref 11 §5.4)."""
        fid = self._tables.internal_files.directory
        records = plan.directory_records(self._structure)
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

    def _template(self, name: str) -> bytes:
        """FCI of a directory: ``6F L 84 name [A5 88 SFI of DIR [9F0C 86 algorithm]]``."""
        directory = self._structure.directories[name]
        announced = b""
        if directory.kind != "ADF":
            sfi = encode_ber(0x88, bytes((_DIRECTORY_SFI,)))
            announced = encode_ber(0xA5, sfi, self._announced_algorithm(directory))
        return encode_ber(0x6F, encode_ber(0x84, directory.name), announced)

    def _announced_algorithm(self, directory: Directory) -> bytes:
        """9F0C 86 03 in the SSSE of an SM4 card (ref 02 §1.2)."""
        if directory.kind != "DDF" or self._profile.algorithm != "sm4":
            return b""
        if not self._settings.fci_algorithm:
            return b""
        return ALGORITHM_MARK + bytes.fromhex(self._profile.algorithm_flag)

    def _fci_file(self, names: Sequence[str]) -> Iterator[Step]:
        """FCI file: ``70 L FID L`` and the FCI of each directory (ref 11 §5.4)."""
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
        return key_levels(self._structure)

    @property
    def _pin_level(self) -> int:
        keys = self._structure.keys_of(self._structure.pin_directory)
        return 1 + max(self._levels[name] for name, key in keys.items() if key.use == "external")

    def _key(self, name: str, key: Key) -> Iterator[LoadKey]:
        settings = self._settings
        level = {"master": _MASTER, "external": _twice(self._levels.get(name, 0))}.get(key.use, 0)
        is_master = key.use == "master"
        for version in range(1, key.groups + 1):
            header = t514.key_header(
                self._tables.key_types.of(key.use),
                key.id + (version - 1) * key.indexed,
                0 if is_master else version,
                change_right=self._change_right(key),
                counter=settings.key_counter,
                algorithm=self._algorithm_byte(name),
                level=level,
                length=self._profile.key_length(name),
            )
            yield LoadKey(
                Text(f"写入密钥 {name} 版本 {version}", f"load key {name} version {version}"),
                t514.write_key_head(is_master),
                header,
                "plain" if is_master else settings.key_loading,
                None if is_master else plan.master_key(self._structure, key.directory),
                _VALUE_LENGTH,
                settings.key_exists,
                key.use in ("master", "external", "internal"),
                name,
                version,
            )

    def _change_right(self, key: Key) -> int:
        """Byte 4 of the header: the level that a change asks for, inferred (ref 11 §5.3)."""
        if key.change.kind != "conditions" or key.use == "master":
            return self._settings.key_change_right
        levels = [self._levels.get(name, _MAX_LEVEL) for name in key.change.keys]
        return _twice(levels[0]) if len(levels) == 1 else self._settings.key_change_right

    def _algorithm_byte(self, name: str) -> int:
        if self._profile.key_algorithm(name) == "sm4":
            return self._settings.key_record_sm4
        return _ALGORITHM_3DES if self._profile.key_length(name) == 16 else _ALGORITHM_DES

    def _pin(self, name: str) -> LoadPin:
        assert self._profile.region is not None, "only a region's profile knows the initial PIN"
        settings = self._settings
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
            settings.key_loading,
            plan.master_key(self._structure, name),
            _VALUE_LENGTH,
            settings.key_exists,
            proof=True,
        )

    def _unlocking_level(self, directory: str) -> int:
        """Level of the key that may unlock the PIN; 0 when there is none."""
        keys = self._structure.keys_of(directory).items()
        return next((self._levels[name] for name, key in keys if key.role == "unlock_pin"), 0)

    # Files

    def _files(self, name: str) -> Iterator[Step]:
        for file_name, file in self._structure.directories[name].files.items():
            yield self._file(name, file_name, file)
            if file.structure in ("variable", "fixed"):
                yield from plan.unset_records(self._profile, name, file_name)

    def _file(self, name: str, file_name: str, file: File) -> Create:
        items = list(self._profile.places_of(name, file_name))
        total = sum(located.record_length for located in items)
        types = self._tables.file_types
        reserve = self._settings.reserve_space
        kind, size, record_length = {
            "transparent": (types.transparent, total + reserve, 0x00),
            "variable": (types.variable, total + 2 + reserve, _NO_RECORD_LENGTH),
            "fixed": (types.fixed, total + 2 + reserve, items[0].record_length),
            "cyclic": (types.cyclic, total + 2 + reserve, items[0].record_length),
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
        never = rule.kind in ("never", "internal")
        if never or not self._tables.carries(self._structure, directory, rule):
            return 0x0, bytes((_NEVER, _NEVER))
        if rule.kind == "free":
            return 0x0, bytes((_FREE, _FREE))
        owners = [(self._structure.pin_directory, self._pin_level)] if rule.pin else []
        owners += [(self._structure.keys[key].directory, self._levels[key]) for key in rule.keys]
        levels = [0, 0]
        for owner, level in owners:
            levels[owner == directory] = level
        return 0x4 if rule.logic == "and" else 0x0, bytes(map(_twice, levels))


def _twice(level: int) -> int:
    """Level NN as the range from N to N."""
    if level > _MAX_LEVEL:
        raise ValueError(f"level {level}: a directory has at most {_MAX_LEVEL} levels")
    return level << 4 | level
