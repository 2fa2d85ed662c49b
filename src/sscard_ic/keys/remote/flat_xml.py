"""``<ROOT>`` with elements of text, read without trusting it.

No document type, entity, attribute, processing instruction, element in an element, or element
twice; the caller limits the size. Nothing is ever fetched or expanded.
"""

from __future__ import annotations

import re
from xml.parsers import expat
from xml.sax.saxutils import escape

from sscard_ic.base.errors import Text
from sscard_ic.keys.remote.fields import MessageError

ROOT = "ROOT"

_DECLARED = re.compile(rb"^<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,20})[\"']")
_ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
}
_BOM = b"\xef\xbb\xbf"
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(elements: dict[str, str]) -> bytes:
    """``<ROOT>`` with these elements, UTF-8; characters that XML has not are left out."""
    inner = "".join(
        f"<{tag}>{escape(_UNWRITABLE.sub('', text))}</{tag}>" for tag, text in elements.items()
    )
    return f"<{ROOT}>{inner}</{ROOT}>".encode()


def read(body: bytes) -> dict[str, str]:
    """The elements of ``<ROOT>`` by name; raises :class:`MessageError`.

    UTF-8, or GB18030 and its parts where the declaration says so.
    """
    reader = _Reader()
    try:
        reader.parse(_decoded(body).encode())
    except expat.ExpatError as error:
        line, column = error.lineno, error.offset + 1
        raise MessageError(
            Text(
                f"不是完整的 XML（第 {line} 行第 {column} 列）",
                f"no complete XML (line {line}, column {column})",
            )
        ) from None
    return reader.elements


def _decoded(body: bytes) -> str:
    body = body.removeprefix(_BOM)
    declared = _DECLARED.match(body)
    name = declared[1].decode("ascii").lower() if declared else "utf-8"
    encoding = _ENCODINGS.get(name)
    try:
        if encoding is None:
            raise ValueError
        return body.decode(encoding)
    except ValueError:
        raise MessageError(
            Text("XML 的编码应为 UTF-8 或 GB18030", "the XML should be UTF-8 or GB18030")
        ) from None


class _Reader:
    """What expat reports, and a refusal of whatever a message has no use for."""

    def __init__(self) -> None:
        self.elements: dict[str, str] = {}
        self._depth = 0
        self._name = ""
        self._parser = parser = expat.ParserCreate("UTF-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.EntityDeclHandler = _refuse_doctype
        parser.ProcessingInstructionHandler = _refuse_instruction

    def parse(self, text: bytes) -> None:
        self._parser.Parse(text, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        wanted = ROOT if self._depth == 1 else None
        if attributes or self._depth > 2 or (wanted and name != wanted):
            raise _shape()
        if self._depth == 2:
            if name in self.elements:
                raise MessageError(
                    Text("XML 中有重复的元素", "an element of the XML is there twice")
                )
            self.elements[name] = ""
            self._name = name

    def _end(self, name: str) -> None:
        self._depth -= 1

    def _text(self, text: str) -> None:
        if self._depth == 2:
            self.elements[self._name] += text
        elif text.strip():
            raise _shape()


def _shape() -> MessageError:
    return MessageError(
        Text(
            "XML 应为 <ROOT>，其下仅有不带属性的文本元素",
            "the XML should be <ROOT> with nothing but elements of text, without attributes",
        )
    )


def _refuse_doctype(*_: object) -> None:
    raise MessageError(
        Text("XML 不得含有 DOCTYPE 或实体", "the XML may have no DOCTYPE and no entities")
    )


def _refuse_instruction(*_: object) -> None:
    raise MessageError(Text("XML 不得含有处理指令", "the XML may have no processing instructions"))
