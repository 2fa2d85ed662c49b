"""The tree of the card and its files at a glance."""

from __future__ import annotations

from sscard_ic.base.errors import Text
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.manual.page import Page, code, link
from sscard_ic.profile.manual.words import rule_words, status_words, structure_words
from sscard_ic.profile.structure import File


def directories(page: Page, profile: CardProfile) -> None:
    """Every directory with its identifiers."""
    page.heading(2, page.of(Text("目录", "Directories")))
    rows = [
        (
            link(name),
            page.name(directory),
            directory.kind,
            directory.parent or "",
            f"{directory.fid:04X}",
            code(directory.name.hex().upper()),
            name_text(directory.name),
            str(len(directory.files)),
            str(len(profile.structure.keys_of(name))),
        )
        for name, directory in profile.structure.directories.items()
    ]
    page.table(_DIRECTORY_HEADS, rows)


def name_text(name: bytes) -> str:
    """What a DF name says in letters or GB2312; empty for a registered identifier."""
    try:
        text = name.decode("gb2312")
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""


def files(page: Page, profile: CardProfile) -> None:
    """One line for each file: addresses, rules, sizes."""
    page.heading(2, page.of(Text("文件一览", "Files at a glance")))
    rows = [
        _file_row(page, profile, directory_name, name, file)
        for directory_name, directory in profile.structure.directories.items()
        for name, file in directory.files.items()
    ]
    page.table(_FILE_HEADS, rows)


def _file_row(
    page: Page, profile: CardProfile, directory: str, name: str, file: File
) -> tuple[str, ...]:
    sfi = int(name, 16) & 0x1F
    places = profile.places_of(directory, name)
    transparent = file.structure == "transparent"
    return (
        link(f"{directory}.{name}"),
        page.name(file),
        f"{sfi:02X}",
        f"P1 {0x80 | sfi:02X}" if transparent else f"{sfi << 3 | 4:02X}",
        f"{sfi << 3:02X}" if file.tagged else "",
        page.of(structure_words(file)),
        page.of(status_words(file)),
        page.of(rule_words(file.read)),
        page.of(rule_words(file.update)),
        "" if transparent else str(len(places)),
        str(sum(place.record_length for place in places)),
    )


_DIRECTORY_HEADS = (
    Text("目录", "Directory"),
    Text("名称", "Title"),
    Text("种类", "Kind"),
    Text("上级", "Parent"),
    Text("标识符", "FID"),
    Text("DF 名", "DF name"),
    Text("DF 名的文字", "Text of the name"),
    Text("文件", "Files"),
    Text("密钥", "Keys"),
)
_FILE_HEADS = (
    Text("文件", "File"),
    Text("名称", "Title"),
    Text("SFI", "SFI"),
    Text("P2（按记录号）", "P2 by number"),
    Text("P2（按标签）", "P2 by tag"),
    Text("结构", "Structure"),
    Text("类别", "Class"),
    Text("读", "Read"),
    Text("写", "Update"),
    Text("记录", "Records"),
    Text("字节", "Bytes"),
)
