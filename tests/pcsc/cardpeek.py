"""cardpeek 0.8.4 without a display and without questions, and what it found on a card.

It asks on its input for everything that it has not been told, and at the end of its input it asks
for ever: its input stays open here, and a question that nobody expects ends in a timeout. Its
folder is made at its first start; a reader is named ``pcsc://`` and the name in PC/SC; scripts of
``-e`` run in its folder ``scripts``; a console opens behind them unless they end the program.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

READ = """
local done, why = pcall(function()
    ui.question = function() return 1 end
    dofile("emv.lua")
    local file = assert(io.open(os.getenv("TREE"), "w"))
    file:write(nodes.to_xml(nodes.root()))
    file:close()
end)
print(why)
os.exit(done)
"""
"""Its script for bank cards; the answer to its question before GET PROCESSING OPTIONS is yes."""


class Node:
    """One place of the tree that cardpeek shows."""

    def __init__(self, element: ElementTree.Element) -> None:
        self._element = element
        self._texts = {each.get("name"): each.text or "" for each in element.findall("attr")}

    @property
    def name(self) -> str:
        """Its id: a tag, an AID after ``#``, the number of a file or record; else its label."""
        return self._texts.get("id") or self._texts.get("label", "")

    @property
    def kind(self) -> str:
        """``application``, ``file``, ``record``, ``block``, ``item``…"""
        return self._texts.get("classname", "")

    @property
    def value(self) -> str:
        """Its bytes in hex, or a text that the script made."""
        return self._texts.get("val", "").removeprefix("8:")

    @property
    def shown(self) -> str:
        """What cardpeek makes of the bytes for people; empty where it has no rule."""
        return self._texts.get("alt", "")

    @property
    def children(self) -> list[Node]:
        """What stands directly below."""
        return [Node(each) for each in self._element.findall("node")]

    def everything(self) -> Iterator[Node]:
        """This place and all below."""
        return map(Node, self._element.iter("node"))

    def named(self, name: str, *kinds: str) -> list[Node]:
        """All places of a name and of one of these kinds."""
        return [each for each in self.everything() if each.name == name and each.kind in kinds]

    def the(self, name: str) -> Node:
        """A data object, which says the same wherever it stands."""
        found = self.named(name, "item", "block")
        assert found, f"cardpeek found no {name}"
        assert len({each.value for each in found}) == 1, f"{name} is not the same everywhere"
        return found[0]


@dataclass(frozen=True)
class Entry:
    """An entry of the log of transactions."""

    date: str
    amount: str
    currency: str
    merchant: str
    counter: str


class Reading(Node):
    """What cardpeek found on a card."""

    def __init__(self, xml: str) -> None:
        # Its first line is no XML declaration: it says type instead of encoding.
        super().__init__(ElementTree.fromstring(xml.partition("?>")[2]))

    @property
    def applications(self) -> list[str]:
        """AIDs and names that it could select, in hex."""
        found = [each for each in self.everything() if each.kind == "application"]
        return [each.name.removeprefix("#") for each in found]

    def application(self, aid: str) -> Node:
        """One of them."""
        [found] = self.named(f"#{aid}", "application")
        return found


def records(application: Node) -> dict[int, list[int]]:
    """Numbers of the records that could be read, by file; the log of transactions apart."""
    files = [each for each in application.children if (each.kind, each.name) != ("file", "11")]
    return {
        int(file.name): [int(each.name) for each in file.children]
        for file in files
        if file.kind == "file"
    }


def log(application: Node) -> list[Entry]:
    """The log of transactions, the newest entry first."""
    [file] = application.named("11", "file")
    entries = []
    for record in file.children:
        if record.kind == "record":
            part = {each.name: each for each in record.children}
            merchant = bytes.fromhex(part["Merchant Name and Location"].value)
            entries.append(
                Entry(
                    part["Transaction Date"].shown,
                    part["Amount, Authorized"].shown,
                    part["Currency code"].shown,
                    merchant.rstrip(b"\0").decode(),
                    part["Application Transaction Counter (ATC)"].shown,
                )
            )
    return entries


class Cardpeek:
    """The program, with a home of its own below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        self._tree = folder / "tree.xml"

    def read(self, reader: str) -> Reading:
        """Look at the bank card in a reader."""
        if not self._home.exists():
            self._home.mkdir()
            self._run(reader, "os.exit(true)", "1\n1\n")  # make the folder; its contents are told
        self._tree.unlink(missing_ok=True)
        printed = self._run(reader, READ)
        assert self._tree.exists(), printed
        return Reading(self._tree.read_text("utf-8"))

    def _run(self, reader: str, commands: str, answers: str = "") -> str:
        source, sink = os.pipe()
        with os.fdopen(source) as given, os.fdopen(sink, "w") as answering:
            answering.write(answers)
            answering.flush()
            done = subprocess.run(
                ["cardpeek", "--console", "--reader", f"pcsc://{reader}", "--exec", commands],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={
                    "PATH": os.environ["PATH"] + ":/usr/bin:/bin",
                    "LC_ALL": "C",
                    "HOME": str(self._home),
                    "TREE": str(self._tree),
                },
                check=False,
                text=True,
                timeout=60,
            )
        assert done.returncode == 0, done.stdout
        return done.stdout
