"""Checks of the frame: FCIs, directories, file locators, what must be there.

Source: ref 04 §7.11, 15 §3.5.

Each rule is a pure function over the contents of a card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from sscard_ic.codec.pboc.bits import Aip
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.tlv import TlvError
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.issuance.bank.contents import BankContents, Objects, Way, way_name
from sscard_ic.issuance.bank.findings import Finding, error, warning

Rule = Callable[[BankContents], Iterator[Finding]]

_CONTACTLESS_LIST = (0x9F66, 0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37)
"""What a contactless payment needs of the terminal (ref 04 §7.11)."""
_NOT_IN_RECORDS = (0x9F12, 0x9F79, 0x9F51, 0x9F52)
"""Ref 04 §3.2; 9F69 may stand in the last record of a contactless payment alone."""
_CARD_DATA = 0x9F69
_MANDATORY = (0x57, 0x5A, 0x5F24, 0x8C, 0x8D, 0x9F08)
_REQUIRED = (0x8E, 0x9F0D, 0x9F0E, 0x9F0F)
"""Ref 15 §3.5: M, and R that are announced to become so or that terminals count on."""
_SDA_TAGS = (0x8F, 0x90)
_DDA_TAGS = (0x8F, 0x90, 0x9F46)
_PARTS_OF_RSA = range(0x8201, 0x8206)


def locators(contents: BankContents) -> Iterator[Finding]:
    """The AFL of every way is there, may be followed, and names records that exist."""
    for way, options in contents.ways.items():
        where = way_name(way)
        if options.get(0x82) is None or len(options.get(0x82) or b"") != 2:
            yield error("aip", where, "缺少 2 字节的 AIP（82）", "there is no AIP (82) of 2 bytes")
        if not contents.locator(way):
            yield error("afl", where, "缺少可用的 AFL（94）", "there is no usable AFL (94)")
        for sfi, number, _, content in contents.of_way(way):
            there = (sfi, number) in contents.records
            if not there and not _comes_from_card(contents, way, sfi, number):
                yield error(
                    "record_missing",
                    where,
                    f"AFL 所列记录 {sfi:02X}{number:02X} 不存在",
                    f"the AFL names the record {sfi:02X}{number:02X}, which is not there",
                )
            elif there and not content.tree and sfi <= 10:
                yield error(
                    "record_empty",
                    where,
                    f"记录 {sfi:02X}{number:02X} 没有数据",
                    f"the record {sfi:02X}{number:02X} holds nothing",
                )


def _comes_from_card(contents: BankContents, way: Way, sfi: int, number: int) -> bool:
    """Whether it is the record with 9F4B, which the card makes up (ref 04 §3.7)."""
    return way[0] == "contactless" and (sfi, number) == contents.signature_record


def mandatory(contents: BankContents) -> Iterator[Finding]:
    """What a terminal must get in every way, and what it should."""
    for way in contents.ways:
        values = contents.values(way)
        if way[0] == "contactless":  # the answer to GPO bears what the card has inside
            values.update((tag, value) for tag, value in contents.elements.flat if tag == 0x57)
        for tags, make in ((_MANDATORY, error), (_REQUIRED, warning)):
            missing = [f"{tag:X}" for tag in tags if tag not in values]
            if missing and contents.locator(way):
                names = ", ".join(missing)
                yield make(
                    "mandatory",
                    way_name(way),
                    f"缺少必备数据 {names}",
                    f"{names} must be there and is missing",
                )
    first = contents.record(1, 1)
    if contents.records and first.get(0x57) is None:
        yield error(
            "track2_place",
            "0101",
            "二磁道等效数据（57）应在文件 1 记录 1",
            "track 2 (57) belongs to record 1 of file 1",
        )


def authentication(contents: BankContents) -> Iterator[Finding]:
    """What the AIP of a way promises is there (ref 15 §3.5, conditions 19, 30-32)."""
    for way, options in contents.ways.items():
        if not contents.locator(way):
            continue
        aip = Aip(int.from_bytes(options.get(0x82) or b"", "big"))
        values = contents.values(way)
        rsa = (0x9F32,) if way[1] == "3des" else ()
        wanted: list[int] = []
        if aip & Aip.SDA:
            wanted += [*_SDA_TAGS, 0x93, *rsa]
        if aip & (Aip.DDA | Aip.CDA):
            wanted += [*_DDA_TAGS, *rsa, *((0x9F47,) if rsa else ())]
            wanted += [0x9F49] if way[0] != "contactless" else []
        missing = [f"{tag:X}" for tag in dict.fromkeys(wanted) if tag not in values]
        if missing:
            names = ", ".join(missing)
            yield error(
                "authentication",
                way_name(way),
                f"AIP 声明的认证缺少 {names}",
                f"the AIP promises an authentication, for which {names} is missing",
            )
        if contents.complete and aip & Aip.ISSUER_AUTHENTICATION:
            yield from _elements_for(contents, "ISSUER", (0x9F52, 0x9F56))


def _elements_for(contents: BankContents, rule: str, tags: tuple[int, ...]) -> Iterator[Finding]:
    missing = [f"{tag:X}" for tag in tags if contents.elements.get(tag) is None]
    if missing:
        names = ", ".join(missing)
        yield error(
            "condition",
            "",
            f"缺少 {names}（{_REASONS[rule][0]}）",
            f"{names} is missing ({_REASONS[rule][1]})",
        )


_REASONS: Mapping[str, tuple[str, str]] = {
    "ISSUER": ("AIP 声明发卡行认证", "the AIP promises issuer authentication"),
    "9F53": ("有 9F53：检查外币次数", "9F53: the card counts foreign currencies"),
    "9F54": ("有 9F54：检查累计金额", "9F54: the card adds amounts up"),
    "9F75": ("有 9F75：检查双币累计金额", "9F75: the card adds amounts of two currencies up"),
    "9F72": ("有 9F72：检查外国次数", "9F72: the card counts foreign countries"),
    "9F79": ("有 9F79：电子现金", "9F79: electronic cash"),
}
_CONDITIONS: Mapping[str, tuple[int, ...]] = {
    "9F53": (0x9F51,),
    "9F54": (0x9F5C, 0x9F51),
    "9F75": (0x9F73, 0x9F76, 0x9F51),
    "9F72": (0x9F57,),
    "9F79": (0x9F77, 0x9F78, 0x9F6D),
}
"""An element, and those that it does not work without (ref 15 §3.5, 14 §8)."""


def conditions(contents: BankContents) -> Iterator[Finding]:
    """Elements that need others, and secrets that must be there, where all is known."""
    if not contents.complete:
        return
    for name, tags in _CONDITIONS.items():
        if contents.elements.get(int(name, 16)) is not None:
            yield from _elements_for(contents, name, tags)


def secrets(contents: BankContents) -> Iterator[Finding]:
    """Keys, their check values and the PIN, as far as numbers of groups tell (ref 15 §7)."""
    numbers = contents.numbers
    if numbers is None:
        return
    for algorithm, names, keys, check in (
        ("3des", "3DES", 0x8000, 0x9000),
        ("sm4", "SM4", 0x8030, 0x9030),
    ):
        used = any(way[1] == algorithm for way in contents.ways)
        if used and keys not in numbers:
            yield error(
                "keys", "", f"缺少 {names} 卡密钥（{keys:04X}）", f"no {names} keys ({keys:04X})"
            )
        if keys in numbers and check not in numbers:
            yield warning(
                "check_values",
                "",
                f"缺少 {names} 密钥校验值（{check:04X}）",
                f"no check values of the {names} keys ({check:04X})",
            )
    signing = _signing_algorithms(contents)
    missing = [f"{part:04X}" for part in _PARTS_OF_RSA if part not in numbers]
    if "3des" in signing and missing and 0x8101 not in numbers:
        names = ", ".join(missing)
        yield error(
            "rsa_key", "", f"缺少 RSA 私钥分量 {names}", f"parts of the RSA key: no {names}"
        )
    if "sm4" in signing and 0x8100 not in numbers:
        yield error("sm2_key", "", "缺少 SM2 私钥（8100）", "no SM2 private key (8100)")
    if (0x8010 in numbers) != (0x9010 in numbers):
        yield error(
            "pin",
            "",
            "脱机 PIN（8010）与次数（9010）须同时存在",
            "an offline PIN (8010) and its tries (9010) come together",
        )


def _signing_algorithms(contents: BankContents) -> set[Algorithm]:
    found: set[Algorithm] = set()
    for way, options in contents.ways.items():
        aip = Aip(int.from_bytes(options.get(0x82) or b"", "big"))
        if aip & (Aip.DDA | Aip.CDA):
            found.add(way[1])
    return found


def repeated(contents: BankContents) -> Iterator[Finding]:
    """No tag twice in what a terminal gets in a way, nor in an FCI (ref 04 §7.11)."""
    for way in contents.ways:
        counts = Counter(
            tag for _, _, _, content in contents.of_way(way) for tag, _ in content.flat
        )
        yield from _twice(counts, way_name(way))
    for interface, fci in contents.fci.items():
        yield from _twice(Counter(tag for tag, _ in fci.flat), f"FCI {interface}")


def _twice(counts: Counter[int], where: str) -> Iterator[Finding]:
    names = ", ".join(f"{tag:X}" for tag, count in counts.items() if count > 1)
    if names:
        yield error("tag_twice", where, f"标签 {names} 重复", f"{names} stands twice")


def misplaced(contents: BankContents) -> Iterator[Finding]:
    """Tags that a record may not answer (ref 04 §3.2, §7.11)."""
    last = {
        records[-1][:2]
        for way in contents.ways
        if way[0] == "contactless" and (records := contents.of_way(way))
    }
    for place in contents.records:
        tags = {tag for tag, _ in contents.record(*place).flat}
        wrong = [tag for tag in _NOT_IN_RECORDS if tag in tags]
        if _CARD_DATA in tags and place not in last:
            wrong.append(_CARD_DATA)
        if wrong:
            names = ", ".join(f"{tag:X}" for tag in wrong)
            where = f"{place[0]:02X}{place[1]:02X}"
            yield error(
                "misplaced", where, f"{names} 不应在记录中", f"{names} belongs to no record"
            )


def cash_records(contents: BankContents) -> Iterator[Finding]:
    """9F74 alone in the last record of electronic cash; 5F24 not in the last contactless one.

    Ref 04 §7.11, 15 §3.6.
    """
    for way in contents.ways:
        records = contents.of_way(way)
        if not records:
            continue
        sfi, number, _, last = records[-1]
        where = f"{way_name(way)} {sfi:02X}{number:02X}"
        if way[0] == "cash" and last.get(0x9F74) is None:
            yield warning(
                "cash_code",
                where,
                "建议电子现金的最后一条记录含 9F74",
                "9F74 is recommended to stand in the last record of electronic cash",
            )
        if way[0] == "contactless" and last.get(0x5F24) is not None:
            yield error(
                "expiry_last",
                where,
                "5F24 不得在非接触的最后一条记录中",
                "5F24 may not stand in the last record of a contactless payment",
            )


def contactless_frame(contents: BankContents) -> Iterator[Finding]:
    """PDOL and AFL of contactless payments (ref 04 §2.4, §7.11, 15 §3.6)."""
    ways = [way for way in contents.ways if way[0] == "contactless"]
    fci = contents.fci.get("contactless")
    if not ways or fci is None:
        return
    try:
        pdol = Dol.parse(fci.get(0x9F38) or b"")
    except TlvError:
        yield error("pdol", "FCI contactless", "PDOL 格式不符", "the PDOL is damaged")
        return
    missing = ", ".join(f"{tag:X}" for tag in _CONTACTLESS_LIST if tag not in pdol)
    if missing:
        yield error("pdol", "FCI contactless", f"PDOL 缺少 {missing}", f"the PDOL lacks {missing}")
    for way in ways:
        free = contents.signature_record not in [r[:2] for r in contents.of_way(way)]
        if way[1] == "3des" and free and len(contents.locator(way)) > 4:
            yield error(
                "afl_long",
                way_name(way),
                "签名随 GPO 应答返回时，AFL 最多 4 项",
                "where the signature comes with the answer to GPO, an AFL has 4 entries at most",
            )


def directories(contents: BankContents) -> Iterator[Finding]:
    """PSE and PPSE: allowed tags, their values, and entries (ref 04 §7.11)."""
    if contents.pse is not None:
        own, *records = contents.pse
        yield from _only(own, (0x88, 0x5F2D, 0x9F11, 0xBF0C), "PSE")
        file = own.get(0x88)
        if file is None or len(file) != 1 or not 1 <= file[0] <= 0x1F:
            yield error("pse_file", "PSE", "88 应为 01–1F", "88 is to be 01 to 1F")
        fci = contents.fci.get("contact", Objects())
        if own.get(0x9F11) != fci.get(0x9F11) and own.get(0x9F11) is not None:
            yield warning(
                "code_table",
                "PSE",
                "9F11 与应用 FCI 不同",
                "9F11 is another one than in the application's FCI",
            )
        for record in records:
            yield from _entry(contents, record, "PSE")
        if not records:
            yield error("pse_empty", "PSE", "没有目录记录", "the directory has no record")
    if contents.ppse is not None:
        yield from _only(contents.ppse, (0xBF0C,), "PPSE")
        yield from _entry(contents, contents.ppse, "PPSE")


def _only(content: Objects, allowed: tuple[int, ...], where: str) -> Iterator[Finding]:
    others = ", ".join(f"{tag:X}" for tag in content.tags if tag not in allowed)
    if others:
        yield error("fci_tags", where, f"A5 中不应有 {others}", f"{others} does not belong to A5")


def _entry(contents: BankContents, content: Objects, where: str) -> Iterator[Finding]:
    entries = [each for each in _templates(content) if each.tags]
    for entry in entries:
        yield from _only(entry, (0x4F, 0x50, 0x9F12, 0x87, 0x73), f"{where} 61")
    if contents.aid not in [entry.get(0x4F) for entry in entries]:
        yield error(
            "entry",
            where,
            "目录项未指向支付应用",
            "no entry of the directory names the payment application",
        )


def _templates(content: Objects) -> Iterator[Objects]:
    """The application templates 61 at any depth."""
    for each in content.tree:
        if each.tag == 0x61:
            yield Objects(each.children)
        elif each.children:
            yield from _templates(Objects(each.children))


RULES: tuple[Rule, ...] = (
    locators,
    mandatory,
    authentication,
    conditions,
    secrets,
    repeated,
    misplaced,
    cash_records,
    contactless_frame,
    directories,
)
