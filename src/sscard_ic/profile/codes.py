"""Code tables: code → meaning in both languages (ref 01 §5, 05 §7)."""

from __future__ import annotations

from sscard_ic.profile.fields import Strict, Title


class CodeTable(Title):
    """One table; ``entries`` maps a code to its meaning."""

    entries: dict[str, Title]
    prefix: int | None = None
    """Digits that decide when a code is not listed: the rest then counts as zeros (GB/T 2260)."""
    open: bool = False
    """Codes beyond the table are in use; they are accepted without a remark."""

    def meaning(self, code: str) -> Title | None:
        """What ``code`` says, or ``None`` when the table does not know it."""
        if code in self.entries or self.prefix is None:
            return self.entries.get(code)
        return self.entries.get(code[: self.prefix].ljust(len(code), "0"))


class CodeTables(Strict):
    """The tables of one file."""

    tables: dict[str, CodeTable]
