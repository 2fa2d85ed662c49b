"""All applications of the bank behind one door: the chip's other applications never see them.

Names and partial names by ref 14 §1, the card manager and applications in personalization by
ref 04 §7.1 and 15 §2, CARD BLOCK by ref 14 §5.7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sscard_ic.apdu import Command
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.simulator.application import Application, Refusal
from sscard_ic.simulator.card import Interface
from sscard_ic.simulator.memory import Memory
from sscard_ic.simulator.pboc.application import DebitApplication
from sscard_ic.simulator.pboc.description import model_of
from sscard_ic.simulator.pboc.directories import DirectoryApplication
from sscard_ic.simulator.pboc.manager import CardManager
from sscard_ic.simulator.pboc.perso import PersoApplication
from sscard_ic.simulator.pboc.registry import Installed, Registry
from sscard_ic.simulator.pboc.state import DebitState

_CARD_BLOCKED = 0x6A81
_CONDITIONS = 0x6985
_SELECT = (0x00, 0xA4)
_OF_PERSONALIZATION = frozenset({(0x80, 0x50), (0x84, 0x82), (0x80, 0xE2), (0x84, 0xE2)})
"""What an issued application refuses for good."""


class BankApplications:
    """The card manager and what it has installed, one of them current.

    An application is made anew where it is selected; everything kept is in the memory.
    """

    __slots__ = ("_current", "_entropy", "_interface", "_name", "_others", "registry")

    def __init__(
        self,
        memory: Memory,
        model: FinancialApplication,
        interface: Interface,
        entropy: Callable[[int], bytes],
        others: Callable[[], Iterable[bytes]] = tuple,
    ) -> None:
        """``others`` are the names of the chip's other applications."""
        self.registry = Registry(memory, model)
        self._others = others
        self._interface: Interface = interface
        self._entropy = entropy
        self._name = b""
        self._current: Application | None = None

    @property
    def closes_chip(self) -> bool:
        """Whether CARD BLOCK has come and concerns the whole chip."""
        registry = self.registry
        return registry.card_blocked and registry.model.settings.card_block == "chip"

    def owns(self, name: bytes) -> bool:
        """Whether an application has exactly this name."""
        return name in self._names()

    def select(self, name: bytes, following: bool) -> bytes | None:
        """SELECT by name: an equal one first, then the first beginning so.

        Refuses 6A81 after CARD BLOCK.
        """
        names = self._names()
        if following:
            names = names[names.index(self._name) + 1 :] if self._name in names else []
        equal = (each for each in names if each == name)
        beginning = (each for each in names if each.startswith(name))
        found = next(equal, None) or next(beginning, None)
        if found is None:
            return None
        if self.registry.card_blocked:
            raise Refusal(_CARD_BLOCKED)
        self.reset()
        self._name, self._current = found, self._application(found)
        return self._current.select(found, following=False)

    def process(self, command: Command) -> bytes:
        """Any command but SELECT by name; 6985 for personalization of an issued application.

        Refuses 6A86 for SELECT in another way: there are no file identifiers here.
        """
        current = self._current
        if current is None:
            raise Refusal(_CONDITIONS)
        kind = command.cla, command.ins
        if kind == _SELECT:
            raise Refusal(0x6A86)
        if isinstance(current, PersoApplication):
            answer = current.process(command)
            if current.issued:
                self._current = self._application(self._name)
            return answer
        if kind in _OF_PERSONALIZATION and not isinstance(current, CardManager):
            raise Refusal(_CONDITIONS)
        return current.process(command)

    def delivered(self) -> None:
        """The answer to the last command goes out whole."""
        if isinstance(self._current, DebitApplication):
            self._current.delivered()

    def pass_over(self) -> None:
        """A command has come that the chip refuses itself."""
        if self._current is not None:
            self._current.pass_over()

    def deselect(self) -> None:
        """Channels, transactions and proofs end."""
        self.reset()

    def reset(self) -> None:
        """Nothing is selected; channels, transactions and proofs end."""
        if self._current is not None:
            self._current.deselect()
        self._name, self._current = b"", None

    def _names(self) -> list[bytes]:
        domain = self.registry.model.chip.issuer_domain
        return [domain, *(each.aid for each in self.registry.installed())]

    def _covers_another(self, name: bytes) -> bool:
        """Whether a SELECT for another application of the chip could find ``name``, or the reverse.

        The name of the PSE alone may be the MF's, too (ref 14 §1).
        """
        double = self.registry.model.pse
        return any(
            other.startswith(name) or name.startswith(other)
            for other in self._others()
            if other and not other == name == double
        )

    def _application(self, aid: bytes) -> Application:
        installed = self.registry.find(aid)
        if installed is None:
            return CardManager(self.registry, self._entropy, self._covers_another)
        if not installed.store.issued:
            return PersoApplication(installed, self.registry, self._entropy)
        return self._issued(installed)

    def _issued(self, installed: Installed) -> Application:
        store = installed.debit
        if store is None:
            return DirectoryApplication(installed.store, installed.aid, self._interface)
        model = self.registry.model.model_copy(update={"aid": installed.aid})
        return DebitApplication(DebitState(store, model, self._interface, self._entropy))


def bank_of(
    memory: Memory,
    interface: Interface,
    entropy: Callable[[int], bytes],
    others: Callable[[], Iterable[bytes]] = tuple,
) -> BankApplications | None:
    """The bank's part of the chip in ``memory``; None on a chip without one.

    ``others`` are the names of the chip's other applications. Raises
    :class:`InputError` when it is damaged.
    """
    model = model_of(memory)
    if model is None:
        return None
    bank = BankApplications(memory, model, interface, entropy, others)
    bank.registry.check()
    return bank
