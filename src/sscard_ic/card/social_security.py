"""The social security application of an issued card (ref 01 §4, §10, 02 §1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from sscard_ic.apdu import Command, Response, iso, issuer, ssc
from sscard_ic.apdu.atr import historical_bytes
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.application import (
    Blocked,
    announced_flag,
    select_application,
)
from sscard_ic.card.channel import Channel, Refused
from sscard_ic.card.habits import Habits
from sscard_ic.card.identity import CardIdentity
from sscard_ic.card.messages import MessageRefused, Messages
from sscard_ic.card.own_keys import OwnKeys
from sscard_ic.card.proof import WrongPin, authenticate, check_card
from sscard_ic.card.reading import FILE_NOT_FOUND, RECORD_NOT_FOUND, FileReader, Reading
from sscard_ic.card.rights import Rights
from sscard_ic.card.updating import Progress, adds, nobody, pin_needed, writes
from sscard_ic.codec.digits import decode_cn
from sscard_ic.keys import (
    Authenticator,
    CardKey,
    MissingCapabilityError,
    UnknownKeyError,
    require_key,
)
from sscard_ic.profile import AccessRule, CardProfile, Located
from sscard_ic.reader.connection import Connection

_ROOT = "SSSE"
_IDENTIFICATION_CODE = "SSSE.EF05.01"
_NOT_SATISFIED = StatusWord(0x6982)


class SocialSecurityCard:
    """A session with the application; the constructor selects it.

    ``keys`` answers authentications; without it only what is free or opened by the PIN can be
    read. ``identity`` is read from the card (one exchange) unless the caller knows it.
    ``key_group`` is the group of every key that has several, by default the region's. Of a card
    whose region has no profile the constructor asks for the algorithm, too (one exchange).
    """

    def __init__(
        self,
        connection: Connection,
        profile: CardProfile,
        keys: Authenticator | None = None,
        *,
        identity: CardIdentity | None = None,
        habits: Habits | None = None,
        key_group: int | None = None,
        blocked_too: bool = False,
    ) -> None:
        self._channel = Channel(connection)
        group = profile.terminal.key_group if key_group is None else key_group
        self._keys = OwnKeys(profile, keys, group, lambda: self.identity)
        self._identity = identity
        self._habits = habits or Habits()
        self._reader = FileReader(self._channel, self._habits)
        self._rights = Rights(proof_replaces=profile.dialect.proof_replaces)
        self._directory = ""
        unknown = keys is not None and profile.region is None and profile.announced is None
        tolerated = profile.dialect.messaging.blocked_select if blocked_too else None
        fci = select_application(self._channel, with_fci=unknown, tolerated=tolerated)
        announced = announced_flag(fci)
        if unknown and announced is not None:
            self._keys.profile = replace(profile, announced=announced)
        self._directory = _ROOT

    @property
    def channel(self) -> Channel:
        """The way of single commands to this card."""
        return self._channel

    @property
    def profile(self) -> CardProfile:
        """What the card obeys."""
        return self._keys.profile

    # Identity and authentication

    @property
    def identity(self) -> CardIdentity:
        """Division code (from the identification code) and historical bytes of the card."""
        if self._identity is None:
            located = self._locate(_IDENTIFICATION_CODE)
            self.enter(_ROOT)
            code = self._reader.read_records([located])[located.path]
            return self._identify(code)
        return self._identity

    def _identify(self, code: bytes) -> CardIdentity:
        historical = historical_bytes(self._channel.connection.atr)
        self._identity = CardIdentity(decode_cn(code[:3]), historical, code)
        return self._identity

    def authenticate(self, key: str, version: int | None = None) -> None:
        """External authentication with ``key``; state falls when another directory is selected.

        With ``version`` its byte is sent; without it group and byte are those of the session and
        the region. Raises :class:`UnknownKeyError` before anything is sent, :class:`KeyRefused`
        when the card refuses: no other group is tried.
        """
        entry = self.profile.keys[key]
        keys, card_key = self._keys.need_service(key), self.card_key(key, version)
        require_key(keys, card_key)
        if entry.id >= 0x80 or entry.use == "master":
            self.enter(entry.directory)
        what = Text(f"认证密钥 {key}", f"authenticate key {key}")
        with_version = self._keys.sends_version(card_key, version)
        self._rights.trying()
        authenticate(self._channel, entry, card_key, keys, what, with_version=with_version)
        self._rights.authenticated(key)

    def check_authenticity(self, key: str = "IRK", version: int | None = None) -> None:
        """Internal authentication: the card proves that it holds its key."""
        entry = self.profile.keys[key]
        keys, card_key = self._keys.need_service(key), self.card_key(key, version)
        what = Text(f"内部认证 {key}", f"internally authenticate {key}")
        with_version = self._keys.sends_version(card_key, version)
        check_card(self._channel, entry, card_key, keys, what, with_version=with_version)

    def prove_all(self, directory: str) -> Sequence[str]:
        """Prove every version of every key of a directory; names of keys without a proof."""
        unproven = []
        for name, key in self.profile.structure.keys_of(directory).items():
            if key.use not in ("external", "internal", "master"):
                unproven.append(name)
                continue
            self.enter(directory)
            prove = self.check_authenticity if key.use == "internal" else self.authenticate
            for version in range(1, key.groups + 1):
                prove(name, version if key.groups > 1 else None)
        return unproven

    def card_key(self, name: str, version: int | None = None) -> CardKey:
        """The name of one key of this card, for a key service; by default of the session's group.

        Raises :class:`InputError` for a group that the key does not have.
        """
        return self._keys.named(name, version)

    # Secure messaging

    def messages(self, key: str) -> Messages:
        """Commands with a MAC by ``key``; raises when no key service can compute it."""
        return Messages(self._channel, self._keys.need_service(key), self.profile.dialect.messaging)

    def require_keys(self, *names: str) -> None:
        """Raise before anything is sent when the key service lacks one of the keys."""
        self._keys.require(*names)

    # PIN

    def verify_pin(self, pin: Secret) -> None:
        """VERIFY with a BCD block; raises :class:`WrongPin`. Never repeated by itself."""
        self._ask_pin(ssc.verify(pin), Text("校验密码", "verify the PIN"))
        self._rights.pin_verified()

    def change_pin(self, old: Secret, new: Secret) -> None:
        """CHANGE PIN; raises :class:`WrongPin` when ``old`` is wrong."""
        self._ask_pin(ssc.change_pin(old, new), Text("修改密码", "change the PIN"))

    def _ask_pin(self, command: Secret, what: Text) -> None:
        self._rights.trying()
        response = self._channel.ask(command)
        if not response.sw.ok:
            self.forget_pin()
            raise WrongPin(what, response.sw)

    def forget_pin(self) -> None:
        """The card no longer counts the PIN as verified: what it opens is closed."""
        self._rights.forget_pin()

    # Items

    def read_basic(self) -> Reading:
        """Issuer data and holder's basic data: SSSE EF05 and EF06."""
        return self.read(
            place for file in ("EF05", "EF06") for place in self.profile.places_of(_ROOT, file)
        )

    def opens(self, located: Located) -> bool:
        """Whether the card gives an item out now, with nothing authenticated for it.

        Raises :class:`Refused` when it does not for another reason than its access rules; of an
        empty log nothing can be told.
        """
        self.enter(located.directory_name)
        status = self._reader.probe(located)
        mac_missing = self.profile.dialect.messaging.mac_missing
        if not status.ok and status not in (_NOT_SATISFIED, RECORD_NOT_FOUND, mac_missing):
            raise Refused(Text(f"读取 {located.path}", f"read {located.path}"), status)
        return status.ok

    def read(self, wanted: Iterable[Located]) -> Reading:
        """The values of items; keys are authenticated where the profile asks for them.

        Items that the card does not have are left out: not every region uses every application.
        """
        reading = Reading()
        for _, group in groupby(wanted, key=lambda located: located.directory_name):
            by_file = groupby(group, key=lambda located: located.file_name)
            for _, items in [(name, list(entries)) for name, entries in by_file]:
                try:
                    self._read_file(items, reading)
                except Refused as refused:
                    if refused.sw != FILE_NOT_FOUND:
                        raise
        return reading

    def _read_file(self, items: Sequence[Located], reading: Reading) -> None:
        for located in [located for located in items if located.read.mac]:
            self._read_protected(located, reading)
        items = [located for located in items if not located.read.mac]
        if items:
            self._read_plain(items, reading)

    def _read_protected(self, located: Located, reading: Reading) -> None:
        """Read an item whose rule asks for a MAC; closed where no key service computes one."""
        mac = located.read.mac
        if mac is None or self._keys.service is None:
            reading.closed[located.path] = located.read
            return
        _ = self.identity  # may lead to the SSSE
        self.enter(located.directory_name)
        if not self._opened_for(located, reading):
            return
        self._reader.select(located)
        reading.values[located.path] = self.messages(mac).read_item(located, self.card_key(mac))

    def _read_plain(self, items: Sequence[Located], reading: Reading) -> None:
        if self._keys.service is not None and any(
            p.read.keys and not self._rights.meet(p.read) for p in items
        ):
            # Who the card is stands in the SSSE: it is read before the directory is entered.
            _ = self.identity
        self.enter(items[0].directory_name)
        open_items = [located for located in items if self._opened_for(located, reading)]
        if not open_items:
            return
        if items[0].file.structure == "transparent":
            reading.values[items[0].path] = self._reader.read_transparent(items[0])
            return
        everything = self.profile.places_of(items[0].directory_name, items[0].file_name)
        # A file with a closed record refuses "all records" as a whole.
        all_open = all(self._rights.meet(p.read) and not p.read.mac for p in everything)
        values = self._reader.read_records(open_items, everything if all_open else ())
        reading.values.update(values)
        if self._identity is None and _IDENTIFICATION_CODE in values:
            self._identify(values[_IDENTIFICATION_CODE])

    def _opened_for(self, located: Located, reading: Reading) -> bool:
        """Whether an item may be read now; why not, and for want of which key, is noted."""
        try:
            if self._opened(located.read):
                return True
        except (UnknownKeyError, MissingCapabilityError) as error:
            reading.lacking.setdefault(", ".join(located.read.names), error.what)
        reading.closed[located.path] = located.read
        return False

    def _opened(self, rule: AccessRule) -> bool:
        """Whether the rule is met, after authenticating what can be authenticated.

        Raises :class:`UnknownKeyError` and :class:`MissingCapabilityError` before anything is
        sent for it.
        """
        if self._keys.service is None or self._rights.lack_pin(rule):
            return self._rights.meet(rule)
        if rule.mac is not None:
            self._keys.require_mac(rule.mac)
        if not self._rights.meet(rule):
            wanted = self._keys.chosen(rule, rule.keys)
            self.require_keys(*wanted)
            for key in wanted:
                if not self._rights.has(key, rule):
                    self.authenticate(key)
        return self._rights.meet(rule)

    def require_means(self, wanted: Iterable[Located]) -> None:
        """Raise, before anything is sent for it, unless the rules of updating items can be met.

        :class:`CardError` when the PIN has to be verified, :class:`UnknownKeyError` and
        :class:`MissingCapabilityError` when the key service cannot do it.
        """
        for located in wanted:
            rule = located.update
            if rule.mac is not None:
                self._keys.require_mac(rule.mac)
            if self._rights.meet(rule):
                continue
            if self._rights.lack_pin(rule) or (rule.pin and self._keys.service is None):
                raise pin_needed(located)
            self.require_keys(*self._keys.chosen(rule, rule.keys))

    def open_for_update(self, wanted: Sequence[Located]) -> None:
        """Prove beforehand what updating items asks for, so that nothing is half done.

        For issued cards, which keep everything closed. Raises what :meth:`require_means` does,
        and :class:`KeyRefused`. Proofs hold until another directory is selected; with several
        directories they are repeated.
        """
        self.require_means(wanted)
        self._habits.closed_files |= {f"{p.directory_name}.{p.file_name}" for p in wanted}
        for directory, rule in dict.fromkeys((p.directory_name, p.update) for p in wanted):
            if not self._rights.meet(rule):
                self.enter(directory)
                self._opened(rule)

    def update(self, values: Mapping[str, bytes], on_write: Progress = nobody) -> None:
        """Write raw values by item path, in card order.

        Keys are authenticated only for files that the card keeps closed: a card still open from
        its initialisation, or a key authenticated before, costs nothing more.
        """
        wanted = [located for located in self.profile.places if located.path in values]
        unknown = values.keys() - {located.path for located in wanted}
        if unknown:
            raise KeyError(f"no such items: {', '.join(sorted(unknown))}")
        for (directory, _), group in groupby(
            wanted, key=lambda located: (located.directory_name, located.file_name)
        ):
            self.enter(directory)
            self._update_file(list(group), values, on_write)

    def _update_file(
        self,
        items: Sequence[Located],
        values: Mapping[str, bytes],
        on_write: Progress,
    ) -> None:
        name = f"{items[0].directory_name}.{items[0].file_name}"
        if name not in self._habits.closed_files or not self._authenticate_for(items[0]):
            self._reader.select(items[0])
        if items[0].file.structure == "cyclic":  # the newest record is written last
            items = items[::-1]
        for located in items:
            number = self._reader.elsewhere.get(located.path, located.number)
            settings = self.profile.dialect.settings
            commands = writes(located, values[located.path], settings, number)
            on_write(located.path, len(commands))
            for number, command in enumerate(commands, 1):
                self._write(located, command, name)
                on_write(located.path, len(commands) - number)

    def _write(self, located: Located, command: Command, file: str) -> None:
        closed = self._habits.closed_files
        response = self._ask_writing(located, command, protect=file in closed)
        asks_for_keys = response.sw == _NOT_SATISFIED and self._authenticate_for(located)
        mac_missing = response.sw == self.profile.dialect.messaging.mac_missing
        if asks_for_keys or (mac_missing and located.update.mac):
            closed.add(file)
            response = self._ask_writing(located, command, protect=True)
        if response.sw.ok:
            return
        what = Text(f"写入 {located.path}", f"write {located.path} {located.item.en}")
        missing = Text(str(located.update), str(located.update))
        if located.update.mac:
            raise MessageRefused(what, response.sw, located.update.mac, missing=missing)
        raise Refused(what, response.sw, missing=missing)

    def _ask_writing(self, located: Located, command: Command, *, protect: bool) -> Response:
        """With its MAC where the rule asks for one and ``protect`` says the card does, too."""
        mac = located.update.mac
        if mac is None or not protect:
            return self._channel.ask(command)
        if self._identity is None:
            _ = self.identity  # may lead to the SSSE
            self.enter(located.directory_name)
            self._reader.select(located)
        protected = issuer.protected(command)
        return self._channel.ask(self.messages(mac).protect(protected, self.card_key(mac)))

    def _authenticate_for(self, located: Located) -> bool:
        """Authenticate what updating an item asks for, and select its file.

        False, and nothing done, when there is nothing left to authenticate.
        """
        if self._rights.meet(located.update):
            return False
        fresh = [key for key in located.update.keys if not self._rights.has(key, located.update)]
        if self._keys.service is None or not fresh:
            return False
        _ = self.identity  # may lead to the SSSE
        self.enter(located.directory_name)
        for key in self._keys.chosen(located.update, fresh):
            self.authenticate(key)
        self._reader.select(located)
        return True

    def append(self, directory: str, file: str, record: bytes) -> None:
        """Add a record to a cyclic file, after authenticating what its rule asks for."""
        located = self.profile.places_of(directory, file)[0]
        rule = located.update
        name = f"{directory}.{file}"
        if self._keys.service is not None and not self._rights.meet(rule):
            _ = self.identity  # may lead to the SSSE
        self.enter(directory)
        self._opened(rule)
        self._reader.select(located)
        command = adds(record, self.profile.dialect.settings)
        what = Text(f"追加记录 {name}", f"add a record to {name}")
        self._channel.send(command, what, missing=Text(str(rule), str(rule)))

    def _locate(self, path: str) -> Located:
        places = self.profile.places
        return next(located for located in places if located.path == path)

    def enter(self, directory: str, *, blocked_too: bool = False) -> None:
        """Make ``directory`` the current one; key states fall, the PIN state stays.

        Raises :class:`Blocked` when it is blocked; ``blocked_too`` takes a temporarily blocked
        one.
        """
        if directory == self._directory:
            return
        entry = self.profile.structure.directories[directory]
        command = iso.select_fid(entry.fid) if entry.kind == "MF" else iso.select_name(entry.name)
        sw = self._channel.ask(command).sw
        tolerated = blocked_too and sw == self.profile.dialect.messaging.blocked_select
        if not sw.ok and not tolerated:
            what = Text(f"选择目录 {directory}", f"select directory {directory}")
            raise Blocked(what, sw) if Blocked.is_told_by(sw) else Refused(what, sw)
        self._directory = directory
        self._rights.left_directory()
        if entry.kind == "MF":
            self._rights.left_application()
