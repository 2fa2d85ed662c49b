"""Access rules: who may read or update a file or an item (ref 01 §4.1, §10.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sscard_ic.base.problems import Unusable

_KEY = re.compile(r"key:([A-Z][A-Za-z0-9]*)")
_WITHOUT_CONDITIONS: dict[str, Literal["free", "never", "internal"]] = {
    "free": "free",
    "never": "never",
    "internal": "internal",
}
_MAC = re.compile(r"\s*\+mac:([A-Z][A-Za-z0-9]*)$")


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A condition on one operation.

    ``kind`` is ``free``, ``never``, ``internal`` (only the card itself) or ``conditions``; then
    ``keys`` and ``pin`` are the conditions and ``logic`` joins them. ``mac`` names the key of a
    MAC that the command must carry besides.
    """

    kind: Literal["free", "never", "internal", "conditions"]
    pin: bool = False
    keys: tuple[str, ...] = ()
    logic: Literal["or", "and"] = "or"
    mac: str | None = None

    @classmethod
    def parse(cls, text: str) -> AccessRule:
        """The rule written as in a profile, e.g. ``pin or key:RK1DF01`` or ``key:A+mac:STK``."""
        mac = _MAC.search(text)
        body = text[: mac.start()] if mac else text
        name = mac.group(1) if mac else None
        if body in _WITHOUT_CONDITIONS:
            return cls(_WITHOUT_CONDITIONS[body], mac=name)
        logic: Literal["or", "and"] = "and" if " and " in body else "or"
        pin, keys = False, []
        for term in body.split(f" {logic} "):
            if term == "pin" and not pin:
                pin = True
            elif (match := _KEY.fullmatch(term)) and match.group(1) not in keys:
                keys.append(match.group(1))
            else:
                raise Unusable(
                    f"{text!r} 不是访问规则：free、never、internal、pin、key:名称，"
                    "或用 or、and 连接其中两项，各可加 +mac:名称",
                    f"{text!r} is not an access rule: free, never, internal, pin, key:NAME, "
                    "two of them joined by 'or' or 'and', each with an optional +mac:NAME",
                )
        if pin + len(keys) > 2:
            raise Unusable(
                f"{text!r} 连接了两个以上的条件", f"{text!r} joins more than two conditions"
            )
        return cls("conditions", pin, tuple(keys), logic, name)

    @property
    def names(self) -> tuple[str, ...]:
        """Every key name in the rule."""
        return self.keys + ((self.mac,) if self.mac else ())

    def __str__(self) -> str:
        if self.kind == "conditions":
            terms = ["pin"] * self.pin + [f"key:{key}" for key in self.keys]
            body = f" {self.logic} ".join(terms)
        else:
            body = self.kind
        return f"{body}+mac:{self.mac}" if self.mac else body
