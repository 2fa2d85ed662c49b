"""The functions of ``smartcard.scard`` for one reader, without a service.

For what the real service does not do: other systems' numbers, and calls that block at will. As on
macOS there is no notification of readers.
"""

from __future__ import annotations

from queue import SimpleQueue

UNKNOWN_READER = 0x80100009
TIMEOUT = 0x8010000A
ATR = [0x3B, 0x69, 0x00, 0x00, 0x53, 0x53, 0x43, 0, 0, 0, 0, 0, 1]


class FakeScard:
    """One reader with a card; ``calls`` are the names of the functions in the order of use.

    ``released`` gives the contexts that were ended, in whatever thread; the first one is 1.
    """

    def __init__(self) -> None:
        self.released: SimpleQueue[int] = SimpleQueue()
        self.calls: list[str] = []
        self.names = ["reader"]
        self.states = {"reader": 0x10022}
        self.answer = [0x90, 0x00]

    def SCardEstablishContext(self, scope: int, /) -> tuple[int, int]:
        self.calls.append("establish")
        return 0, self.calls.count("establish")

    def SCardReleaseContext(self, context: int, /) -> int:
        self.calls.append("release")
        self.released.put(context)
        return 0

    def SCardListReaders(self, context: int, groups: list[str], /) -> tuple[int, list[str]]:
        return 0, list(self.names)

    def SCardGetStatusChange(
        self, context: int, timeout: int, states: list[tuple[str, int]], /
    ) -> tuple[int, list[tuple[str, int, list[int]]]]:
        if any(name not in self.states for name, _ in states):
            return UNKNOWN_READER, []
        rows = [(name, self.states[name], ATR) for name, _ in states]
        changed = any(known & ~2 != self.states[name] & ~2 for name, known in states)
        return (0 if changed else TIMEOUT), rows

    def SCardConnect(
        self, context: int, reader: str, share: int, protocols: int, /
    ) -> tuple[int, int, int]:
        self.calls.append("connect")
        return 0, 9, 1

    def SCardReconnect(
        self, card: int, share: int, protocols: int, initialization: int, /
    ) -> tuple[int, int]:
        self.calls.append("reconnect")
        return 0, 1

    def SCardStatus(self, card: int, /) -> tuple[int, str, int, int, list[int]]:
        return 0, "reader", 0, 1, ATR

    def SCardTransmit(
        self, card: int, protocol: int, command: list[int], /
    ) -> tuple[int, list[int]]:
        self.calls.append("transmit")
        return 0, self.answer

    def SCardBeginTransaction(self, card: int, /) -> int:
        self.calls.append("begin")
        return 0

    def SCardEndTransaction(self, card: int, disposition: int, /) -> int:
        self.calls.append("end")
        return 0

    def SCardDisconnect(self, card: int, disposition: int, /) -> int:
        self.calls.append("disconnect")
        return 0

    def SCardGetErrorMessage(self, code: int, /) -> str:
        return "what the system says"
