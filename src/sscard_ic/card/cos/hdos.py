"""HDOS V2.0.01 (广东华大): the initialisation of a social security card (ref 11 §4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from sscard_ic.apdu import Command, hdos, iso
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.channel import Refused
from sscard_ic.card.cos import plan
from sscard_ic.card.cos.steps import Bench, Create, End, LoadKey, LoadPin, Send, Step
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.keys import Mode
from sscard_ic.profile import AccessRule, CardProfile
from sscard_ic.profile.cos.hdos import HdosDialect, keys_beside_pin
from sscard_ic.profile.structure import File, Key

_FREE, _NEVER, _CLOSED_KEYS = 0x00, 0x21, 0xF0
_GLOBAL = 0x80
_PLAIN, _ENCIPHERED_MAC = 0x00, 0xC0
_3DES, _DES = 0x00, 0x01
_PIN_BYTES = 8
_HISTORICAL = 13
_MF = 0x3F00
_MAX_FLAG = 15
_WRONG_FORM = 0x6981


class HdosBuilder:
    """Builds the commands of one profile; the tables come from ``profile.dialect``."""

    key_cla: Mapping[Mode, int] = {"plain": 0x80, "enciphered_mac": 0x84}
    challenge_length: int | None = None

    def __init__(self, profile: CardProfile) -> None:
        dialect = profile.dialect
        assert isinstance(dialect, HdosDialect)
        self._profile = profile
        self._structure = profile.structure
        self._tables = dialect
        self._settings = dialect.settings

    def unlock(self, bench: Bench) -> bool:
        """``80000000 08`` and the transport code of the chip."""
        code = bench.keys.transport_code(bench.factory_serial)
        response = bench.channel.ask(hdos.present_transport_code(code))
        if response.sw.ok:
            return True
        if response.sw == self._settings.transport_code_after_end:
            return False
        raise Refused(plan.TRANSPORT, response.sw)

    def is_unused(self, bench: Bench) -> bool:
        """No MF yet."""
        return not bench.channel.ask(iso.select_fid(_MF)).sw.ok

    def initialisation(self) -> Sequence[Step]:
        """MF with DIR and ATR file, SSSE, then every ADF with its keys, files, unset records."""
        return self._initialisation

    @cached_property
    def _initialisation(self) -> tuple[Step, ...]:
        steps: list[Step] = []
        for name, directory in self._structure.directories.items():
            if directory.parent is not None:
                steps.append(plan.select(self._structure, directory.parent))
            steps += [self._create_directory(name), plan.select(self._structure, name)]
            steps += self._keys(name)
            if directory.kind == "MF":
                steps += [*self._directory_file(), self._atr_file()]
            for file_name, file in directory.files.items():
                steps.append(self._file(name, file_name, file))
                if file.structure in ("variable", "fixed"):
                    steps += plan.unset_records(self._profile, name, file_name)
        return tuple(steps)

    def finish(self, historical: bytes) -> Sequence[Step]:
        """The content of the ATR file, then CREATE FILE END."""
        what = Text("写入复位应答", "write the answer to reset")
        end = Text("结束建立", "end the creation")
        return (
            plan.select(self._structure, plan.master_file(self._structure)),
            Send(what, iso.select_fid(self._tables.internal_files.atr, 0x02)),
            Send(what, iso.update_binary(0, historical)),
            End(end, hdos.end_creation(), self._settings.already_ended),
        )

    def announcements(self) -> Sequence[tuple[Text, Command, bytes]]:
        """FCI of every directory, then the records of DIR in the MF."""
        fid = self._tables.internal_files.directory
        return plan.announcements(self._structure, self._fci, fid)

    def check_ended(self, bench: Bench) -> None:
        """A second end and a CREATE of what exists are refused, so is the transport code."""
        channel, settings = bench.channel, self._settings
        mf = plan.master_file(self._structure)
        select = plan.select(self._structure, mf)
        channel.send(select.command, select.what)
        ended = channel.ask(hdos.end_creation()).sw == settings.already_ended
        closed = channel.ask(self._key_file(mf).command).sw == settings.create_after_end
        if not (ended and closed):
            raise CardError(Text("建立没有结束", "the creation has not ended"))
        if self.unlock(bench):
            raise CardError(Text("传输码仍然有效", "the transport code is still accepted"))

    def _fci(self, name: str) -> bytes:
        directory = self._structure.directories[name]
        title = encode_ber(0x84, directory.name)
        if directory.kind == "ADF":
            return encode_ber(0x6F, title)
        return encode_ber(0x6F, title, encode_ber(0xA5, encode_ber(0x88, self._dir_sfi)))

    @property
    def _dir_sfi(self) -> bytes:
        return bytes((self._tables.internal_files.directory & 0x1F,))

    # Directories and their own files

    def _create_directory(self, name: str) -> Create:
        directory = self._structure.directories[name]
        command = hdos.create_directory(
            directory.fid,
            self._tables.file_types.directory,
            directory.name,
            dir_sfi=0 if directory.kind == "ADF" else self._dir_sfi[0],
            right=_NEVER,
        )
        confirm = [plan.select(self._structure, name).command]
        if directory.parent is not None:
            confirm.append(plan.select(self._structure, directory.parent).command)
        return Create(Text(f"建立目录 {name}", f"create directory {name}"), command, tuple(confirm))

    def _key_file(self, name: str) -> Create:
        form = _ENCIPHERED_MAC if self._protected else _PLAIN
        return Create(
            Text(f"建立 {name} 的密钥文件", f"create the key file of {name}"),
            hdos.create_key_file(
                self._tables.internal_files.keys,
                form | self._tables.file_types.keys,
                plan.key_records(self._structure, name),
                read=_CLOSED_KEYS,
                add=_NEVER,
            ),
            (),
        )

    def _directory_file(self) -> Iterator[Step]:
        fid = self._tables.internal_files.directory
        records = plan.directory_records(self._structure)
        kind, size = self._tables.file_types.variable, sum(map(len, records))
        yield Create(
            Text("建立目录文件 DIR", "create the directory file DIR"),
            hdos.create_file(fid, kind, size, read=_FREE, update=_NEVER),
            (iso.select_fid(fid, 0x02),),
        )
        what = Text("写目录文件 DIR", "write the directory file DIR")
        yield Send(what, iso.select_fid(fid, 0x02))
        for number, record in enumerate(records, 1):
            yield Send(what, iso.update_record(number, record))

    def _atr_file(self) -> Create:
        fid, kind = self._tables.internal_files.atr, self._tables.file_types.transparent
        return Create(
            Text("建立复位应答文件", "create the ATR file"),
            hdos.create_file(fid, kind, _HISTORICAL, read=_FREE, update=_NEVER),
            (iso.select_fid(fid, 0x02),),
        )

    # Keys

    @property
    def _protected(self) -> bool:
        """Whether key files take enciphered records with a MAC, once their master key is there."""
        return self._settings.key_loading != "plain"

    @cached_property
    def _flags(self) -> dict[str, int]:
        """Flag of every key that opens something; those that stand for the PIN beside its own."""
        flags: dict[str, int] = {}
        pin = self._settings.pin_flag
        for directory in self._structure.directories:
            keys = self._structure.keys_of(directory).items()
            beside = keys_beside_pin(self._structure, directory)
            flags |= dict(zip(beside, (pin + 1, pin - 1), strict=False))
            taken = {pin, *(flags[name] for name in beside if name in flags)}
            free = (flag for flag in range(1, _MAX_FLAG + 1) if flag not in taken)
            for name, key in keys:
                if key.use == "external" and name not in flags:
                    flags[name] = next(free)
        return flags

    def _keys(self, name: str) -> Iterator[Step]:
        yield self._key_file(name)
        keys = self._structure.keys_of(name).items()
        for key_name, key in sorted(keys, key=lambda entry: entry[1].use != "master"):
            yield from self._key(key_name, key)
        if name == self._structure.pin_directory:
            yield self._pin(name)

    def _key(self, name: str, key: Key) -> Iterator[LoadKey]:
        settings, is_master = self._settings, key.use == "master"
        protected = self._protected and not is_master
        for version in range(1, key.groups + 1):
            header = hdos.key_header(
                key.id + (version - 1) * key.indexed,
                self._tables.key_types.of(key.use),
                0 if is_master else version,
                algorithm=self._algorithm_byte(name),
                follow_up=self._flags.get(name, 0),
                use=_FREE,
                change=_NEVER,
                counter=settings.key_counter,
            )
            yield LoadKey(
                Text(f"写入密钥 {name} 版本 {version}", f"load key {name} version {version}"),
                hdos.WRITE_KEY,
                header,
                "enciphered_mac" if protected else "plain",
                plan.master_key(self._structure, key.directory) if protected else None,
                self._profile.key_length(name),
                # A master key that is there makes the file one of protected records alone.
                _WRONG_FORM if is_master and self._protected else settings.key_exists,
                proof=False,
                key=name,
                version=version,
            )

    def _algorithm_byte(self, name: str) -> int:
        if self._profile.key_algorithm(name) == "sm4":
            return self._settings.key_record_sm4
        return _3DES if self._profile.key_length(name) == 16 else _DES

    def _pin(self, name: str) -> LoadPin:
        settings, protected = self._settings, self._protected
        header = hdos.key_header(
            0,
            self._tables.key_types.pin,
            0,
            algorithm=0,
            follow_up=_GLOBAL | settings.pin_flag,
            use=_FREE,
            change=_NEVER,
            counter=settings.pin_counter,
        )
        return LoadPin(
            Text("写入初始密码", "load the initial PIN"),
            hdos.WRITE_KEY,
            header,
            "enciphered_mac" if protected else "plain",
            plan.master_key(self._structure, name) if protected else None,
            _PIN_BYTES,
            settings.key_exists,
            proof=False,
        )

    # Files

    def _file(self, name: str, file_name: str, file: File) -> Create:
        places = self._profile.places_of(name, file_name)
        types, fid = self._tables.file_types, int(file_name, 16)
        read, update = self._right(file.read, name), self._right(file.update, name)
        size = sum(place.record_length for place in places)
        length = places[0].record_length
        if file.structure in ("fixed", "cyclic"):
            kind = types.fixed if file.structure == "fixed" else types.cyclic
            command = hdos.create_record_file(
                fid, kind, len(places), length, read=read, update=update
            )
        else:
            kind = types.transparent if file.structure == "transparent" else types.variable
            command = hdos.create_file(fid, kind, size, read=read, update=update)
        what = Text(f"建立文件 {name}/{file_name}", f"create file {name}/{file_name}")
        return Create(what, command, (iso.select_fid(fid, 0x02),))

    def _right(self, rule: AccessRule, directory: str) -> int:
        """The range of flags XY that says a rule; closed where the chip's mask has to say it."""
        never = rule.kind in ("never", "internal")
        if never or not self._tables.carries(self._structure, directory, rule):
            return _NEVER
        if rule.kind == "free":
            return _FREE
        flags = [self._settings.pin_flag] * rule.pin + [self._flags[key] for key in rule.keys]
        return min(flags) << 4 | max(flags)
