"""MCOS/PBOC/SSC (华大): the initialisation of a social security card (ref 11 §3, §9).

Rights hold from the moment a file is created, so whatever is written is written after a proof: the
control key of the directory for what lies in it, the update keys for the unset records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from sscard_ic.apdu import Command, iso, mcos
from sscard_ic.base.errors import CardError, InputError, Text
from sscard_ic.card.cos import plan
from sscard_ic.card.cos.mcos_layout import McosLayout
from sscard_ic.card.cos.steps import (
    Bench,
    Create,
    End,
    LoadKey,
    LoadPin,
    Prove,
    Send,
    Step,
    VerifyPin,
)
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.keys import Mode, PublishedKey
from sscard_ic.profile import CardProfile
from sscard_ic.profile.cos.mcos import McosDialect
from sscard_ic.profile.structure import Key

_INITIAL, _DEVELOPMENT, _WORKING = 0x0A, 0x0B, 0x0C
_STATE_AT = 7
"""Place of the card state in the answer to GET INFO."""
_PIN_LENGTH = 8
_WRONG_MAC, _NOT_PROVED = 0x6988, 0x6982
_INFORMATION = Text("询问卡的状态", "ask for the state of the card")
_MANUFACTURER = Text("认证制造商密钥", "authenticate the manufacturer key")
_ATR = Text("写入复位应答", "write the answer to reset")


class McosBuilder:
    """Builds the commands of one profile; the tables come from ``profile.dialect``."""

    key_cla: Mapping[Mode, int] = {"plain": 0x80, "enciphered_mac": 0x84}

    def __init__(self, profile: CardProfile) -> None:
        dialect = profile.dialect
        assert isinstance(dialect, McosDialect)
        self._profile = profile
        self._structure = profile.structure
        self._tables = dialect
        self._settings = dialect.settings
        self._layout = McosLayout(profile)
        self.challenge_length: int | None = dialect.settings.loading_challenge

    def unlock(self, bench: Bench) -> bool:
        """GET INFO; the manufacturer key where there is no MF yet (ref 11 §3.1)."""
        state = self._state(bench)
        if state == _INITIAL:
            what = Text("取随机数", "get a challenge")
            challenge = bench.channel.send(iso.get_challenge(), what).data
            own = self._tables.factory_key
            published = PublishedKey(own) if own is not None else None
            cryptogram = bench.keys.blank_cryptogram(challenge, published)
            reference = self._settings.manufacturer_reference
            command = mcos.external_authenticate(reference, cryptogram)
            bench.channel.send(command, _MANUFACTURER)
        elif state not in (_DEVELOPMENT, _WORKING):
            raise CardError(
                Text(f"卡的状态为 {state:02X}", f"the card is in state {state:02X}"),
                hint=Text("卡已锁定或损坏，请换卡", "it is locked or broken; insert another card"),
            )
        return state != _WORKING

    def is_unused(self, bench: Bench) -> bool:
        """No MF yet."""
        return self._state(bench) == _INITIAL

    def _state(self, bench: Bench) -> int:
        data = bench.channel.send(mcos.get_information(), _INFORMATION).data
        if len(data) != mcos.INFORMATION_LENGTH:
            raise CardError(
                Text("卡的状态信息长度不对", "the card's information has another length"),
                hint=Text("这不是 MCOS 卡", "this is no card with MCOS"),
            )
        return data[_STATE_AT]

    def finish(self, historical: bytes) -> Sequence[Step]:
        """The content of the ATR file, then FREEZE MF (ref 11 §3.1, §9 step 13)."""
        mf = plan.master_file(self._structure)
        freeze = Text("冻结主文件", "freeze the MF")
        return (
            plan.select(self._structure, mf),
            plan.prove_master(self._structure, mf),
            Send(_ATR, iso.select_fid(self._tables.internal_files.atr, 0x02)),
            Send(_ATR, iso.update_binary(0, historical)),
            End(freeze, mcos.freeze(), self._settings.already_frozen),
        )

    def check_ended(self, bench: Bench) -> None:
        """The card says that it works, and refuses another MF and another end.

        The manufacturer key is not tried: its reference now is that of the MF's control key, which
        a failure would cost a try.
        """
        working = self._state(bench) == _WORKING
        frozen = bench.channel.ask(mcos.freeze()).sw == self._settings.already_frozen
        created = bench.channel.ask(self._layout.create(plan.master_file(self._structure))).sw
        if not (working and frozen and not created.ok):
            raise CardError(Text("主文件没有冻结", "the MF is not frozen"))

    def announcements(self) -> Sequence[tuple[Text, Command, bytes]]:
        """FCI of every directory, then the records of DIR in the MF."""
        dir_fid = self._tables.internal_files.directory
        return plan.announcements(self._structure, self._template, dir_fid)

    def _template(self, name: str) -> bytes:
        """FCI: ``6F L 84 name A5 { 88 SFI of DIR }``, of an ADF ``{ 9F0C 00 }`` (ref 11 §3.5)."""
        directory = self._structure.directories[name]
        sfi = bytes((self._tables.internal_files.directory & 0x1F,))
        inner = encode_ber(0x9F0C) if directory.kind == "ADF" else encode_ber(0x88, sfi)
        return encode_ber(0x6F, encode_ber(0x84, directory.name), encode_ber(0xA5, inner))

    def initialisation(self) -> Sequence[Step]:
        """MF with ATR file and DIR, SSSE, then every ADF with its keys, files, unset records."""
        return self._initialisation

    @cached_property
    def _initialisation(self) -> tuple[Step, ...]:
        structure = self._structure
        mf = plan.master_file(structure)
        steps: list[Step] = [*self._directory(mf), *self._atr_file(), *self._directory_file()]
        for name, directory in structure.directories.items():
            if directory.kind != "DDF":
                continue
            steps += [plan.select(structure, mf), plan.prove_master(structure, mf)]
            steps += self._directory(name)
            children = [n for n, d in structure.directories.items() if d.parent == name]
            steps += [self._create_directory(child) for child in children]
            for child in children:
                steps += self._directory(child, create=False)
        return tuple(steps)

    # Directories

    def _directory(self, name: str, create: bool = True) -> Iterator[Step]:
        """A directory, current afterwards, with its control key, keys, files and records."""
        if create:
            yield self._create_directory(name)
        yield plan.select(self._structure, name)
        yield self._master_key(name)
        yield plan.prove_master(self._structure, name)
        if plan.key_records(self._structure, name) > 1:
            yield self._key_file(name)
            for key_name, key in self._structure.keys_of(name).items():
                yield from self._key(key_name, key)
            if name == self._structure.pin_directory:
                yield self._pin(name)
        yield from self._files(name)

    def _create_directory(self, name: str) -> Create:
        parent = self._structure.directories[name].parent
        confirm = [plan.select(self._structure, name).command]
        if self._structure.directories[name].kind == "ADF":
            assert parent is not None, "an ADF lies in a DDF"
            confirm += [plan.select(self._structure, parent).command]
        what = Text(f"建立目录 {name}", f"create directory {name}")
        return Create(what, self._layout.create(name), tuple(confirm))

    def _files(self, name: str) -> Iterator[Step]:
        """The files, then their unset records, by the keys that may update them."""
        files = self._structure.directories[name].files
        for file_name in files:
            fid = int(file_name, 16)
            yield Create(
                Text(f"建立文件 {name}/{file_name}", f"create file {name}/{file_name}"),
                self._layout.create_file(name, file_name),
                (iso.select_fid(fid, 0x02),),
            )
        proved: set[str] = set()
        for file_name, file in files.items():
            if file.structure in ("variable", "fixed"):
                yield from self._prove_update(name, file_name, proved)
                yield from plan.unset_records(self._profile, name, file_name, file.update.mac)

    def _prove_update(self, name: str, file_name: str, proved: set[str]) -> Iterator[Step]:
        """What updating a file asks for and is not proved yet.

        Raises :class:`InputError` where nobody may.
        """
        rule = self._structure.directories[name].files[file_name].update
        if rule.kind in ("never", "internal"):
            raise InputError(
                Text(
                    f"MCOS 无法初始化记录，修改权限为 {rule}",
                    f"MCOS cannot initialise the records, whose update rule is {rule}",
                ),
                where=f"{name}.{file_name}",
                hint=Text(
                    "卡从建立文件起就执行权限", "rights hold from the moment a file is there"
                ),
            )
        keys = rule.keys if rule.logic == "and" else rule.keys[:1]
        if rule.pin and (rule.logic == "and" or not keys) and "" not in proved:
            yield VerifyPin(Text("校验初始密码", "verify the initial PIN"))
            proved.add("")
        for key in keys:
            if key not in proved:
                yield Prove(Text(f"认证密钥 {key}", f"authenticate key {key}"), key)
            proved.add(key)

    # Internal files

    def _atr_file(self) -> Iterator[Step]:
        """Created unwritten: until it is finished the card keeps the ATR of the factory."""
        fid = self._tables.internal_files.atr
        what = Text("建立复位应答文件", "create the ATR file")
        yield Create(what, self._layout.create_atr_file(), (iso.select_fid(fid, 0x02),))

    def _directory_file(self) -> Iterator[Step]:
        fid = self._tables.internal_files.directory
        records = plan.directory_records(self._structure)
        what = Text("建立目录文件 DIR", "create the directory file DIR")
        command = self._layout.create_directory_file([len(record) for record in records])
        yield Create(what, command, (iso.select_fid(fid, 0x02),))
        what = Text("写目录文件 DIR", "write the directory file DIR")
        yield Send(what, iso.select_fid(fid, 0x02))
        for number, record in enumerate(records, 1):
            yield Send(what, iso.update_record(number, record))

    def _key_file(self, name: str) -> Create:
        what = Text(f"建立 {name} 的密钥文件", f"create the key file of {name}")
        return Create(what, self._layout.create_key_file(name), ())

    # Keys

    @property
    def _mode(self) -> Mode:
        return self._settings.key_loading

    def _master_key(self, name: str) -> LoadKey:
        """The control key in the place of the zeros that come with a new directory."""
        return LoadKey(
            Text(f"替换 {name} 的主控密钥", f"replace the control key of {name}"),
            mcos.update_master_key_head(),
            bytes(3),
            self._mode,
            PublishedKey(bytes(16), self._profile.algorithm),
            0,
            # Already replaced: by the zeros neither the MAC is right nor anything proved.
            _WRONG_MAC if self._mode == "enciphered_mac" else _NOT_PROVED,
            proof=False,
            key=plan.master_key(self._structure, name),
            version=1,
        )

    def _key(self, name: str, key: Key) -> Iterator[LoadKey]:
        if key.use == "master":
            return
        for version in range(1, key.groups + 1):
            what = Text(f"写入密钥 {name} 版本 {version}", f"load key {name} version {version}")
            header = self._layout.key_header(name, version)
            proof = key.use in ("external", "internal")
            yield self._load(what, header, name, version, proof)
        if key.role == "unlock_pin":
            # Terminals authenticate it; the PIN's record asks for a transport key (ref 11 §9 B1).
            what = Text(f"写入传输密钥 {name}", f"load {name} as a transport key")
            yield self._load(what, self._layout.service_header(name), name, 1, proof=False)

    def _load(self, what: Text, header: bytes, name: str, version: int, proof: bool) -> LoadKey:
        directory = self._structure.keys[name].directory
        return LoadKey(
            what,
            mcos.add_key_head(self._tables.internal_files.keys & 0x1F),
            header,
            self._mode,
            plan.master_key(self._structure, directory),
            0,
            self._settings.key_exists,
            proof,
            name,
            version,
        )

    def _pin(self, name: str) -> LoadPin:
        return LoadPin(
            Text("写入初始密码", "load the initial PIN"),
            mcos.add_key_head(self._tables.internal_files.keys & 0x1F),
            self._layout.pin_header(),
            self._mode,
            plan.master_key(self._structure, name),
            _PIN_LENGTH,
            self._settings.key_exists,
            proof=True,
        )
