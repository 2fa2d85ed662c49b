"""Checks of values: formats, and what must agree with what (ref 04 §7.11, 15 §3.5, §8.5)."""

from __future__ import annotations

from collections.abc import Iterator

from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.tlv import TlvError
from sscard_ic.crypto.pboc.symmetric import BankSuite
from sscard_ic.issuance.bank.check_structure import Rule
from sscard_ic.issuance.bank.contents import BankContents, way_name
from sscard_ic.issuance.bank.findings import Finding, error, warning
from sscard_ic.issuance.bank.holder import BankHolder
from sscard_ic.profile.data_groups import Holding

_EQUAL = ((0x9F42, 0x9F51), (0x5F28, 0x9F57))
_EXPONENTS = (b"\x03", b"\x01\x00\x01")
_FIXED = (
    (0x9F4A, b"\x82", error),
    (0x9F49, bytes.fromhex("9F3704"), warning),
    (0x9F08, bytes.fromhex("0030"), warning),
)
_USUAL_METHODS = bytes.fromhex("42031E031F00")
_VERSIONS, _DISCRETIONARY = (0x01, 0x17), range(0x01, 0x07)
_ID_TYPES = range(0x00, 0x06)
_UNIONPAY = "62"


def equal_pairs(contents: BankContents) -> Iterator[Finding]:
    """9F42 = 9F51, 5F28 = 9F57 (ref 15 §3.5)."""
    for first, second in _EQUAL:
        values = contents.anywhere(first), contents.anywhere(second)
        if all(values) and len(values[0] | values[1]) > 1:
            yield error(
                "equal", "", f"{first:X} 与 {second:X} 不同", f"{first:X} and {second:X} differ"
            )


def fixed_values(contents: BankContents) -> Iterator[Finding]:
    """Values that the scheme prescribes, exponents of public keys among them."""
    for tag, value, make in _FIXED:
        if contents.anywhere(tag) - {value}:
            text = value.hex().upper()
            yield make("fixed", "", f"{tag:X} 应为 {text}", f"{tag:X} is to be {text}")
    for tag in (0x9F47, 0x9F32):
        if contents.anywhere(tag) - set(_EXPONENTS):
            yield error("exponent", "", f"{tag:X} 应为 03 或 010001", f"{tag:X}: 03 or 010001")


def texts(contents: BankContents) -> Iterator[Finding]:
    """Label, languages, code table, names (ref 04 §2.4, §7.11)."""
    for interface, fci in contents.fci.items():
        where = f"FCI {interface}"
        label = fci.get(0x50)
        if label is None or not 1 <= len(label) <= 16:
            yield error("label", where, "应用标签（50）应为 1–16 字节", "50 has 1 to 16 bytes")
        elif contents.aid[-1:] == b"\x01" and b"DEBIT" not in label.upper():
            yield warning(
                "label",
                where,
                "借记应用的标签应含 Debit",
                "the label of a debit application should say so",
            )
        languages = fci.get(0x5F2D)
        if languages is not None and not _is_languages(languages):
            yield error(
                "languages",
                where,
                "5F2D 应为 2–8 个小写字母，偶数个",
                "5F2D has 2 to 8 small letters, an even number",
            )
        table = fci.get(0x9F11)
        if table is not None and not (len(table) == 1 and 1 <= table[0] <= 0x10):
            yield error("code_table", where, "9F11 应为 01–10", "9F11 is to be 01 to 10")
        if fci.get(0x9F12) is not None and table is None:
            yield error("code_table", where, "有 9F12 时须有 9F11", "9F12 needs 9F11")


def _is_languages(value: bytes) -> bool:
    text = value.decode("ascii", "replace")
    return len(text) in (2, 4, 6, 8) and text.isascii() and text.isalpha() and text.islower()


def account(contents: BankContents) -> Iterator[Finding]:
    """5A, 57, 5F24 and 5F30 tell the same (ref 04 §7.11); the PAN begins with 62."""
    track2 = contents.anywhere(0x57)
    if len(track2) > 1:
        yield error("track2", "", "57 在各处不同", "57 is not the same everywhere")
    for value in track2:
        pan, separator, rest = value.hex().upper().rstrip("F").partition("D")
        if not separator or not pan.isdecimal() or not rest.isdecimal() or len(rest) < 7:
            yield error("track2", "", "57 格式不符", "57 has another format")
            continue
        if {each.hex().upper().rstrip("F") for each in contents.anywhere(0x5A)} - {pan}:
            yield error("pan", "", "5A 与二磁道不符", "5A is not the PAN of track 2")
        if {each.hex()[:4] for each in contents.anywhere(0x5F24)} - {rest[:4]}:
            yield error("expiry", "", "5F24 与二磁道不符", "5F24 is not the expiry of track 2")
        if {each.hex()[1:] for each in contents.anywhere(0x5F30)} - {rest[4:7]}:
            yield error("service", "", "5F30 与二磁道不符", "5F30 is not the code of track 2")
        if not pan.startswith(_UNIONPAY):
            yield warning(
                "pan_range",
                "",
                "主账号不以 62 开头（测试卡除外）",
                "the PAN does not begin with 62 (but for test cards)",
            )
    for begin in contents.anywhere(0x5F25):
        if any(begin > end for end in contents.anywhere(0x5F24)):
            yield error("effective", "", "5F25 晚于 5F24", "5F25 is later than 5F24")


