"""TimeCOS/PBOC 2.8 and FMCOS 2.0: the initialisation of a social security card (ref 02 §9, 11 §7).

A directory takes everything until it is left, so each is filled at one stay; what was begun and
not ended is erased and built anew. These systems know no end: the control key of the card takes
the place of the factory's, no right to create is given away, and the answer to reset comes last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from sscard_ic.apdu import Command, Response, fmcos, iso
from sscard_ic.apdu.ssc import ALGORITHM_MARK
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.channel import Refused
from sscard_ic.card.cos import plan
from sscard_ic.card.cos.steps import Bench, Create, LoadKey, LoadPin, Prove, Send, Step
from sscard_ic.card.identity import CardIdentity
from sscard_ic.card.proof import prove_key
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.keys import CardKey, Mode, PublishedKey
from sscard_ic.profile import AccessRule, CardProfile
from sscard_ic.profile.cos.timecos import MASTER_STATE, RegisterDialect, states_of
from sscard_ic.profile.structure import File, Key

_FREE, _NEVER, _BY_MASTER, _UNUSED = 0xF0, 0xEF, 0xAA, 0xFF
_PROTECTED = 0xC0
_HEADER, _PIN_BYTES = 5, 6
_3DES, _DES = 0x00, 0x01
_MF = 0x3F00
_CONTROL_KEY = 0x00
_HISTORICAL = 13
_TEMPLATE = 0xC0
_RECORD_OVERHEAD = 1
_NO_SUCH_KEY = StatusWord(0x6A88)
_STARTING_KEY = Text("认证出厂密钥", "authenticate the factory's key")


class RegisterBuilder:
    """Builds the commands of one profile; the tables come from ``profile.dialect``."""

    key_cla: Mapping[Mode, int] = {"plain": 0x80, "enciphered_mac": 0x84}
    challenge_length: int | None = 8

    def __init__(self, profile: CardProfile) -> None:
        dialect = profile.dialect
        assert isinstance(dialect, RegisterDialect)
        self._profile = profile
        self._structure = profile.structure
        self._tables = dialect
        self._settings = dialect.settings
        self._mf = plan.master_file(self._structure)

    # Opening and ending

    def unlock(self, bench: Bench) -> bool:
        """External authentication of the MF's key: the factory's, or the card's own.

        The card's own is there from the first commands of :meth:`initialisation` on.
        """
        written = self._answer_to_reset(bench)
        if written is not None and written.strip(b"\x00"):
            return False
        if written is not None:
            self._prove_own(bench)
            return True
        response = self._prove_factory_key(bench)
        if response.sw.ok or response.sw == _NO_SUCH_KEY:  # erased, and still open
            return True
        if bench.identity is None:
            raise Refused(_STARTING_KEY, response.sw)
        self._prove_own(bench)
        return True

    def _answer_to_reset(self, bench: Bench) -> bytes | None:
        """Content of the ATR file; None when there is no such file."""
        mf = plan.select(self._structure, self._mf)
        bench.channel.send(mf.command, mf.what)
        if not bench.channel.ask(iso.select_fid(self._tables.internal_files.atr, 0x02)).sw.ok:
            return None
        what = Text("读取复位应答文件", "read the ATR file")
        return bench.channel.send(iso.read_binary(0, _HISTORICAL), what).data

    def _prove_factory_key(self, bench: Bench) -> Response:
        what = Text("取随机数", "get a challenge")
        challenge = bench.channel.send(iso.get_challenge(), what).data
        factory = self._tables.factory_key
        published = PublishedKey(factory) if factory is not None else None
        cryptogram = bench.keys.blank_cryptogram(challenge, published)
        return bench.channel.ask(Command(0x00, 0x82, 0x00, _CONTROL_KEY, cryptogram))

    def _prove_own(self, bench: Bench) -> None:
        identity, name = bench.identity, plan.master_key(self._structure, self._mf)
        if identity is None:
            raise CardError(
                Text("这张卡已经用过，不是空白卡", "this card is used already, not a blank"),
                hint=Text("换一张空白卡", "insert a blank card"),
            )
        key = _card_key(self._profile, identity, name)
        what = Text(f"认证密钥 {name}", f"authenticate key {name}")
        prove_key(bench.channel, self._profile, bench.keys, key, what)

    def is_unused(self, bench: Bench) -> bool:
        """Neither an ATR file nor an application."""
        if self._answer_to_reset(bench) is not None:
            return False
        environment = self._structure.directories[self._structure.pin_directory]
        return not bench.channel.ask(iso.select_name(environment.name)).sw.ok

    def initialisation(self) -> Sequence[Step]:
        """ERASE, then every directory at one stay: keys, files, unset records, directories."""
        return self._initialisation

    @cached_property
    def _initialisation(self) -> tuple[Step, ...]:
        what = Text("擦除 MF", "erase the MF")
        steps: list[Step] = [plan.select(self._structure, self._mf), Send(what, fmcos.erase())]
        waiting = [self._mf]
        while waiting:
            name = waiting.pop(0)
            directory = self._structure.directories[name]
            if directory.parent is not None:
                steps.append(plan.select(self._structure, name))
            steps += self._keys(name)
            if directory.parent is None:
                steps += [self._atr_file(), *self._directory_file()]
            steps += self._template_file(name)
            for file_name, file in directory.files.items():
                steps.append(self._file(name, file_name, file))
                if file.structure in ("variable", "fixed"):
                    steps += plan.unset_records(self._profile, name, file_name)
            below = self._children(name)
            steps += [self._create_directory(child) for child in below]
            waiting += below
        return tuple(steps)

    def _children(self, name: str) -> list[str]:
        directories = self._structure.directories
        return [child for child, each in directories.items() if each.parent == name]

    def finish(self, historical: bytes) -> Sequence[Step]:
        """The content of the ATR file, written with the control key of the MF."""
        what = Text("写入复位应答", "write the answer to reset")
        name = plan.master_key(self._structure, self._mf)
        return (
            plan.select(self._structure, self._mf),
            Prove(Text(f"认证密钥 {name}", f"authenticate key {name}"), name),
            Send(what, iso.select_fid(self._tables.internal_files.atr, 0x02)),
            Send(what, iso.update_binary(0, historical)),
        )

    def announcements(self) -> Sequence[tuple[Text, Command, bytes]]:
        """FCI of every directory, then the records of DIR in the MF."""
        fid = self._tables.internal_files.directory
        return plan.announcements(self._structure, self._fci, fid)

    def check_ended(self, bench: Bench) -> None:
        """The ATR is written; neither CREATE nor ERASE passes in any directory.

        That the factory's key is void is shown by a proof of the one in its place: verification
        gives it, and a wrong key would cost the card a try.
        """
        channel, settings = bench.channel, self._settings
        if not (self._answer_to_reset(bench) or b"").strip(b"\x00"):
            raise CardError(Text("复位应答没有写入", "the answer to reset is not written"))
        for name in self._structure.directories:
            select = plan.select(self._structure, name)
            channel.send(select.command, select.what)
            if channel.ask(self._key_file(name).command).sw != settings.create_after_end:
                raise CardError(
                    Text(f"目录 {name} 没有关闭", f"the directory {name} is not closed")
                )

    # Directories and their own files

    def _create_directory(self, name: str) -> Create:
        directory = self._structure.directories[name]
        command = fmcos.create_directory(
            directory.fid,
            self._tables.file_types.directory,
            directory.name,
            create=_NEVER,
            erase=_NEVER,
        )
        return Create(Text(f"建立目录 {name}", f"create directory {name}"), command, ())

    def _key_file(self, name: str) -> Create:
        size = self._tables.key_file_overhead + sum(
            groups * (self._tables.key_overhead + _HEADER + value)
            for value, groups in self._values(name)
        )
        command = fmcos.create_key_file(
            self._tables.internal_files.keys,
            self._tables.file_types.keys,
            size,
            announced=self._announced(name),
            add=_NEVER,
        )
        return Create(
            Text(f"建立 {name} 的密钥文件", f"create the key file of {name}"), command, ()
        )

    def _values(self, name: str) -> Iterator[tuple[int, int]]:
        """Bytes after the header, and number of records, of every key of a directory."""
        for key_name, key in self._structure.keys_of(name).items():
            extra = len(self._algorithm_after(key_name, key))
            yield self._profile.key_length(key_name) + extra, key.groups
        if name == self._structure.pin_directory:
            yield _PIN_BYTES, 1

    def _announced(self, name: str) -> int:
        """Byte 4 of the KEY file: what the FCI tells (ref 11 §7)."""
        directory = self._structure.directories[name]
        if directory.kind == "ADF":
            return _UNUSED
        if self._template(name):
            return _TEMPLATE | self._tables.internal_files.fci & 0x1F
        return self._tables.internal_files.directory & 0x1F

    def _template(self, name: str) -> bytes:
        """A5 of the SSSE of an SM4 card, which also tells the algorithm (ref 02 §1.2)."""
        is_environment = self._structure.directories[name].kind == "DDF"
        if not (is_environment and self._profile.algorithm == "sm4"):
            return b""
        if not self._settings.fci_algorithm:
            return b""
        return self._dir_entry() + ALGORITHM_MARK + bytes.fromhex(self._profile.algorithm_flag)

    def _dir_entry(self) -> bytes:
        return encode_ber(0x88, bytes((self._tables.internal_files.directory & 0x1F,)))

    def _template_file(self, name: str) -> Iterator[Step]:
        template = self._template(name)
        if not template:
            return
        fid, kind = self._tables.internal_files.fci, self._tables.file_types.transparent
        what = Text(f"写 {name} 的文件控制信息", f"write the file control data of {name}")
        command = fmcos.create_file(fid, kind, len(template), read=_FREE, update=_NEVER)
        yield Create(what, command, ())
        yield Send(what, iso.select_fid(fid, 0x02))
        yield Send(what, iso.update_binary(0, template))

    def _fci(self, name: str) -> bytes:
        directory = self._structure.directories[name]
        title = encode_ber(0x84, directory.name)
        if directory.kind == "ADF":
            return encode_ber(0x6F, title)
        return encode_ber(0x6F, title, encode_ber(0xA5, self._template(name) or self._dir_entry()))

    def _directory_file(self) -> Iterator[Step]:
        fid = self._tables.internal_files.directory
        records = plan.directory_records(self._structure)
        kind = self._tables.file_types.variable
        size = sum(len(record) + _RECORD_OVERHEAD for record in records)
        yield Create(
            Text("建立目录文件 DIR", "create the directory file DIR"),
            fmcos.create_file(fid, kind, size, read=_FREE, update=_BY_MASTER),
            (),
        )
        what = Text("写目录文件 DIR", "write the directory file DIR")
        yield Send(what, iso.select_fid(fid, 0x02))
        for number, record in enumerate(records, 1):
            yield Send(what, iso.update_record(number, record))

    def _atr_file(self) -> Create:
        fid, kind = self._tables.internal_files.atr, self._tables.file_types.transparent
        return Create(
            Text("建立复位应答文件", "create the ATR file"),
            fmcos.create_file(fid, kind, _HISTORICAL, read=_FREE, update=_BY_MASTER),
            (),
        )

    # Keys

    @cached_property
    def _states(self) -> dict[str, int]:
        """Follow-up states of all external keys."""
        states: dict[str, int] = {}
        for name in self._structure.directories:
            states |= states_of(self._structure, name, self._settings.pin_state)
        return states

    @property
    def _protected(self) -> bool:
        """Whether records come enciphered and with a MAC, once there is a key for it."""
        return self._settings.key_loading != "plain"

    def _keys(self, name: str) -> Iterator[Step]:
        yield self._key_file(name)
        keys = self._structure.keys_of(name).items()
        for key_name, key in sorted(keys, key=lambda entry: entry[1].use != "master"):
            yield from self._key(key_name, key)
        if name == self._structure.pin_directory:
            yield self._pin(name)

    def _key(self, name: str, key: Key) -> Iterator[LoadKey]:
        under = self._under(key)
        bits = self._settings.group_bits
        step = 1 if key.indexed else bits & -bits
        for version in range(1, key.groups + 1):
            yield LoadKey(
                Text(f"写入密钥 {name} 版本 {version}", f"load key {name} version {version}"),
                fmcos.write_key_head(key.id + (version - 1) * step),
                self._key_header(name, key, version) + self._algorithm_after(name, key),
                "enciphered_mac" if under else "plain",
                under,
                self._profile.key_length(name),
                self._settings.key_exists,
                proof=False,
                key=name,
                version=version,
            )

    def _under(self, key: Key) -> str | None:
        """The control key that protects a record: of the directory, or of the one above."""
        if not self._protected:
            return None
        directory: str | None = key.directory
        if key.use == "master":
            directory = self._structure.directories[key.directory].parent
        return plan.master_key(self._structure, directory) if directory is not None else None

    def _key_header(self, name: str, key: Key, version: int) -> bytes:
        fourth, fifth = self._states.get(name, 0), self._settings.key_counter
        if key.use == "master":
            fourth = MASTER_STATE
        elif key.use == "mac":
            fourth = _UNUSED
        elif key.use != "external":
            fourth, fifth = version, self._algorithm_byte(name)
        return fmcos.key_header(
            self._tables.key_types.of(key.use) | (_PROTECTED if self._protected else 0),
            use=_FREE,
            change=_BY_MASTER if key.use == "master" else self._change(key),
            fourth=fourth,
            fifth=fifth,
        )

    def _change(self, key: Key) -> int:
        """The change right: the state of one key of the same directory, else never."""
        rule = key.change
        if rule.kind == "conditions" and self._tables.carries(self._structure, key.directory, rule):
            return self._right(rule, key.directory)
        return _NEVER

    def _algorithm_byte(self, name: str) -> int:
        if self._profile.key_algorithm(name) == "sm4":
            return self._settings.key_record_sm4
        return _3DES if self._profile.key_length(name) == 16 else _DES

    def _algorithm_after(self, name: str, key: Key) -> bytes:
        """The algorithm of an SM4 key whose header has no place for it."""
        if key.use not in ("master", "external", "mac"):
            return b""
        sm4 = self._profile.key_algorithm(name) == "sm4"
        return bytes((self._settings.key_record_sm4,)) if sm4 else b""

    def _pin(self, name: str) -> LoadPin:
        settings = self._settings
        header = fmcos.key_header(
            self._tables.key_types.pin,
            use=_FREE,
            change=self._unlocking_right(name),
            fourth=settings.pin_state,
            fifth=settings.pin_counter,
        )
        return LoadPin(
            Text("写入初始密码", "load the initial PIN"),
            fmcos.write_key_head(0),
            header,
            "enciphered_mac" if self._protected else "plain",
            plan.master_key(self._structure, name) if self._protected else None,
            _PIN_BYTES,
            settings.key_exists,
            proof=False,
        )

    def _unlocking_right(self, directory: str) -> int:
        """The state of the key that may unlock the PIN; never when there is none."""
        for name, key in self._structure.keys_of(directory).items():
            if key.role == "unlock_pin" and name in self._states:
                return _twice(self._states[name])
        return _NEVER

    # Files

    def _file(self, name: str, file_name: str, file: File) -> Create:
        places = self._profile.places_of(name, file_name)
        types, fid = self._tables.file_types, int(file_name, 16)
        read, update = self._right(file.read, name), self._right(file.update, name)
        if file.structure in ("fixed", "cyclic"):
            kind = types.fixed if file.structure == "fixed" else types.cyclic
            command = fmcos.create_record_file(
                fid, kind, len(places), places[0].record_length, read=read, update=update
            )
        else:
            variable = file.structure == "variable"
            kind = types.variable if variable else types.transparent
            size = sum(place.record_length + _RECORD_OVERHEAD * variable for place in places)
            command = fmcos.create_file(fid, kind, size, read=read, update=update)
        what = Text(f"建立文件 {name}/{file_name}", f"create file {name}/{file_name}")
        return Create(what, command, ())

    def _right(self, rule: AccessRule, directory: str) -> int:
        """The range of states XY that says a rule; closed where the chip's mask has to say it."""
        never = rule.kind in ("never", "internal")
        if never or not self._tables.carries(self._structure, directory, rule):
            return _NEVER
        if rule.kind == "free":
            return _FREE
        states = [self._settings.pin_state] * rule.pin
        states += [self._states[key] for key in rule.keys]
        return max(states) << 4 | min(states)


def _twice(state: int) -> int:
    """The right of one state alone."""
    return state << 4 | state


def _card_key(profile: CardProfile, identity: CardIdentity, name: str) -> CardKey:
    algorithm = profile.key_algorithm(name)
    return CardKey(name, 1, identity.division_code, identity.factor, algorithm)
