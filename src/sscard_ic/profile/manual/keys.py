"""The keys of a directory: how they are used, by whom their roots are held, what they open."""

from __future__ import annotations

from collections.abc import Iterator

from sscard_ic.base.errors import Language, Text
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.manual.page import Page, code
from sscard_ic.profile.manual.words import key_command, key_words, rule_words
from sscard_ic.profile.structure import Key

_STEPS_SHIFT = 5
"""Bits 8-6 of the PSAM usage byte count the derivation steps (ref 01 §10.2)."""


def keys(page: Page, profile: CardProfile, directory: str) -> None:
    """The keys of one directory, and the PIN where it lives."""
    structure = profile.structure
    rows = [_row(page, profile, name, key) for name, key in structure.keys_of(directory).items()]
    if directory == structure.pin_directory:
        words = page.of(Text("持卡人口令", "the holder's PIN"))
        opens = opens_words(profile, "PIN", page.language)
        rows.insert(0, ["PIN", "00", words, code("00 20 00 00"), *[""] * 6, opens, "", ""])
    if not rows:
        return
    page.heading(3, page.of(Text(f"{directory} 密钥", f"{directory} keys")))
    page.table(_HEADS, rows)


def _row(page: Page, profile: CardProfile, name: str, key: Key) -> list[str]:
    use, level = key_words(key)
    asked = key.use in ("external", "internal")
    groups = range(1, key.groups + 1)
    ids = [key.id + group - 1 for group in groups] if key.indexed else [key.id]
    usage, number = key.psam_usage, key.psam_id
    return [
        name,
        " ".join(f"{identifier:02X}" for identifier in ids),
        page.of(use),
        code(key_command(key)) if asked else "",
        " ".join(f"{group:02X}" for group in groups),
        str(profile.key_length(name)),
        profile.key_algorithm(name).upper(),
        page.of(level),
        "" if usage is None else str(usage >> _STEPS_SHIFT),
        "" if usage is None or number is None else f"{usage:02X} {number:02X}",
        opens_words(profile, name, page.language),
        page.of(rule_words(key.usable)),
        page.of(rule_words(key.change)),
    ]


def opens_words(profile: CardProfile, name: str, language: Language) -> str:
    """What the key, or ``PIN``, is a condition of: ``read DF01: EF05 EF06; update …``."""
    home = profile.keys[name].directory if name in profile.keys else profile.structure.pin_directory
    found: dict[tuple[str, str], dict[str, None]] = {}
    for operation, path in opened(profile, name):
        directory, rest = path.split(".", 1)
        found.setdefault((operation.to(language), directory), {})[rest] = None
    return "; ".join(
        f"{operation} {'' if directory == home else f'{directory}: '}{' '.join(paths)}"
        for (operation, directory), paths in found.items()
    )


def opened(profile: CardProfile, name: str) -> Iterator[tuple[Text, str]]:
    """The rules that name a key, or ``PIN``: for what, and of which file or item."""
    for operation, rule, path in _rules(profile):
        if name in rule.names or (name == "PIN" and rule.pin):
            yield operation, path


def _rules(profile: CardProfile) -> Iterator[tuple[Text, AccessRule, str]]:
    """Every rule of the card: for what, and of which file or item."""
    reading, updating = Text("读", "read"), Text("写", "update")
    for directory_name, directory in profile.structure.directories.items():
        for name, file in directory.files.items():
            path = f"{directory_name}.{name}"
            yield reading, file.read, path
            yield updating, file.update, path
            if file.append is not None:
                yield Text("追加", "append"), file.append, path
    for place in profile.places:
        if place.item.read is not None:
            yield reading, place.item.read, place.path.split("#")[0]
        if place.item.update is not None:
            yield updating, place.item.update, place.path.split("#")[0]


_HEADS = (
    Text("密钥", "Key"),
    Text("标识", "P2"),
    Text("用途", "Use"),
    Text("命令", "Command"),
    Text("组（版本）", "Groups"),
    Text("字节", "Bytes"),
    Text("算法", "Algorithm"),
    Text("根密钥归属", "Owner of the root"),
    Text("分散级数", "Steps"),
    Text("PSAM 用途与标识", "PSAM usage, id"),
    Text("开放", "Opens"),
    Text("使用条件", "To use it"),
    Text("更换条件", "To replace it"),
)
