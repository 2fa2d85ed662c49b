"""The medical account as a profile describes it: its files and keys, and what is open (ref 12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from sscard_ic.base.errors import Text
from sscard_ic.base.problems import Unusable
from sscard_ic.profile.fields import HexByte, HexBytes, HexWord, Strict

if TYPE_CHECKING:
    from sscard_ic.profile.structure import Structure

Mode = Literal[1, 2, 3]
"""How a region settles (ref 12 §2): online; online and temporarily offline; offline."""


def _algorithm(value: Any) -> Any:
    if value == "sm4":
        raise Unusable(
            "医疗账户的 SM4 过程密钥、MAC 与 TAC 未公布；医疗密钥在各代卡上均为 3des",
            "session keys, MACs and TACs of the medical account are not published for SM4; its "
            "keys are 3des on every card",
        )
    return value


MedicalAlgorithm = Annotated[Literal["3des"], BeforeValidator(_algorithm)]


class MedicalSettings(Strict):
    """What the reference leaves open (ref 12 §10); each is listed in docs/assumptions.md."""

    medical_algorithm: MedicalAlgorithm = "3des"
    """Of the keys of the account, on every card."""
    algorithm_byte: HexByte = 0x00
    """Algorithm identifier in the answers to INITIALIZE."""
    load_p2: HexByte = 0x01
    """P2 of INITIALIZE FOR LOAD and GET BALANCE of the account."""
    purchase_p2: HexByte = 0x01
    """P2 of INITIALIZE FOR PURCHASE."""
    tac_form: Literal["xor_halves", "double_length"] = "xor_halves"
    """Key of the TAC: its halves joined by XOR, or the whole DTK."""
    proof_type: Literal["character", "number"] = "character"
    """The type in GET TRANSACTION PROOF: 31 and 32, or 01 and 02."""
    proof_order: Literal["mac_tac", "tac_mac"] = "mac_tac"
    """The answer of GET TRANSACTION PROOF."""
    proof_needs_pin: bool = True
    """GET TRANSACTION PROOF asks for the PIN."""
    log_sequence: Literal["before", "after"] = "before"
    """The number in a log record: the counter as INITIALIZE gave it, or increased."""
    year_coding: Literal["bcd", "binary"] = "bcd"
    """The payment year: 2026 or 07EA."""
    day_coding: Literal["bcd", "binary"] = "bcd"
    """The starting day of the year, month ‖ day: 1231 or 0C1F."""
    starting_day: Annotated[HexBytes, Field(min_length=2, max_length=2)] = b"\x01\x01"
    """Starting day of a new card."""
    older_year: Literal["add", "restart"] = "add"
    """A purchase of an older payment year: added to the totals, or they start again."""
    totals_online: bool = True
    """The card adds to its annual totals also when nothing is taken from the account."""
    balance_checked: Literal["initialize", "debit"] = "initialize"
    """The command that refuses an amount above the balance."""
    insufficient: HexWord = 0x9401
    """That refusal."""
    no_transaction: HexWord = 0x6901
    """Answer to CREDIT and DEBIT without their INITIALIZE."""
    counter_full: HexWord = 0x9402
    """Answer to INITIALIZE when the counter stands at FFFF."""
    amount_overflow: HexWord = 0x6985
    """Answer when a balance or total would pass FFFFFFFF."""
    no_proof: HexWord = 0x9406
    """Answer to GET TRANSACTION PROOF of another transaction than the last one of its type."""


class OfflineData(Strict):
    """Paths of the items of temporary offline settlement (ref 12 §3.5)."""

    allowed: str
    amount: str
    count: str

    @property
    def paths(self) -> tuple[str, str, str]:
        """All three, in the order of the card."""
        return self.allowed, self.amount, self.count


class Medical(Strict):
    """Files and keys of the account."""

    directory: str
    """Directory that must be current for its commands."""
    log: str
    """File that the card writes: 28 bytes for each transaction."""
    categories: str | None = None
    """File of work-injury, maternity and medical-aid settlements: 3 bytes each."""
    insured_place: str | None = None
    """Path of the item with the division code of the place of insurance."""
    offline: OfflineData | None = None
    purchase_key: str = "DPK"
    load_key: str = "DLK"
    tac_key: str = "DTK"
    day_key: str | None = "DSK"
    """Opens UPDATE STARTING DAY."""
    settings: MedicalSettings = MedicalSettings()


class MedicalSettlement(Strict):
    """How a region settles with the card (ref 12 §2, §7.3)."""

    mode: Mode = 1
    """1 online; 2 online, temporarily offline when the network is down; 3 offline."""
    offline_amount_limit: int = Field(default=0, ge=0)
    """Fen: the sum of temporarily offline payments stays below it."""
    offline_count_limit: int = Field(default=0, ge=0)
    """The number of them stays below it."""


LOG_RECORD_LENGTH = 28
CATEGORY_RECORD_LENGTH = 3

_USES = {
    "purchase_key": "purchase",
    "load_key": "load",
    "tac_key": "tac",
    "day_key": "external",
}


def check_medical(structure: Structure) -> Iterator[tuple[tuple[str, ...], Text]]:
    """Findings of a profile check: what the account names and the card does not have."""
    medical = structure.medical
    if medical is None:
        return
    here = structure.directories.get(medical.directory)
    if here is None:
        yield ("medical", "directory"), _absent("目录", "directory", medical.directory)
        return
    for field, name, length in (
        ("log", medical.log, LOG_RECORD_LENGTH),
        ("categories", medical.categories, CATEGORY_RECORD_LENGTH),
    ):
        file = here.files.get(name) if name is not None else None
        lengths = [item.length for item in file.items] if file is not None else []
        if name is not None and (file is None or file.structure != "cyclic" or lengths != [length]):
            text = Text(
                f"{medical.directory} 中没有记录长度为 {length} 的循环文件 {name}",
                f"{medical.directory} has no cyclic file {name} with records of {length} bytes",
            )
            yield ("medical", field), text
    known = {located.path for located in structure.locate_all()}
    offline = medical.offline.paths if medical.offline else ()
    for path in (medical.insured_place, *offline):
        if path is not None and path not in known:
            yield ("medical",), _absent("数据项", "item", path)
    keys = structure.keys_of(medical.directory)
    for field, use in _USES.items():
        name = getattr(medical, field)
        if name is not None and (name not in keys or keys[name].use != use):
            text = Text(
                f"{medical.directory} 中没有用途为 {use} 的密钥 {name}",
                f"{medical.directory} has no key {name} for {use}",
            )
            yield ("medical", field), text


def _absent(zh: str, en: str, name: str) -> Text:
    return Text(f"没有{zh} {name}", f"there is no {en} {name}")
