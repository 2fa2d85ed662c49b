"""The social security application of an issued card (ref 01 §4, §10, 02 §1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from sscard_ic.apdu import Command, iso, ssc
from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.channel import Channel, Refused
from sscard_ic.card.habits import Habits
from sscard_ic.card.identity import CardIdentity
from sscard_ic.card.proof import authenticate, check_card
from sscard_ic.card.reading import FileReader
from sscard_ic.codec.digits import decode_cn
from sscard_ic.codec.tlv import Record
from sscard_ic.keys import Authenticator, CardKey
from sscard_ic.profile import AccessRule, CardProfile, Located
from sscard_ic.reader.connection import Connection

SSSE_NAME = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
"""``sx1.sh.社会保障``, the same for every version of the card (ref 01 §2.1)."""

_ROOT = "SSSE"
_IDENTIFICATION_CODE = "SSSE.EF05.01"
_NOT_SATISFIED = StatusWord(0x6982)


@dataclass(slots=True)
class Reading:
    """What was read: raw values by item path, and the rules that kept others closed."""

    values: dict[str, bytes] = field(default_factory=dict, repr=False)
    closed: dict[str, AccessRule] = field(default_factory=dict)


class WrongPin(Refused):
    """The PIN was refused; ``tries_left`` says how often it may be tried again."""

    def __init__(self, command: Text, sw: StatusWord) -> None:
        super().__init__(command, sw)
        if self.tries_left == 0:
            self.hint = Text(
                "密码已锁定，请持卡人到服务窗口解锁或重置",
                "the PIN is locked; the holder has it unlocked or reset at a service window",
            )
        elif self.tries_left == 1:
            self.hint = Text("再错一次，密码即锁定", "one more wrong PIN locks it")


class SocialSecurityCard:
    """A session with the application; the constructor selects it.

    ``keys`` answers authentications; without it only what is free or opened by the PIN can be
    read. ``identity`` is read from the card (one exchange) unless the caller knows it.
    """

    def __init__(
        self,
        connection: Connection,
        profile: CardProfile,
        keys: Authenticator | None = None,
        *,
        identity: CardIdentity | None = None,
        habits: Habits | None = None,
    ) -> None:
        self._channel = Channel(connection)
        self._profile = profile
        self._keys = keys
        self._identity = identity
        self._habits = habits or Habits()
        self._reader = FileReader(self._channel, self._habits)
        self._authenticated: set[str] = set()
        self._pin_verified = False
        self._directory = ""
        response = self._channel.ask(iso.select_name(SSSE_NAME))
        if not response.sw.ok:
            raise CardError(
                Text(
                    f"卡上没有社会保障应用（{response.sw}）",
                    f"no social security application on this card ({response.sw})",
                ),
                hint=Text("请插入社会保障卡", "insert a social security card"),
            )
        self._directory = _ROOT

    @property
    def channel(self) -> Channel:
        """The way of single commands to this card."""
        return self._channel

    @property
    def profile(self) -> CardProfile:
        """What the card obeys."""
        return self._profile

    # Identity and authentication

    @property
    def identity(self) -> CardIdentity:
        """Division code (from the identification code) and historical bytes of the card."""
        if self._identity is None:
            located = self._locate(_IDENTIFICATION_CODE)
            self.enter(_ROOT)
            code = self._reader.read_records([located])[located.path]
            self._identity = CardIdentity(
                decode_cn(code[:3]), historical_bytes(self._channel.connection.atr)
            )
        return self._identity

    def authenticate(self, key: str, version: int | None = None) -> None:
        """External authentication with ``key``; state falls when another directory is selected."""
        entry = self._profile.keys[key]
        card_key = self.card_key(key, version or 1)
        if entry.id >= 0x80 or entry.use == "master":
            self.enter(entry.directory)
        what = Text(f"认证密钥 {key}", f"authenticate key {key}")
        authenticate(self._channel, entry.id, card_key, self._need_keys(key), what, version)
        self._authenticated.add(key)

    def check_authenticity(self, key: str = "IRK", version: int | None = None) -> None:
        """Internal authentication: the card proves that it holds its key."""
        card_key = self.card_key(key, version or 1)
        what = Text(f"内部认证 {key}", f"internally authenticate {key}")
        entry = self._profile.keys[key]
        check_card(self._channel, entry.id, card_key, self._need_keys(key), what, version)

    def prove_all(self, directory: str) -> Sequence[str]:
        """Prove every version of every key of a directory; names of keys without a proof."""
        unproven = []
        for name, key in self._profile.structure.keys_of(directory).items():
            if key.use == "mac":
                unproven.append(name)
                continue
            self.enter(directory)
            prove = self.check_authenticity if key.use == "internal" else self.authenticate
            for version in range(1, key.groups + 1):
                prove(name, version if key.groups > 1 else None)
        return unproven

    def card_key(self, name: str, version: int = 1) -> CardKey:
        """The name of one key of this card, for a key service."""
        identity = self.identity
        return CardKey(name, version, identity.division_code, identity.factor)

    def _need_keys(self, key: str) -> Authenticator:
        if self._keys is None:
            raise CardError(
                Text(
                    f"需要密钥 {key}，但没有密钥服务",
                    f"key {key} is needed and no key service given",
                ),
                hint=Text("用 --vault 指定密钥库", "name a vault with --vault"),
            )
        return self._keys

    # PIN

    def verify_pin(self, pin: Secret) -> None:
        """VERIFY with a BCD block; raises :class:`WrongPin`. Never repeated by itself."""
        response = self._channel.ask(ssc.verify(pin))
        if not response.sw.ok:
            raise WrongPin(Text("校验密码", "verify the PIN"), response.sw)
        self._pin_verified = True

    def change_pin(self, old: Secret, new: Secret) -> None:
        """CHANGE PIN; raises :class:`WrongPin` when ``old`` is wrong."""
        response = self._channel.ask(ssc.change_pin(old, new))
        if not response.sw.ok:
            raise WrongPin(Text("修改密码", "change the PIN"), response.sw)

    # Items

    def read_basic(self) -> Reading:
        """Issuer data and holder's basic data: SSSE EF05 and EF06."""
        return self.read(
            place for file in ("EF05", "EF06") for place in self._profile.places_of(_ROOT, file)
        )

    def opens(self, located: Located) -> bool:
        """Whether the card gives an item out now, with nothing authenticated for it.

        Raises :class:`Refused` when it does not for another reason than its access rules.
        """
        self.enter(located.directory_name)
        status = self._reader.probe(located)
        if not status.ok and status != _NOT_SATISFIED:
            raise Refused(Text(f"读取 {located.path}", f"read {located.path}"), status)
        return status.ok

    def read(self, wanted: Iterable[Located]) -> Reading:
        """The values of items; keys are authenticated where the profile asks for them."""
        reading = Reading()
        for _, group in groupby(wanted, key=lambda located: located.directory_name):
            by_file = groupby(group, key=lambda located: located.file_name)
            for _, items in [(name, list(entries)) for name, entries in by_file]:
                self._read_file(items, reading)
        return reading

    def read_singly(self, wanted: Sequence[Located]) -> Reading:
        """Items of one file that are free on every card, record by record.

        For cards whose profile is not known yet, where "all records" might meet a closed one.
        """
        self.enter(wanted[0].directory_name)
        return Reading(self._reader.read_records(wanted))

    def _read_file(self, items: Sequence[Located], reading: Reading) -> None:
        if self._keys is not None and any(p.read.keys and not self._met(p.read) for p in items):
            # Who the card is stands in the SSSE: it is read before the directory is entered.
            _ = self.identity
        self.enter(items[0].directory_name)
        open_items = []
        for located in items:
            if self._opened(located.read):
                open_items.append(located)
            else:
                reading.closed[located.path] = located.read
        if not open_items:
            return
        if items[0].file.structure == "transparent":
            reading.values[items[0].path] = self._reader.read_transparent(items[0])
            return
        everything = list(self._profile.places_of(items[0].directory_name, items[0].file_name))
        # A file with a closed record refuses "all records" as a whole.
        all_open = all(self._met(located.read) for located in everything)
        total = sum(located.item.length + 2 for located in everything) if all_open else 0
        reading.values.update(self._reader.read_records(open_items, total))

    def _opened(self, rule: AccessRule) -> bool:
        """Whether the rule is met, after authenticating what can be authenticated."""
        if self._keys is not None:
            for key in rule.keys:
                if self._met(rule):
                    break
                self.authenticate(key)
        return self._met(rule)

    def _met(self, rule: AccessRule) -> bool:
        if rule.kind != "conditions":
            return rule.kind == "free"
        met = [self._pin_verified] * rule.pin + [key in self._authenticated for key in rule.keys]
        return all(met) if rule.logic == "and" else any(met)

    def update(self, values: Mapping[str, bytes]) -> None:
        """Write raw values by item path, in card order.

        Keys are authenticated only for files that the card keeps closed: a card still open from
        its initialisation, or a key authenticated before, costs nothing more.
        """
        unknown = set(values)
        wanted = []
        for located in self._profile.places:
            if located.path in values:
                wanted.append(located)
                unknown.discard(located.path)
        if unknown:
            raise KeyError(f"no such items: {', '.join(sorted(unknown))}")
        for (directory, _), group in groupby(
            wanted, key=lambda located: (located.directory_name, located.file_name)
        ):
            self.enter(directory)
            self._update_file(list(group), values)

    def _update_file(self, items: Sequence[Located], values: Mapping[str, bytes]) -> None:
        name = f"{items[0].directory_name}.{items[0].file_name}"
        if name not in self._habits.closed_files or not self._authenticate_for(items[0]):
            self._reader.select(items[0])
        block = self._profile.dialect.settings.write_block
        for located in items:
            for command in _writes(located, values[located.path], block):
                response = self._channel.ask(command)
                if response.sw == _NOT_SATISFIED and self._authenticate_for(located):
                    self._habits.closed_files.add(name)
                    response = self._channel.ask(command)
                if not response.sw.ok:
                    raise Refused(
                        Text(f"写入 {located.path}", f"write {located.path} {located.item.en}"),
                        response.sw,
                        missing=Text(str(located.update), str(located.update)),
                    )

    def _authenticate_for(self, located: Located) -> bool:
        """Authenticate what updating an item asks for, and select its file.

        False, and nothing done, when there is no key left to authenticate.
        """
        fresh = [key for key in located.update.keys if key not in self._authenticated]
        if self._keys is None or not fresh:
            return False
        _ = self.identity  # may lead to the SSSE
        self.enter(located.directory_name)
        for key in fresh:
            self.authenticate(key)
        self._reader.select(located)
        return True

    def _locate(self, path: str) -> Located:
        places = self._profile.places
        return next(located for located in places if located.path == path)

    def enter(self, directory: str) -> None:
        """Make ``directory`` the current one; key states fall, the PIN state stays."""
        if directory == self._directory:
            return
        entry = self._profile.structure.directories[directory]
        command = iso.select_fid(entry.fid) if entry.kind == "MF" else iso.select_name(entry.name)
        self._channel.send(command, Text(f"选择目录 {directory}", f"select directory {directory}"))
        self._directory = directory
        self._authenticated.clear()


def _writes(located: Located, value: bytes, block: int) -> Sequence[Command]:
    """The commands that write one value into its selected file, ``block`` bytes at a time."""
    if located.file.structure == "transparent":
        return [
            iso.update_binary(offset, value[offset : offset + block])
            for offset in range(0, len(value), block)
        ]
    assert located.item.tag is not None
    return [iso.update_record(located.number, bytes(Record(located.item.tag, value)))]
