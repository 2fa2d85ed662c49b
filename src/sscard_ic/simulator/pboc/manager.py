"""The card manager (issuer security domain): installs and deletes applications (ref 04 §7.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sscard_ic.apdu import Command
from sscard_ic.apdu.globalplatform import Installation
from sscard_ic.codec.tlv import TlvError, encode_ber, parse_ber
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.pboc.channel import CardChannel
from sscard_ic.simulator.pboc.common import unknown
from sscard_ic.simulator.pboc.registry import Installed, Module, Registry

_INSTALL_AND_SELECTABLE = 0x0C
_CONFIRMED = b"\x00"
"""Length of the confirmation that nobody asked for."""
_DOMAIN, _APPLICATIONS, _LOAD_FILES, _WITH_MODULES = 0x80, 0x40, 0x20, 0x10
_SECURED_STATE, _LOADED = 0x0F, 0x01
_SELECTABLE, _PERSONALIZED, _LOCKED = 0x07, 0x0F, 0x80
"""Life cycle states in GET STATUS."""
_DOMAIN_PRIVILEGES = 0x9E
_NEXT = 0x01
"""P2 of GET STATUS: go on with the list."""
_MORE = 0x6310
_LONGEST_ANSWER = 256
_PARAMETERS = 0xC9
"""Install parameters; what is in them is the maker's own business (ref 04 §7.9)."""