def holder(contents: BankContents) -> Iterator[Finding]:
    """Name and document (ref 04 §3.2, §7.11, 15 §3.5)."""
    short, long = contents.anywhere(0x5F20), contents.anywhere(0x9F0B)
    if short and any(len(each) > 19 for each in long):
        yield error(
            "names", "", "5F20 与 9F0B 只能有一个", "there is either 5F20 or 9F0B, not both"
        )
    if not short and not long:
        yield warning("names", "", "没有姓名（5F20）", "there is no name (5F20)")
    if any(not 2 <= len(each) <= 26 for each in short):
        yield error("names", "", "5F20 应为 2–26 字节", "5F20 has 2 to 26 bytes")
    if any(each.isascii() and b"/" not in each for each in short | long):
        yield warning(
            "names", "", "拉丁姓名应含 /", "a name in Latin letters has / behind the surname"
        )
    numbers, types = contents.anywhere(0x9F61), contents.anywhere(0x9F62)
    if bool(numbers) != bool(types):
        yield error("document", "", "9F61 与 9F62 须同时存在", "9F61 and 9F62 come together")
    if any(not 1 <= len(each) <= 40 for each in numbers):
        yield error("document", "", "9F61 应为 1–40 字节", "9F61 has 1 to 40 bytes")
    if any(len(each) != 1 or each[0] not in _ID_TYPES for each in types):
        yield error("document", "", "9F62 应为 00–05", "9F62 is to be 00 to 05")


def verification_methods(contents: BankContents) -> Iterator[Finding]:
    """The CVM list: amounts zero, the usual rules (ref 04 §7.11); a PIN for the offline one."""
    for value in contents.anywhere(0x8E):
        if len(value) < 10 or len(value) % 2:
            yield error("cvm", "8E", "CVM 列表长度不符", "the CVM list has another length")
            continue
        if any(value[:8]):
            yield warning("cvm", "8E", "金额 X、Y 应为零", "the amounts X and Y should be zero")
        if value[8:] != _USUAL_METHODS:
            usual = _USUAL_METHODS.hex().upper()
            yield warning("cvm", "8E", f"规则与通常的 {usual} 不同", f"the usual rules: {usual}")
        methods = {value[at] & 0x3F for at in range(8, len(value), 2)}
        numbers = contents.numbers
        if methods & {0x01, 0x03} and numbers is not None and 0x8010 not in numbers:
            yield error(
                "cvm", "8E", "列有脱机 PIN，但卡无 PIN", "an offline PIN, which is not there"
            )


def issuer_data(contents: BankContents) -> Iterator[Finding]:
    """9F10: form, CVN 01 or 17, the algorithm of its way, identifier 01-06 (ref 04 §6.7)."""
    for way, options in contents.ways.items():
        value = options.get(0x9F10)
        if value is None:
            continue
        where = f"{way_name(way)} 9F10"
        try:
            parsed = IssuerData.parse(value)
        except TlvError:
            yield error("issuer_data", where, "格式不符", "has another format")
            continue
        if parsed.version not in _VERSIONS:
            yield error("issuer_data", where, "CVN 应为 01 或 17", "the CVN is to be 01 or 17")
        if parsed.algorithm != BankSuite(way[1]).identifier:
            yield error("issuer_data", where, "算法标识不符", "names another algorithm")
        if parsed.cvr and contents.complete:
            yield error("issuer_data", where, "CVR 初始应为零", "the CVR begins with zeros")
        if parsed.discretionary and parsed.discretionary[0] not in _DISCRETIONARY:
            yield error("issuer_data", where, "标识应为 01–06", "its identifier is to be 01 to 06")


def money(contents: BankContents) -> Iterator[Finding]:
    """Balance and single limit of electronic cash within the limit of the balance."""
    limit = contents.elements.get(0x9F77)
    for tag in (0x9F79, 0x9F78):
        value = contents.elements.get(tag)
        if limit is not None and value is not None and value > limit:
            yield error("cash_limit", "", f"{tag:X} 超过 9F77", f"{tag:X} is more than 9F77")


def logs(contents: BankContents) -> Iterator[Finding]:
    """Each log has its format: 9F4D with 9F4F, DF4D with DF4F (ref 04 §2.4)."""
    if not contents.complete:
        return
    for entry, form in ((0x9F4D, 0x9F4F), (0xDF4D, 0xDF4F)):
        if contents.anywhere(entry) and not contents.anywhere(form):
            yield error(
                "log", "", f"有 {entry:X} 但无 {form:X}", f"{entry:X} is there without {form:X}"
            )


def check_holder(contents: BankContents, owner: BankHolder, holding: Holding) -> Iterator[Finding]:
    """PAN, name and document of the card are those of ``owner`` (ref 04 §7.11)."""
    name, extension = owner.names(holding)
    id_type = holding.id_types.get(owner.document_type, holding.other_id_type)
    wanted = {
        0x5A: owner.padded_pan,
        0x5F20: name,
        0x9F0B: extension,
        0x9F61: owner.id_number.encode("ascii", "replace"),
        0x9F62: bytes((id_type,)),
    }
    for tag, value in wanted.items():
        if contents.anywhere(tag) != ({value} if value else set()):
            yield error(
                "owner",
                "",
                f"{tag:X} 与持卡人记录不符",
                f"{tag:X} is not what the holder's record says",
            )


RULES: tuple[Rule, ...] = (
    equal_pairs,
    fixed_values,
    texts,
    account,
    holder,
    verification_methods,
    issuer_data,
    money,
    logs,
)
