"""A blank card: proof of the transport code, initialisation, end of personalization (ref 11)."""

from __future__ import annotations

from typing import Protocol

from sscard_ic.apdu import iso, ssc
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.channel import Channel, Refused
from sscard_ic.card.cos import builder_for
from sscard_ic.card.cos.steps import AuthenticateMaster, Create, LoadKey, LoadPin, Send, Step
from sscard_ic.card.identity import CardIdentity
from sscard_ic.card.proof import prove_key
from sscard_ic.keys import Authenticator, BlankOpener, CardKey, KeyLoader, Protection
from sscard_ic.profile import CardProfile
from sscard_ic.reader.connection import Connection

_MF = 0x3F00
_TRANSPORT = Text("出示传输码", "present the transport code")


class BlankKeys(Authenticator, BlankOpener, KeyLoader, Protocol):
    """What building up a blank asks of the key service."""


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

    def unlock(self) -> bool:
        """Present the transport code; False when the card says that its personalization ended.

        Raises :class:`Refused` when the code is wrong; it is never tried twice.
        """
        code = self._keys.transport_code(self._factory_serial)
        response = self._channel.ask(self._builder.transport_code(code))
        if response.sw.ok:
            return True
        if response.sw == self._settings.transport_code_after_end:
            return False
        raise Refused(_TRANSPORT, response.sw)

    def check_fresh(self) -> None:
        """Show that the card accepts the transport code and holds nothing yet.

        Raises :class:`CardError` for a card that is not an unused blank; nothing is written.
        """
        if not self.unlock() or self._channel.ask(iso.select_fid(_MF)).sw.ok:
            raise CardError(
                Text("这张卡已经用过，不是空白卡", "this card is used already, not a blank"),
                hint=Text("换一张空白卡", "insert a blank card"),
            )

    def initialise(self, identity: CardIdentity, pin: Secret) -> None:
        """Build structure, keys, the initial PIN (``pin``, BCD block) and unset records."""
        for step in self._builder.initialisation():
            self._take(step, identity, pin)

    def finish(self, identity: CardIdentity) -> None:
        """Write the ATR of the issued card and end every directory."""
        for step in self._builder.atr(identity.historical):
            self._channel.send(step.command, step.what)
        for select, end, _ in self._builder.end():
            self._channel.send(select.command, select.what)
            response = self._channel.ask(end.command)
            if not response.sw.ok and response.sw != self._settings.already_ended:
                raise Refused(end.what, response.sw)

    def check_ended(self) -> None:
        """Show that no directory takes files any more and that the transport code is refused.

        The card has just been powered up. Raises :class:`CardError` for the first that is open.
        """
        for select, end, probe in self._builder.end():
            self._channel.send(select.command, select.what)
            ended = self._channel.ask(end.command).sw == self._settings.already_ended
            closed = self._channel.ask(probe.command).sw == self._settings.create_after_end
            if not (ended and closed):
                raise CardError(
                    Text(f"没有结束：{end.what.zh}", f"has not taken effect: {end.what.en}")
                )
        if self.unlock():
            raise CardError(Text("传输码仍然有效", "the transport code is still accepted"))

    def check_directories(self) -> None:
        """Show that every directory is announced as it was written: FCI and DIR."""
        for what, command, expected in self._builder.announcements():
            if self._channel.send(command, what).data != expected:
                raise CardError(
                    Text(f"{what.zh}：与写入的不同", f"{what.en}: not what was written")
                )

    def _take(self, step: Step, identity: CardIdentity, pin: Secret) -> None:
        match step:
            case Send():
                self._channel.send(step.command, step.what)
            case Create():
                self._create(step)
            case LoadKey():
                self._load_key(step, identity)
            case LoadPin():
                self._load_pin(step, identity, pin)
            case AuthenticateMaster():
                self._prove(_card_key(identity, step.key, 1), step.what)

    def _create(self, step: Create) -> None:
        response = self._channel.ask(step.command)
        if response.sw.ok:
            return
        if response.sw != self._settings.file_exists:
            raise Refused(step.what, response.sw)
        for command in step.confirm:
            self._channel.send(command, step.what)

    def _load_key(self, step: LoadKey, identity: CardIdentity) -> None:
        key = _card_key(identity, step.key, step.version)
        protection = self._protect(step.under, identity)
        response = self._channel.ask(self._keys.load_key(step.head, step.header, key, protection))
        if response.sw.ok:
            return
        self._expect_present(step.what, response.sw)
        if self._profile.keys[step.key].use != "mac":
            self._prove(key, step.what)

    def _load_pin(self, step: LoadPin, identity: CardIdentity, pin: Secret) -> None:
        protection = self._protect(step.under, identity)
        response = self._channel.ask(self._keys.load_pin(step.head, step.header, pin, protection))
        if response.sw.ok:
            return
        self._expect_present(step.what, response.sw)
        self._channel.send(ssc.verify(pin), step.what)

    def _expect_present(self, what: Text, sw: StatusWord) -> None:
        """A repeated load is answered with "key exists"; anything else is a failure."""
        if sw != self._settings.key_exists:
            raise Refused(what, sw)

    def _prove(self, key: CardKey, what: Text) -> None:
        prove_key(self._channel, self._profile, self._keys, key, what)

    def _protect(self, under: str | None, identity: CardIdentity) -> Protection:
        mode = self._settings.key_loading if under else "plain"
        cla = self._builder.key_cla[mode]
        if under is None or mode == "plain":
            return Protection("plain", cla)
        key = _card_key(identity, under, 1)
        if mode == "enciphered":
            return Protection(mode, cla, key)
        challenge = self._channel.send(iso.get_challenge(4), Text("取随机数", "get a challenge"))
        return Protection(mode, cla, key, challenge.data + bytes(4))


def _card_key(identity: CardIdentity, name: str, version: int) -> CardKey:
    return CardKey(name, version, identity.division_code, identity.factor)
