"""A blank card: how it is opened, built up, and how its personalization ends (ref 11)."""

from __future__ import annotations

from sscard_ic.apdu import iso, ssc
from sscard_ic.base.errors import CardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.channel import Channel, Refused
from sscard_ic.card.cos import builder_for
from sscard_ic.card.cos.steps import (
    Bench,
    BlankKeys,
    Create,
    End,
    Load,
    LoadKey,
    LoadPin,
    Prove,
    Send,
    Step,
    VerifyPin,
)
from sscard_ic.card.identity import CardIdentity
from sscard_ic.card.messages import Messages
from sscard_ic.card.proof import prove_key
from sscard_ic.crypto.suites import SUITES
from sscard_ic.keys import CardKey, Protection, require_keys
from sscard_ic.profile import CardProfile
from sscard_ic.reader.connection import Connection


class Blank:
    """A card between factory and issue.

    ``factory_serial`` is T8-TD of the ATR that the card left the factory with; ``identity`` in
    the methods is what it becomes. After a reset, :meth:`unlock` comes first. Every method may be
    called again after a crash or a torn card: what the card holds already is proved, not assumed.
    """

    def __init__(
        self,
        connection: Connection,
        profile: CardProfile,
        keys: BlankKeys,
        factory_serial: bytes,
    ) -> None:
        self._channel = Channel(connection)
        self._profile = profile
        self._settings = profile.dialect.settings
        self._builder = builder_for(profile)
        self._keys = keys
        self._factory_serial = factory_serial

    def unlock(self, identity: CardIdentity | None = None) -> bool:
        """Open the blank; False when the card says that its personalization ended.

        Raises :class:`Refused` when the proof is wrong; it is never tried twice.
        """
        return self._builder.unlock(self._bench(identity))

    def check_fresh(self) -> None:
        """Show that the card can be opened and holds nothing yet.

        Raises :class:`CardError` for a card that is not an unused blank; nothing is written.
        """
        if not (self.unlock() and self._builder.is_unused(self._bench())):
            raise CardError(
                Text("这张卡已经用过，不是空白卡", "this card is used already, not a blank"),
                hint=Text("换一张空白卡", "insert a blank card"),
            )

    def initialise(self, identity: CardIdentity, pin: Secret) -> None:
        """Build structure, keys, the initial PIN (``pin``, BCD block) and unset records.

        Raises :class:`UnknownKeyError` before anything is written when a key is lacking.
        """
        require_keys(self._keys, self._profile)
        for step in self._builder.initialisation():
            self._take(step, identity, pin)

    def finish(self, identity: CardIdentity) -> None:
        """Write the ATR of the issued card and end its personalization."""
        for step in self._builder.finish(identity.historical):
            self._take(step, identity, None)

    def check_ended(self) -> None:
        """Show that nothing can be built any more and that what opened the blank is refused.

        The card has just been powered up. Raises :class:`CardError` for what is still open.
        """
        self._builder.check_ended(self._bench())

    def check_directories(self) -> None:
        """Show that every directory is announced as it was written: FCI and DIR."""
        for what, command, expected in self._builder.announcements():
            if self._channel.send(command, what).data != expected:
                raise CardError(
                    Text(f"{what.zh}：与写入的不同", f"{what.en}: not what was written")
                )

    def _bench(self, identity: CardIdentity | None = None) -> Bench:
        return Bench(self._channel, self._keys, self._factory_serial, identity)

    def _take(self, step: Step, identity: CardIdentity, pin: Secret | None) -> None:
        match step:
            case Send():
                self._send(step, identity)
            case Create():
                self._create(step)
            case LoadKey():
                self._load_key(step, identity)
            case LoadPin():
                assert pin is not None, "a PIN is loaded by the initialisation"
                self._load_pin(step, identity, pin)
            case VerifyPin():
                assert pin is not None, "the PIN is known to the initialisation"
                self._channel.send(ssc.verify(pin), step.what)
            case Prove():
                self._prove(self._card_key(identity, step.key, step.version), step.what)
            case End():
                self._end(step)

    def _send(self, step: Send, identity: CardIdentity) -> None:
        command = step.command
        if step.mac is not None:
            messages = Messages(self._channel, self._keys, self._profile.dialect.messaging)
            command = messages.protect(command, self._card_key(identity, step.mac, 1))
        self._channel.send(command, step.what)

    def _create(self, step: Create) -> None:
        response = self._channel.ask(step.command)
        if response.sw.ok:
            return
        if response.sw != self._settings.file_exists:
            raise Refused(step.what, response.sw)
        for command in step.confirm:
            self._channel.send(command, step.what)

    def _load_key(self, step: LoadKey, identity: CardIdentity) -> None:
        key = self._card_key(identity, step.key, step.version)
        protection = self._protect(step, identity)
        command = self._keys.load_key(step.head, step.header, key, protection, step.filled)
        if self._loaded(step, command) and step.proof:
            self._prove(key, step.what)

    def _load_pin(self, step: LoadPin, identity: CardIdentity, pin: Secret) -> None:
        protection = self._protect(step, identity)
        command = self._keys.load_pin(step.head, step.header, pin, protection, step.filled)
        if self._loaded(step, command) and step.proof:
            self._channel.send(ssc.verify(pin), step.what)

    def _loaded(self, step: Load, command: Secret) -> bool:
        """Whether the record was there already; anything else than loading it is a failure."""
        response = self._channel.ask(command)
        if not response.sw.ok and response.sw != step.repeated:
            raise Refused(step.what, response.sw)
        return not response.sw.ok

    def _end(self, step: End) -> None:
        response = self._channel.ask(step.command)
        if not response.sw.ok and response.sw != step.already:
            raise Refused(step.what, response.sw)

    def _prove(self, key: CardKey, what: Text) -> None:
        prove_key(self._channel, self._profile, self._keys, key, what)

    def _protect(self, step: Load, identity: CardIdentity) -> Protection:
        cla = self._builder.key_cla[step.mode]
        if step.under is None or step.mode == "plain":
            return Protection("plain", cla)
        under = step.under
        key = self._card_key(identity, under, 1) if isinstance(under, str) else under
        if step.mode == "enciphered":
            return Protection(step.mode, cla, key)
        # T514: 4 bytes with 3DES, 8 with SM4 (ref 11 §5.3, 02 §4.1); the MAC fills them with 00.
        length = self._builder.challenge_length or SUITES[key.algorithm].block // 2
        command = iso.get_challenge(length)
        challenge = self._channel.send(command, Text("取随机数", "get a challenge")).data
        return Protection(step.mode, cla, key, challenge[:length])

    def _card_key(self, identity: CardIdentity, name: str, version: int) -> CardKey:
        algorithm = self._profile.key_algorithm(name)
        return CardKey(name, version, identity.division_code, identity.factor, algorithm)
