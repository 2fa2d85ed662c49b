"""What has been proved to a card in a session, and whether that meets an access rule."""

from __future__ import annotations

from sscard_ic.profile import AccessRule


class Rights:
    """The PIN is known to the whole application, keys only in the directory that is selected."""

    def __init__(self, *, proof_replaces: bool) -> None:
        self._proof_replaces = proof_replaces
        self._keys: set[str] = set()
        self._latest: str | None = None
        """The key whose proof came last: where one replaces the other, it alone counts."""
        self._pin = False

    def trying(self) -> None:
        """A proof of a key or of the PIN begins, which may replace the one before."""
        self._latest = None

    def pin_verified(self) -> None:
        """The PIN was right."""
        self._pin = True

    def forget_pin(self) -> None:
        """The PIN was wrong, or the issuer has set it anew: it is no longer verified."""
        self._pin = False

    def authenticated(self, key: str) -> None:
        """A proof of ``key`` was accepted in the current directory."""
        self._keys.add(key)
        self._latest = key

    def left_directory(self) -> None:
        """Another directory is selected: the proofs of keys are void."""
        self._keys.clear()
        self._latest = None

    def left_application(self) -> None:
        """The MF is selected, where some systems forget the PIN (ref 11 §2.3)."""
        self._pin = False

    def meet(self, rule: AccessRule) -> bool:
        """Whether the card lets the operation happen; a MAC comes besides."""
        if rule.kind != "conditions":
            return rule.kind == "free"
        met = [self._pin] * rule.pin + [self.has(key, rule) for key in rule.keys]
        return all(met) if rule.logic == "and" else any(met)

    def lack_pin(self, rule: AccessRule) -> bool:
        """Whether the rule cannot be met without the PIN, which was not verified."""
        return rule.pin and not self._pin and (rule.logic == "and" or not rule.keys)

    def has(self, key: str, rule: AccessRule) -> bool:
        """Whether a proof of ``key`` still counts; two at once the chip's mask keeps itself."""
        replaced = self._proof_replaces and len(rule.keys) == 1
        return key == self._latest if replaced else key in self._keys
