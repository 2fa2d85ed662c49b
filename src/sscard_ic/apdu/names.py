"""Names of the commands that the toolkit and its standards know.

Sources: ref 02 §1.3, §7, §8.2, §9, §10, 04 §4.2, 11 §3.2, §4, §5.1, §7, 12 §4, §5.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, get_args

from sscard_ic.base.errors import Text

Dialect = Literal["t514", "mcos", "hdos", "timecos", "fmcos", "psam", "issuer"]
"""Where a header means something of its own: the operating system of a card, the terminal's
security module, the issuer security domain of a bank card."""

DIALECTS: Mapping[str, Dialect] = {name: name for name in get_args(Dialect)}
"""The same by their names in profiles."""

_COMMANDS = """
0014    写 ATR                 WRITE ATR
0020    校验密码               VERIFY
002C    解锁密钥               UNBLOCK
0070    管理逻辑通道           MANAGE CHANNEL
0082    外部认证               EXTERNAL AUTHENTICATE
0084    取随机数               GET CHALLENGE
0088    内部认证               INTERNAL AUTHENTICATE
00A4    选择                   SELECT
00B0    读二进制               READ BINARY
00B2    读记录                 READ RECORD
00C0    取响应                 GET RESPONSE
00CA    取数据                 GET DATA
00D0    写二进制               WRITE BINARY
00D2    写记录                 WRITE RECORD
00D4    写密钥                 WRITE KEY
00D6    更新二进制             UPDATE BINARY
00DA    设置数据               PUT DATA
00DC    更新记录               UPDATE RECORD
00E2    追加记录               APPEND RECORD
00E4    删除文件               DELETE FILE
800E    擦除目录               ERASE DF
8016    卡片锁定               CARD BLOCK
8018    应用解锁               APPLICATION UNBLOCK
801A    通用 DES 计算初始化    INIT FOR DES CRYPT
801E    应用锁定               APPLICATION BLOCK
8024    重装或解锁密码         PIN CHANGE/UNBLOCK
8040    生成密钥对             GENERATE KEY PAIR
804A    导入会话密钥           IMPORT SESSION KEY
804C    SM2 签名               SM2 SIGN
804E    SM2 解密               SM2 DECRYPT
805000  圈存初始化             INITIALIZE FOR LOAD
805001  消费初始化             INITIALIZE FOR PURCHASE
805003  圈提初始化             INITIALIZE FOR UNLOAD
805005  取现初始化             INITIALIZE FOR CASH WITHDRAW
805007  修改透支限额初始化     INITIALIZE FOR UPDATE OVERDRAW
8052    圈存                   CREDIT FOR LOAD
805401  消费                   DEBIT FOR PURCHASE
805403  圈提                   DEBIT FOR UNLOAD
805405  取现                   DEBIT FOR CASH WITHDRAW
8058    修改透支限额           UPDATE OVERDRAW LIMIT
805A    取交易认证             GET TRANSACTION PROVE
805C    读余额                 GET BALANCE
805E00  重装密码               RELOAD PIN
805E    修改密码               CHANGE PIN
8070    MAC1 计算              INIT SAM FOR PURCHASE
8072    校验 MAC2              CREDIT SAM FOR PURCHASE
80A8    取处理选项             GET PROCESSING OPTIONS
80AE    生成应用密文           GENERATE AC
80B4    读分段扣费数据         READ CAPP DATA
80C2    导入密钥               IMPORT KEY
80C4    杂凑计算               HASH
80C9    导出公钥               EXPORT PUBLIC KEY
80CA    取数据                 GET DATA
80D4    写密钥                 WRITE KEY
80DC    更新复合消费缓存       UPDATE CAPP CACHE
80DE    更新分段扣费缓存       UPDATE CAPP DATA CACHE
80E0    建立文件               CREATE FILE
80E1    删除文件               DELETE FILE
80E2    写个人化数据           STORE DATA
80FA    数据加密               CIPHER DATA
B026    读余额                 GET BALANCE
B02800  账户划入初始化         INITIALIZE FOR LOAD
B02801  医保结算初始化         INITIALIZE FOR PURCHASE
B02A    账户划入               CREDIT FOR LOAD
B02C    医保结算               DEBIT FOR PURCHASE
B02E    取交易认证             GET TRANSACTION PROOF
B05600  改年度起始日           UPDATE STARTING DAY
B05601  读年度起始日           READ STARTING DAY
BFC8    取卡信息               GET INFO
BFCE    清除目录               CLEAR DF
BFDE    分散会话密钥           DELIVERY SESSION KEY
BFFE    冻结主文件             FREEZE MF
"""

_OWN: dict[Dialect, str] = {
    "t514": """
80E002  预个人化结束           END PERSONALIZATION
80E003  认证传输码             VERIFY TRANSPORT CODE
80E005  写卡片序号             WRITE SERIAL
""",
    "mcos": "",
    "hdos": """
80000000 认证传输码            VERIFY TRANSPORT CODE
80000002 修改传输码            CHANGE TRANSPORT CODE
80000100 取剩余空间            GET FREE SPACE
80000101 取总空间              GET TOTAL SPACE
800E0000 擦除主文件            ERASE MF
800E0001 建立文件结束          CREATE FILE END
""",
    "timecos": """
8014    设置通信协议           SET PROTOCOL
""",
    "fmcos": "",
    "psam": """
8080    建立文件               CREATE FILE
808A01  回收卡片               RECYCLE CARD
808A    建立主文件             CREATE MF
801C    个人化结束             END PERSONALIZATION
80D4    装载密钥               CREATE KEY
""",
    "issuer": """
8050    初始化更新             INITIALIZE UPDATE
8082    外部认证               EXTERNAL AUTHENTICATE
80E6    安装                   INSTALL
80E4    删除                   DELETE
80F0    设置状态               SET STATUS
80F2    取状态                 GET STATUS
80D8    写密钥                 PUT KEY
""",
}

_WITH_MAC = {0x04: b"\x00", 0x84: b"\x80"}
"""Classes that say "with MAC", and the one without."""

Table = dict[bytes, Text]


def _table(rows: str) -> Table:
    table: Table = {}
    for row in filter(None, rows.splitlines()):
        header, names = row.split(maxsplit=1)
        # Two blanks at least between the names, which may hold one themselves.
        zh, en = (name.strip() for name in names.split("  ", 1))
        table[bytes.fromhex(header)] = Text(zh, en)
    return table


_EVERYWHERE = _table(_COMMANDS)
_TABLES: dict[Dialect, Table] = {dialect: _table(rows) for dialect, rows in _OWN.items()}
_HEADER_LENGTHS = (4, 3, 2)
"""How many bytes of a header may decide its name, the longest first."""


def without_mac(header: bytes) -> bytes:
    """A header of any length, its class as that of the command without secure messaging."""
    return _WITH_MAC.get(header[0], header[:1]) + header[1:]


@lru_cache(maxsize=4096)
def command_name(header: bytes, dialect: Dialect = "t514") -> Text | None:
    """The name of the command with this CLA INS P1 P2; None when it is not known.

    What ``dialect`` and the standards do not know may be a command of another dialect.
    """
    if len(header) < 4:
        return None
    header = without_mac(header[:4])
    for table in (_TABLES[dialect], _EVERYWHERE, *_TABLES.values()):
        for length in _HEADER_LENGTHS:
            if name := table.get(header[:length]):
                return name
    return None