class CardManager:
    """The issuer security domain."""

    __slots__ = ("_channel", "_registry", "_taken", "_unlisted")

    def __init__(
        self,
        registry: Registry,
        entropy: Callable[[int], bytes],
        taken: Callable[[bytes], bool] = lambda name: False,
    ) -> None:
        """``taken``: whether a name would cover one of the chip's other applications."""
        self._registry = registry
        self._channel = CardChannel(registry, entropy)
        self._taken = taken
        self._unlisted: list[bytes] = []
        """Entries that the last GET STATUS had no room for."""

    def select(self, name: bytes, following: bool) -> bytes | None:
        """SELECT by its AID or the beginning; a channel ends."""
        aid = self._registry.model.chip.issuer_domain
        if following or not aid.startswith(name):
            return None
        self._channel.close()
        longest = encode_ber(0x9F65, b"\xff")
        return encode_ber(0x6F, encode_ber(0x84, aid), encode_ber(0xA5, longest))

    def process(self, command: Command) -> bytes:
        """Any command but SELECT by name; refuses 6982 without a channel."""
        kind = command.cla, command.ins
        if kind == (0x80, 0x50):
            return self._channel.initialize(command)
        if kind == (0x84, 0x82):
            return self._channel.authenticate(command)
        handlers = {0xE6: self._install, 0xE4: self._delete, 0xF2: self._status}
        handler = handlers.get(command.ins)
        if handler is None or command.cla not in (0x80, 0x84):
            raise unknown(command)
        unwrapped = self._channel.unwrap(command)
        if handler != self._status:
            self._unlisted = []
        return handler(unwrapped)

    def pass_over(self) -> None:
        """Nothing here waits for the very next command."""

    def deselect(self) -> None:
        """The channel ends, and a list under way."""
        self._channel.close()
        self._unlisted = []

    def reset(self) -> None:
        """The channel ends."""
        self._channel.close()

    def _install(self, command: Command) -> bytes:
        """INSTALL [for install and make selectable] (ref 04 §7.9).

        Refuses 6A86 for another form, 6A80 for wrong fields, 6A88 for a package or module that the
        chip has not, 6985 for an AID that is there already, or covers another application's name.
        """
        if (command.p1, command.p2) != (_INSTALL_AND_SELECTABLE, 0):
            raise Refusal(0x6A86)
        try:
            wanted = Installation.parse(command.data)
            parameters = parse_ber(wanted.parameters)
        except TlvError:
            raise Refusal(0x6A80) from None
        if not parameters or parameters[0].tag != _PARAMETERS:
            raise Refusal(0x6A80)
        chip = self._registry.model.chip
        modules: dict[bytes, Module] = {
            chip.payment_module: "payment",
            chip.directory_module: "directory",
        }
        module = modules.get(wanted.module)
        if wanted.package != chip.package or module is None:
            raise Refusal(0x6A88)
        aid = wanted.instance
        known = aid == chip.issuer_domain or self._registry.find(aid) is not None
        if known or self._taken(aid):
            raise Refusal(0x6985)
        self._registry.install(aid, module, wanted.privileges)
        return _CONFIRMED

    def _delete(self, command: Command) -> bytes:
        """DELETE of one application with its data; refuses 6A86, 6A80, 6A88, 6985 (others)."""
        if command.p1 or command.p2 & 0x7F:
            raise Refusal(0x6A86)
        aid = _named(command.data)
        chip = self._registry.model.chip
        if aid in (chip.issuer_domain, chip.package):
            raise Refusal(0x6985)
        installed = self._registry.find(aid)
        if installed is None:
            raise Refusal(0x6A88)
        self._registry.delete(installed)
        return _CONFIRMED

    def _status(self, command: Command) -> bytes:
        """GET STATUS of P1: AID, life cycle, privileges, each AID after its length.

        A name in 4F picks those that begin so. 6310 tells that there are more, which P2 = 01 asks
        for. Refuses 6A86, 6A80, 6A88 when there is none, 6985 when nothing is left to go on with.
        """
        kinds = {
            _DOMAIN: self._domain,
            _APPLICATIONS: self._applications,
            _LOAD_FILES: self._load_files,
            _WITH_MODULES: self._modules,
        }
        entries = kinds.get(command.p1)
        if entries is None or command.p2 not in (0, _NEXT):
            raise Refusal(0x6A86)
        beginning = _named(command.data)
        listed, self._unlisted = self._unlisted, []
        if command.p2 != _NEXT:
            listed = [
                bytes((len(aid),)) + aid + rest
                for aid, rest in entries()
                if aid.startswith(beginning)
            ]
        if not listed:
            raise Refusal(0x6985 if command.p2 == _NEXT else 0x6A88)
        answer = b""
        while listed and len(answer) + len(listed[0]) <= _LONGEST_ANSWER:
            answer += listed.pop(0)
        if listed:
            self._unlisted = listed
            raise Refusal(_MORE, answer)
        return answer

    def _domain(self) -> Iterator[tuple[bytes, bytes]]:
        yield (
            self._registry.model.chip.issuer_domain,
            bytes((_SECURED_STATE, _DOMAIN_PRIVILEGES)),
        )

    def _applications(self) -> Iterator[tuple[bytes, bytes]]:
        for each in self._registry.installed():
            yield each.aid, bytes((_life_cycle(each), each.privileges))

    def _load_files(self) -> Iterator[tuple[bytes, bytes]]:
        yield self._registry.model.chip.package, bytes((_LOADED, 0))

    def _modules(self) -> Iterator[tuple[bytes, bytes]]:
        chip = self._registry.model.chip
        modules = (chip.payment_module, chip.directory_module)
        names = b"".join(bytes((len(module),)) + module for module in modules)
        yield chip.package, bytes((_LOADED, 0, len(modules))) + names


def _life_cycle(installed: Installed) -> int:
    state = _PERSONALIZED if installed.store.issued else _SELECTABLE
    blocked = installed.debit is not None and installed.debit.blocked
    return state | _LOCKED if blocked else state


def _named(data: bytes) -> bytes:
    """The name in ``4F L name``; refuses 6A80."""
    try:
        objects = parse_ber(data)
    except TlvError:
        raise Refusal(0x6A80) from None
    if len(objects) != 1 or objects[0].tag != 0x4F:
        raise Refusal(0x6A80)
    return objects[0].value
