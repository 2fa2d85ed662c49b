"""Names of BER-TLV objects that a reader of this card meets (ref 01 §2.3, 04 §2-§3, 11 §5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sscard_ic.base.errors import Text
from sscard_ic.explain import bank_words, layout
from sscard_ic.explain.applications import name_words
from sscard_ic.explain.layout import Reading
from sscard_ic.explain.words import same


@dataclass(frozen=True, slots=True)
class Tag:
    """What one tag means and how its value is read."""

    name: Text
    words: Reading | None = None


def _sfi(raw: bytes) -> Text:
    return same(f"SFI {int.from_bytes(raw, 'big'):02X}")


def _text(raw: bytes) -> Text:
    """Text, without what fills it at its end."""
    return layout.characters(raw.rstrip(b"\x00"))


def _date(raw: bytes) -> Text:
    text = raw.hex().upper()
    return same(f"20{text[:2]}-{text[2:4]}-{text[4:6]}" if len(raw) == 3 else text)


def _money(raw: bytes) -> Text:
    text = raw.hex().upper()
    if not text.isdigit():
        return same(text)
    fen = int(text)
    return Text(f"{fen // 100}.{fen % 100:02d} 元", f"{fen // 100}.{fen % 100:02d} yuan")


_ALGORITHMS = {1: Text("3DES", "3DES"), 2: same("SSF33"), 3: same("SM4")}
_ANNOUNCES = 0x86
"""Before the algorithm of the card's keys (ref 01 §2.3)."""


def _issuer_data(raw: bytes) -> Text:
    """9F0C: on a card of the scheme 86 and the algorithm flag (ref 01 §2.3)."""
    flag = raw[1] if len(raw) >= 2 and raw[0] == _ANNOUNCES else 0
    algorithm = _ALGORITHMS.get(flag)
    if algorithm is None:
        return same(raw.hex().upper())
    return Text(f"密钥算法 {algorithm.zh}", f"algorithm of the keys {algorithm.en}")


def _dol(raw: bytes) -> Text:
    """A list of tags and lengths: what a command has to bring."""
    wanted, at = [], 0
    while at < len(raw):
        start = at
        at += 1
        if raw[start] & 0x1F == 0x1F:
            while at < len(raw) and raw[at] & 0x80:
                at += 1
            at += 1
        if at >= len(raw):
            break
        tag = TAGS.get(raw[start:at].hex().upper())
        wanted.append((raw[start:at].hex().upper(), tag, raw[at]))
        at += 1
    named = [(tag.name if tag else same(code), size) for code, tag, size in wanted]
    return Text(
        "、".join(f"{name.zh} {size}" for name, size in named),
        ", ".join(f"{name.en} {size}" for name, size in named),
    )


def _afl(raw: bytes) -> Text:
    """Which records of which files to read, four bytes an entry."""
    parts = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    spans = [f"SFI {p[0] >> 3:02X} {p[1]}-{p[2]}" for p in parts if len(p) == 4]
    return same(", ".join(spans))


_READINGS: dict[str, Reading | None] = {
    "name": name_words,
    "text": _text,
    "digits": layout.digits,
    "number": layout.number,
    "date": _date,
    "sfi": _sfi,
    "money": _money,
    "issuer": _issuer_data,
    "dol": _dol,
    "afl": _afl,
    "aip": bank_words.aip,
    "tvr": bank_words.tvr,
    "tsi": bank_words.tsi,
    "ttq": bank_words.ttq,
    "ctq": bank_words.ctq,
    "processing": bank_words.processing,
    "ada": bank_words.default_action,
    "auc": bank_words.usage,
    "cid": bank_words.information,
    "iad": bank_words.issuer_data,
    "cvm": bank_words.methods,
    "result": bank_words.method,
    "arc": bank_words.response_code,
    "arpc": bank_words.authentication,
    "pan": bank_words.masked_number,
    "track": bank_words.masked_track,
    "track1": bank_words.masked_first_track,
    "-": None,
}

