"""Names of the fields of a holder's record (ref 03 §5, 05 §7.8)."""

from __future__ import annotations

from sscard_ic.base.errors import Text

TITLES = {
    "SEQ": Text("序号", "sequence number"),
    "AAB301": Text("行政区划", "region"),
    "AAZ500": Text("社保卡号", "card number"),
    "AAC002": Text("社会保障号码", "social security number"),
    "AAC003": Text("姓名", "name"),
    "AAC004": Text("性别", "sex"),
    "AAC005": Text("民族", "nation"),
    "AAC006": Text("出生日期", "date of birth"),
    "AAC009": Text("户口类别", "household type"),
    "AAC010": Text("户口所在地地址", "registered address"),
    "AAC025": Text("出生地", "place of birth"),
    "AAC058": Text("证件类型", "document type"),
    "AAC067": Text("联系电话", "telephone"),
    "AAC161": Text("国籍", "nationality"),
    "AAE006": Text("常住地址", "residential address"),
    "AAE008": Text("银行代码", "bank code"),
    "LATIN_NAME": Text("姓名拉丁字母", "name in Latin letters"),
    "PAN": Text("银行卡号", "bank card number"),
    "PHOTO": Text("照片", "photo"),
    "GUARDIAN_NAME": Text("监护人姓名", "guardian's name"),
    "GUARDIAN_ID": Text("监护人证件号码", "guardian's ID number"),
    "GUARDIAN_PHONE": Text("监护人电话", "guardian's telephone"),
}


def title(field: str) -> Text:
    """The field's name for people; a field unknown here goes by its code."""
    return TITLES.get(field, Text(field, field))
