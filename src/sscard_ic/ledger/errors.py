"""What can go wrong with the ledger, in words."""

from __future__ import annotations

from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.ledger.model import Card, CardState


def unknown_batch(name: str, known: list[str]) -> InputError:
    """No batch of this name."""
    listed = ", ".join(known)
    hint = (
        Text(f"已有批次：{listed}", f"known batches: {listed}")
        if known
        else Text("请先运行 sscard batch import", "run sscard batch import first")
    )
    return InputError(
        Text(f"台账中没有批次 {name}", f"there is no batch {name} in the ledger"), hint=hint
    )


def name_taken(name: str) -> InputError:
    """Another file with this name has been imported."""
    return InputError(
        Text(
            f"批次 {name} 已存在，但文件内容不同",
            f"batch {name} exists already, from a file with other content",
        ),
        where=name,
        hint=Text(
            "请为更正后的文件另取文件名再导入", "give the corrected file another name and import it"
        ),
    )


def ordered_meanwhile(name: str) -> InputError:
    """Another program has ordered one of the numbers since they were checked."""
    return InputError(
        Text(
            "导入期间另一程序已登记了其中的卡号，未导入任何数据",
            "another program has ordered one of the card numbers meanwhile; nothing was imported",
        ),
        where=name,
        hint=Text("请重新导入", "import the file again"),
    )


def wrong_state(card: Card, wanted: CardState) -> SscardError:
    """The card is not where this step begins."""
    return SscardError(
        Text(
            f"状态为 {card.state} 的卡不能变为 {wanted}",
            f"a card in state {card.state} cannot become {wanted}",
        ),
        where=f"{card.batch}, row {card.row}",
    )


def no_card(card: Card) -> SscardError:
    """No blank has been taken for the row, or the one that was has been given up."""
    return SscardError(
        Text(
            f"第 {card.row} 行没有卡（{card.state.text.zh}）",
            f"row {card.row} has no card: it is {card.state.text.en}",
        ),
        where=card.batch,
    )


def chip_taken() -> SscardError:
    """The blank in the reader has been used for a card before."""
    return SscardError(
        Text("读卡器中的芯片已用于另一张卡", "the chip in the reader carries another card already"),
        hint=Text("请换一张空白卡", "insert another blank"),
    )


def serials_exhausted(division: str, wanted: int, left: int) -> InputError:
    """Fewer serial numbers are left than cards wait for one."""
    return InputError(
        Text(
            f"地区 {division} 的流水号不足：需要 {wanted} 个，剩余 {left} 个",
            f"serial numbers of region {division} run out: {wanted} wanted, {left} left",
        ),
        hint=Text(
            "请在地区配置中扩大 identity.serial_last", "raise identity.serial_last in the profile"
        ),
    )


def locked() -> SscardError:
    """The ledger was opened without the vault that protects personal data."""
    return SscardError(
        Text(
            "台账未用密钥库打开，不能读写个人数据",
            "the ledger was opened without a vault: personal data cannot be read or written",
        )
    )


def audit_damaged(seq: int) -> SscardError:
    """An entry of the audit log makes no sense."""
    return SscardError(
        Text(f"审计日志第 {seq} 条无法读取", f"entry {seq} of the audit log cannot be read"),
        hint=Text("请运行 sscard audit verify", "run sscard audit verify"),
    )


def audit_refuses(seq: int) -> SscardError:
    """The database does not let the log grow: somebody has been at it."""
    return SscardError(
        Text(
            f"审计日志无法写入第 {seq} 条",
            f"the audit log does not take entry {seq}",
        ),
        hint=Text("请运行 sscard audit verify", "run sscard audit verify"),
    )