_ROWS = """
42    -      发卡行标识号              issuer identification number
4F    name   应用标识符                application identifier
50    text   应用标签                  application label
57    track  二磁道等效数据            track 2 equivalent data
5A    pan    应用主账号                primary account number
5F20  text   持卡人姓名                cardholder name
5F24  date   应用失效日期              application expiry date
5F25  date   应用生效日期              application effective date
5F28  digits 发卡行国家代码            issuer country code
5F2A  digits 交易货币代码              transaction currency code
5F2D  text   首选语言                  language preference
5F30  digits 服务码                    service code
5F34  digits 主账号序列号              PAN sequence number
61    -      应用模板                  application template
62    -      文件控制参数              file control parameters
6F    -      文件控制信息              file control information
70    -      记录模板                  record template
71    -      发卡行脚本模板1           issuer script template 1
72    -      发卡行脚本模板2           issuer script template 2
73    -      目录自定义模板            directory discretionary template
77    -      响应报文模板              response message template
80    -      响应数据                  response data
81    number 授权金额（二进制）        amount authorised, binary
82    aip    应用交互特征              application interchange profile
83    -      命令模板                  command template
84    name   DF 名称                   DF name
86    -      发卡行脚本命令            issuer script command
87    number 应用优先指示符            application priority indicator
88    sfi    目录基本文件的短标识符    SFI of the directory file
8A    arc    授权响应码                authorisation response code
8C    dol    卡片风险管理数据列表1     CDOL1
8D    dol    卡片风险管理数据列表2     CDOL2
8E    cvm    持卡人验证方法列表        CVM list
8F    -      认证中心公钥索引          CA public key index
90    -      发卡行公钥证书            issuer public key certificate
91    arpc   发卡行认证数据            issuer authentication data
92    -      发卡行公钥余项            issuer public key remainder
93    -      签名的静态应用数据        signed static application data
94    afl    应用文件定位器            application file locator
95    tvr    终端验证结果              terminal verification results
97    dol    交易证书数据列表          TDOL
9A    date   交易日期                  transaction date
9B    tsi    交易状态信息              transaction status information
9C    digits 交易类型                  transaction type
9D    name   目录定义文件名称          DDF name
9F02  money  授权金额                  amount authorised
9F03  money  其他金额                  amount other
9F07  auc    应用用途控制              application usage control
9F08  -      应用版本号                application version number
9F0B  text   持卡人姓名扩展            cardholder name extended
9F0C  issuer 发卡行自定义数据          issuer data
9F0D  -      发卡行行为代码（缺省）    issuer action code, default
9F0E  -      发卡行行为代码（拒绝）    issuer action code, denial
9F0F  -      发卡行行为代码（联机）    issuer action code, online
9F10  iad    发卡行应用数据            issuer application data
9F11  number 发卡行代码表索引          issuer code table index
9F12  text   应用首选名称              application preferred name
9F13  number 上次联机交易计数器        last online ATC register
9F14  number 连续脱机交易下限          lower consecutive offline limit
9F17  number PIN 尝试计数器            PIN try counter
9F1A  digits 终端国家代码              terminal country code
9F1F  track1 一磁道自定义数据          track 1 discretionary data
9F21  digits 交易时间                  transaction time
9F23  number 连续脱机交易上限          upper consecutive offline limit
9F26  -      应用密文                  application cryptogram
9F27  cid    密文信息数据              cryptogram information data
9F32  -      发卡行公钥指数            issuer public key exponent
9F33  -      终端性能                  terminal capabilities
9F34  result 持卡人验证结果            CVM results
9F36  number 应用交易计数器            application transaction counter
9F37  -      不可预知数                unpredictable number
9F38  dol    处理选项数据对象列表      PDOL
9F42  digits 应用货币代码              application currency code
9F44  number 应用货币指数              application currency exponent
9F46  -      IC卡公钥证书              ICC public key certificate
9F47  -      IC卡公钥指数              ICC public key exponent
9F48  -      IC卡公钥余项              ICC public key remainder
9F49  dol    动态数据认证数据列表      DDOL
9F4A  -      静态数据认证标签列表      SDA tag list
9F4B  -      签名的动态应用数据        signed dynamic application data
9F4D  -      交易日志入口              log entry
9F4E  text   商户名称                  merchant name and location
9F4F  dol    交易日志格式              log format
9F51  digits 应用货币代码              application currency code
9F52  ada    应用缺省行为              application default action
9F5D  money  可用脱机消费金额          available offline spending amount
9F61  text   持卡人证件号              cardholder identity number
9F62  number 持卡人证件类型            type of the identity document
9F63  -      产品标识信息              product identification
9F66  ttq    终端交易属性              terminal transaction qualifiers
9F69  -      卡片认证相关数据          card authentication related data
9F6C  ctq    卡片交易属性              card transaction qualifiers
9F6D  money  电子现金重置阈值          EC reset threshold
9F74  text   电子现金发卡行授权码      EC issuer authorisation code
9F77  money  电子现金余额上限          EC balance limit
9F78  money  电子现金单笔交易限额      EC single transaction limit
9F79  money  电子现金余额              EC balance
9F7A  number 电子现金终端支持指示器    EC terminal support indicator
5F50  text   发卡行 URL                issuer URL
98    -      TC 杂凑值                 TC hash value
9F01  digits 收单行标识                acquirer identifier
9F04  number 其他金额（二进制）        amount other, binary
9F05  -      应用自定义数据            application discretionary data
9F06  name   终端应用标识符            AID of the terminal
9F09  -      终端应用版本号            application version number of the terminal
9F15  digits 商户分类码                merchant category code
9F16  text   商户标识                  merchant identifier
9F18  -      发卡行脚本标识            issuer script identifier
9F1B  number 终端最低限额              terminal floor limit
9F1C  text   终端标识                  terminal identification
9F1E  text   接口设备序列号            serial number of the interface device
9F35  -      终端类型                  terminal type
9F39  digits POS 输入方式              POS entry mode
9F40  -      终端附加性能              additional terminal capabilities
9F41  digits 交易序列计数器            transaction sequence counter
9F45  -      数据认证码                data authentication code
9F4C  -      IC卡动态数                ICC dynamic number
9F53  number 连续脱机限制数（国际货币）  consecutive limit, other currencies
9F54  money  累计脱机交易金额限制数    cumulative offline amount limit (CTTAL)
9F56  -      发卡行认证指示位          issuer authentication indicator
9F57  digits 发卡行国家代码            issuer country code
9F58  number 连续脱机交易下限          lower consecutive offline limit
9F59  number 连续脱机交易上限          upper consecutive offline limit
9F5A  text   发卡行 URL2               issuer URL2
9F5C  money  累计脱机交易金额上限      cumulative offline amount upper limit (CTTAUL)
9F68  processing 卡片附加处理          additional processing of the card
9F6B  money  卡片 CVM 限额             CVM limit of the card
9F72  number 连续脱机限制数（国际国家）  consecutive limit, other countries
9F73  digits 货币转换因子              currency conversion factor
9F75  money  累计脱机金额（双货币）    cumulative offline amount, two currencies
9F76  digits 第二应用货币代码          second application currency code
9F7B  money  电子现金终端交易限额      EC transaction limit of the terminal
DF31  -      发卡行脚本结果            issuer script results
DF62  money  分段扣费抵扣限额          segmented charge limit
DF63  money  分段扣费已抵扣额          segmented charge used
DF71  digits 第二币种货币代码          second EC currency code
DF72  money  第二币种限额              second EC currency, limit DF72
DF76  money  第二币种限额              second EC currency, limit DF76
DF77  money  第二币种余额上限          second EC balance limit
DF78  money  第二币种单笔限额          second EC single transaction limit
DF79  money  第二币种余额              second EC balance
A5    -      文件控制信息专用模板      FCI proprietary template
BF0C  -      发卡行自定义数据模板      FCI issuer discretionary data
DF4D  -      圈存日志入口              load log entry
DF4F  dol    圈存日志格式              load log format
DF60  -      CAPP 交易指示位           CAPP transaction indicator
DF61  -      分段扣费应用标识          segmented charge indicator
DF69  number SM 算法支持指示器         SM algorithm support indicator
"""

