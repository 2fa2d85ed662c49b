"""A blank PSAM: built up and closed in the dialect KS-A (ref 02 §7.5, 12 §5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sscard_ic.apdu import Command, iso, psam, psam_ksa
from sscard_ic.apdu.psam import KeyHeader, PublicData, Validity
from sscard_ic.base.errors import CardError, InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.channel import Channel
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.keys import CardKey, PsamLoader, PsamRoot
from sscard_ic.profile.psam import ControlKey, HeldKey, PsamDirectory, PsamFile, PsamProfile
from sscard_ic.reader.connection import Connection

_SERIAL_DIGITS = 20
_FACTOR_DIGITS = 16
_ENTRY, _NAME = 0x61, 0x4F
_KEY_TYPE = psam.KeyType.CONTROL


class PsamBlank:
    """A PSAM between factory and issue; ``keys`` build the commands that carry its keys.

    What went wrong half-way is not resumed: :meth:`recycle` makes it a blank again.
    """

    def __init__(self, connection: Connection, profile: PsamProfile, keys: PsamLoader) -> None:
        self._channel = Channel(connection)
        self._profile = profile
        self._model = profile.model
        self._dialect = profile.model.dialect
        self._keys = keys

    def make(self, terminal: str) -> None:
        """Build up the PSAM of the terminal with this 12-digit number, and close it.

        Raises :class:`InputError` for a number of another form or city, :class:`CardError` for a
        card that is no blank, :class:`Refused` for whatever else it refuses.
        """
        self.check_terminal(self._profile, terminal)
        for name, directory in self._model.directories.items():
            self._create(name, directory)
            for fid, file in directory.files.items():
                self._create_file(int(fid, 16), file)
                self._fill(directory, int(fid, 16), file, terminal)
            for own in directory.keys:
                self._load_own(own, terminal)
            for held in self._profile.held(name):
                self._load(held)
        for name in reversed(self._model.directories):
            self._select(name)
            self._end(self._model.directories[name])

    def recycle(self) -> None:
        """Make it a blank again, whatever it holds."""
        self._channel.send(self._signed(psam_ksa.RECYCLE), Text("回收 PSAM", "recycle the PSAM"))

    @staticmethod
    def check_terminal(profile: PsamProfile, terminal: str) -> None:
        """Raise :class:`InputError` unless it is the number of a terminal of the PSAM's city."""
        issuer = profile.region.issuer
        if not re.fullmatch(r"[0-9]{12}", terminal):
            raise InputError(
                Text("终端机编号应为 12 位数字", "a terminal number has 12 digits"), where=terminal
            )
        if not terminal.startswith(issuer.division_code):
            raise InputError(
                Text(
                    f"终端机编号的前 6 位应为发行地区 {issuer.division_code}",
                    f"a terminal number begins with the region of issue, {issuer.division_code}",
                ),
                where=terminal,
                hint=Text(f"例如 {issuer.division_code}000001", f"{issuer.division_code}000001"),
            )

    # Directories and files

    def _create(self, name: str, directory: PsamDirectory) -> None:
        kinds, tail = self._dialect.kinds, self._dialect.directory_tail
        what = Text(f"建立目录 {name}", f"create the directory {name}")
        if directory.parent is None:
            middle = self._dialect.mf_middle
            header = psam_ksa.DirectoryHeader(directory.fid, kinds.mf, middle, directory.name, tail)
            if not self._channel.ask(psam_ksa.create_mf(header)).sw.ok:
                raise CardError(
                    Text("不是空白 PSAM 卡", "this is no blank PSAM"),
                    hint=Text("换一张空白 PSAM 卡", "insert a blank one"),
                )
        else:
            self._select(directory.parent)
            middle = self._dialect.directory_middle
            header = psam_ksa.DirectoryHeader(
                directory.fid, kinds.directory, middle, directory.name, tail
            )
            self._channel.send(psam_ksa.create(header), what)
        self._select(name)

    def _select(self, name: str) -> None:
        """Walk from the MF down to a directory."""
        directory = self._model.directories[name]
        if directory.parent is not None:
            self._select(directory.parent)
        what = Text(f"选择目录 {name}", f"select the directory {name}")
        self._channel.send(iso.select_fid(directory.fid), what)

    def _create_file(self, fid: int, file: PsamFile) -> None:
        kinds, rights = self._dialect.kinds, self._dialect.rights
        form, read = 0, rights.free
        match file.content:
            case "keys":
                kind, form, read = kinds.keys, kinds.key_form, rights.never
            case "directory":
                kind = kinds.records
            case _:
                kind = kinds.transparent
        header = psam_ksa.FileHeader(fid, kind, form, file.size, read, getattr(rights, file.update))
        what = Text(f"建立文件 {fid:04X} {file.zh}", f"create the file {fid:04X}, {file.en}")
        self._channel.send(psam_ksa.create(header), what)

    def _fill(self, directory: PsamDirectory, fid: int, file: PsamFile, terminal: str) -> None:
        what = Text(f"写文件 {fid:04X} {file.zh}", f"write the file {fid:04X}, {file.en}")
        for number, command in enumerate(self._contents(directory, file, terminal)):
            if number == 0:
                self._channel.send(iso.select_fid(fid), what)
            self._channel.send(command, what)

    def _contents(
        self, directory: PsamDirectory, file: PsamFile, terminal: str
    ) -> Iterator[Command]:
        match file.content:
            case "keys":
                return
            case "directory":
                for number, name in enumerate(self._applications(directory), start=1):
                    record = encode_ber(_ENTRY, encode_ber(_NAME, name))
                    yield iso.update_record(number, record)
            case "public":
                public = self._model.public
                yield iso.update_binary(
                    0,
                    bytes(
                        PublicData(
                            public.issuer,
                            terminal.zfill(_SERIAL_DIGITS),
                            public.version,
                            public.card_type,
                            public.fci,
                        )
                    ),
                )
            case "terminal":
                yield iso.update_binary(0, bytes.fromhex(terminal))
            case "number":
                first = self._dialect.settings.first_number
                yield iso.update_binary(0, first.to_bytes(psam.NUMBER_LENGTH, "big"))
            case owner:
                of = self._model.owners[owner]
                validity = Validity(of.dpk_index, of.key_version, of.first, of.last)
                yield iso.update_binary(0, bytes(validity))

    def _applications(self, directory: PsamDirectory) -> Iterator[bytes]:
        """Names of the applications right below a directory."""
        for other in self._model.directories.values():
            if (
                other.algorithm
                and other.parent
                and self._model.directories[other.parent] is directory
            ):
                yield other.name

    # Keys

    def _load_own(self, own: ControlKey, terminal: str) -> None:
        factor = bytes.fromhex(terminal.zfill(_FACTOR_DIGITS))
        key = CardKey(own.root, 1, self._profile.region.issuer.division_code, factor)
        header = KeyHeader(_KEY_TYPE, own.id, psam.TRIPLE_DES_KEY)
        self._load_key(int(own.file, 16), header, key, f"{own.id:02X}")

    def _load(self, held: HeldKey) -> None:
        key = PsamRoot(
            held.name,
            held.version,
            self._profile.region.issuer.division_code,
            psam.steps_of(held.usage),
            held.algorithm,
        )
        header = KeyHeader(held.usage, held.id, held.algorithm_byte)
        self._load_key(int(held.file, 16), header, key, held.name)

    def _load_key(self, file: int, header: KeyHeader, key: PsamRoot | CardKey, name: str) -> None:
        head, transport = psam_ksa.load_key_head(file), self._dialect.transport_root
        command = self._keys.load_psam_key(head, bytes(header), key, transport, self._challenge())
        self._channel.send(command, Text(f"装载密钥 {name}", f"load the key {name}"))

    def _end(self, directory: PsamDirectory) -> None:
        what = Text(f"结束个人化：{directory.zh}", f"end the personalization: {directory.en}")
        self._channel.send(self._signed(psam_ksa.END), what)

    def _signed(self, head: bytes) -> Secret:
        transport = self._dialect.transport_root
        return self._keys.sign_psam_command(head, transport, self._challenge())

    def _challenge(self) -> bytes:
        length = self._dialect.settings.loading_challenge
        what = Text("取随机数", "get a challenge")
        return self._channel.send(iso.get_challenge(length), what).data
