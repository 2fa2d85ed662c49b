"""What has been proved to the card since the last reset (ref 11 §2.3)."""

from __future__ import annotations

from sscard_ic.simulator.files import Directory
from sscard_ic.simulator.keys import StoredKey
from sscard_ic.simulator.rules import KeyRule, Rule


class SecurityState:
    """What has been proved since the reset, as seen from the current directory."""

    __slots__ = ("_keys", "_pin", "directory")

    def __init__(self) -> None:
        self.directory: Directory | None = None
        self._keys: set[StoredKey] = set()
        self._pin: StoredKey | None = None

    def enter(self, directory: Directory | None) -> None:
        """Make ``directory`` current: key states fall when it is another one, the PIN's stays."""
        if directory is not self.directory:
            self.directory = directory
            self._keys.clear()

    def clear(self) -> None:
        """Forget every key and the PIN."""
        self._keys.clear()
        self._pin = None

    def prove_key(self, key: StoredKey) -> None:
        """``key`` has been authenticated."""
        self._keys.add(key)

    def prove_pin(self, pin: StoredKey) -> None:
        """``pin`` has been verified."""
        self._pin = pin

    def drop_pin(self) -> None:
        """The PIN is no longer verified."""
        self._pin = None

    def levels(self, directory: Directory | None) -> int:
        """The levels held in ``directory``."""
        held = 0
        for key in self._keys:
            if key.directory is directory:
                held |= key.levels
        if self._pin is not None and self._pin.directory is directory:
            held |= self._pin.levels
        return held

    def allows(self, rule: Rule | KeyRule) -> bool:
        """Whether ``rule`` is satisfied in the current directory."""
        if rule.kind == "free":
            return True
        if rule.kind == "never" or self.directory is None:
            return False
        if isinstance(rule, KeyRule):
            return self._allows_record(rule)
        current = bool(rule.current & self.levels(self.directory))
        parent = bool(rule.parent & self.levels(self.directory.parent))
        if rule.kind == "or":
            return current or parent
        return (current or not rule.current) and (parent or not rule.parent)

    def _allows_record(self, rule: KeyRule) -> bool:
        proved = {(key.directory.name, key.id) for key in self._keys}
        terms = [pair in proved for pair in rule.keys]
        if rule.pin:
            terms.append(self._pin is not None)
        return any(terms) if rule.kind == "or" else all(terms)