_CONTROL_PARAMETERS = """
80    number 文件大小                  file size
82    -      文件描述符                file descriptor
83    -      文件标识符                file identifier
8A    -      生命周期状态              life cycle status
"""


def _table(rows: str) -> dict[str, Tag]:
    table = {}
    for row in filter(None, rows.splitlines()):
        tag, kind, names = row.split(maxsplit=2)
        zh, en = (name.strip() for name in names.split("  ", 1))
        table[tag] = Tag(Text(zh, en), _READINGS[kind])
    return table


TAGS: Mapping[str, Tag] = _table(_ROWS)
"""By tag in hex digits."""

_DISCRETIONARY = """
92    -      专有数据                  proprietary data
"""

_CERTIFICATE_COMMANDS = """
C0    -      公钥文件                  public key file
C1    -      数据                      data
C2    -      私钥文件                  private key file
CA    -      公钥                      public key
CB    -      私钥密文                  private key, enciphered
"""

CERTIFICATE_COMMANDS = "certificate"

WITHIN: Mapping[str, Mapping[str, Tag]] = {
    "62": _table(_CONTROL_PARAMETERS),
    "73": _table(_DISCRETIONARY),
    CERTIFICATE_COMMANDS: _table(_CERTIFICATE_COMMANDS),
}
"""Tags that mean something else inside the template of this tag, or in these commands (ref 02
§8.2, §8.9)."""
