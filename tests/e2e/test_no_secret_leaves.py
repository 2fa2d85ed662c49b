"""Cards are made and serviced with random keys and PINs; then everything that was written meanwhile
is searched for every one of them: logs, traces, the ledger with its journal, temporary files,
arguments of processes, outputs, tracebacks, exports. Card images alone may hold them."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.plant import SAMPLES
from tests.support.secret_office import SecretOffice, random_roots, together, vault_of
from tests.support.terminal import Terminal

from sscard_ic.base import Secret
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.hierarchy import check_value
from sscard_ic.keys.key_block import KeyBlock, unseal

BROKEN = """
import faulthandler, os
from sscard_ic.keys import loading
own, calls = loading.loading_command, []
def broken(*arguments):
    calls.append(1)
    if len(calls) > {after}:
        faulthandler.dump_traceback()
        {how}
    return own(*arguments)
loading.loading_command = broken
from sscard_ic.cli import main
main()
"""
"""The program, but something unforeseen happens within ``keys`` while a key is in use."""

CRASHES = {
    "raised": BROKEN.format(after=3, how='raise RuntimeError("unforeseen")'),
    "aborted": BROKEN.format(after=9, how="os.abort()"),
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretOffice]:
    """After a day's work."""
    office = SecretOffice(tmp_path_factory.mktemp("office"))
    with closing(office.watched):
        _day(office)
        yield office


def _day(office: SecretOffice) -> None:
    """Cards of both algorithms made and serviced, keys managed, and what goes wrong meanwhile."""
    opened = vault_of(office, list(random_roots("dalian", "urumqi")))
    office.watched.env["SSCARD_PASSPHRASE_FILE"] = office.file("passphrase")
    _people(office)
    _broken_off(office)
    together(lambda: _made(office, "dalian"), lambda: _made(office, "urumqi", 1))
    with closing(opened()) as vault:
        office.know_cards(vault)
        held = vault._opened
        assert held is not None
        office.know({"storage key": held.contents.storage_key.reveal()})
    together(lambda: _counter(office, "dalian"), lambda: _counter(office, "urumqi"))
    together(lambda: _failures(office), lambda: _inventory(office))
    _key_work(office, opened)
    office.sscard("audit-verify", "audit", "verify", "--json")
    office.sscard("audit-export", "audit", "export", str(office.watched.folder / "audit.jsonl"))


def _people(office: SecretOffice) -> None:
    """Somebody who does everything, and changes the first password."""
    roles = [f"--role={role}" for role in ("supervisor", "operator", "auditor")]
    first = {"SSCARD_NEW_PASSWORD_FILE": office.file("first password")}
    office.sscard("operator", "operator", "add", "chief", *roles, env=first)
    office.watched.env |= {
        "SSCARD_OPERATOR": "chief",
        "SSCARD_OPERATOR_PASSWORD_FILE": office.file("first password"),
    }
    new = {"SSCARD_NEW_PASSWORD": office.text("password")}
    office.sscard("password", "operator", "password", "chief", env=new)
    office.watched.env["SSCARD_OPERATOR_PASSWORD_FILE"] = office.file("password")


def _given(office: SecretOffice) -> dict[str, str]:
    """The passphrase in the environment instead of a file."""
    return {"SSCARD_PASSPHRASE_FILE": "", "SSCARD_PASSPHRASE": office.text("passphrase")}


def _run(office: SecretOffice, region: str) -> tuple[str, ...]:
    """Make the cards of a region's batch."""
    reader = f"--reader=virtual:dir:{office.deck(region)}"
    trace = f"--trace={office.watched.folder / region}.trace"
    return ("batch", "run", SAMPLES[region].stem, reader, trace, "--json")


def _imported(office: SecretOffice, region: str, rows: int) -> None:
    order = office.order(region, rows)
    of_region = (str(order), f"--profile={office.profile(region)}", office.photos)
    office.sscard("import", "batch", "import", *of_region, env=_given(office))


def _broken_off(office: SecretOffice) -> None:
    """A batch of two cards, broken off in two ways."""
    _imported(office, "dalian", 2)
    for how, code in (("raised", 1), ("aborted", -signal.SIGABRT)):
        office.sscard(f"run-{how}", *_run(office, "dalian"), program=CRASHES[how], code=code)


def _made(office: SecretOffice, region: str, rows: int = 0) -> None:
    """A batch, begun already or of ``rows`` cards, with its return file."""
    if rows:
        _imported(office, region, rows)
    office.sscard("run", *_run(office, region), cold=True)
    folder = office.watched.folder
    office.sscard("return", "batch", "return", SAMPLES[region].stem, f"--out={folder}", "--json")


def _counter(office: SecretOffice, region: str) -> None:
    """What is done to a finished card, with PINs from files and from the environment."""
    image = next(image for found, image in office.images() if found == region)
    card = (f"--reader=virtual:{image}", f"--profile={office.profile(region)}")
    names = [f"{word} PIN of {region}" for word in ("initial", "first", "second", "third")]
    pins = [office.pin(name) for name in names]
    trace = str(office.watched.folder / f"counter-{region}.trace")
    files = (f"--pin-file={office.file(names[0])}", f"--new-pin-file={office.file(names[1])}")
    office.sscard("activate", "trace", "record", trace, "--", "card", "activate", *card, *files)
    both = {"SSCARD_PIN": pins[1], "SSCARD_NEW_PIN": pins[2]}
    office.sscard("change", "card", "pin", "change", *card, "--json", env=both)
    new = {"SSCARD_NEW_PIN": pins[3]}
    office.sscard("reset", "card", "pin", "reset", *card, "--yes", env=new, cold=True)
    now = {"SSCARD_PIN": pins[3]}
    office.sscard("read", "read", "--all", "--keys", "--pin", *card, "--json", env=now)
    office.sscard("explain", "explain", str(office.watched.folder / f"{region}.trace"), "--brief")
    if region == "dalian":
        office.sscard("unblock", "card", "pin", "unblock", *card, "--json")
        office.sscard("show", "trace", "show", trace, "--explain", "--json")
        out = office.watched.folder / "dump.json"
        office.sscard("dump", "dump", "--pin", "--keys", *card, f"--out={out}", env=now)
        office.sscard("credit", "card", "credit", "100", *card, "--yes", "--json", env=now)
        office.sscard("debit", "card", "debit", "--account=1.50", *card, "--yes", env=now)


def _failures(office: SecretOffice) -> None:
    """Commands that fail, each for another secret that is wrong."""
    region, image = office.images()[0]
    card = (f"--reader=virtual:{image}", f"--profile={office.profile(region)}", "--json")
    wrong = {"SSCARD_PIN": office.pin("wrong PIN")}
    office.fails("wrong-pin", "read", "--pin", *card, env=wrong)
    never = {**wrong, "SSCARD_NEW_PIN": office.pin("PIN never set")}
    office.fails("wrong-change", "card", "pin", "change", *card, env=never)
    letters = {"SSCARD_PIN": office.text("PIN of letters")}
    office.fails("no-pin", "read", "--pin", *card, env=letters)
    guessed = {"SSCARD_PASSPHRASE_FILE": "", "SSCARD_PASSPHRASE": office.text("wrong passphrase")}
    office.fails("wrong-passphrase", "keys", "list", "--json", env=guessed)
    password = {"SSCARD_OPERATOR_PASSWORD": office.text("wrong password")}
    office.fails("wrong-password", "keys", "generate", "EXTRA", "--version=9", env=password)
    broken = office.home / "broken.json"
    whole = (office.home / "vault.json").read_bytes()
    broken.write_bytes(whole.replace(b'"sealed":"', b'"sealed":"A', 1))
    office.fails("broken-vault", "keys", "list", f"--vault={broken}", "--json")


def _inventory(office: SecretOffice) -> None:
    """What can be told about keys, also with the passphrase from the keyboard."""
    typed, bare = f"{office.text('passphrase')}\n", {"SSCARD_PASSPHRASE_FILE": ""}
    office.sscard("list", "keys", "list", "--json", stdin=typed, env=bare)
    office.sscard("show", "keys", "show", "UKSSSE", "--json")
    office.sscard("kcv", "keys", "kcv", "UKSSSE", "--region=210200", "--factor=0102030405060708")
    office.sscard("tree", "keys", "tree", "--region=210200")
    office.sscard("export", "keys", "export", str(office.watched.folder / "inventory.csv"))
    office.sscard("doctor", "doctor", "--json")


def _key_work(office: SecretOffice, opened: Callable[[], SoftwareVault]) -> None:
    """Keys made, joined by typed components, exchanged as a block, destroyed; a new passphrase."""
    folder, made = office.watched.folder, ("EXTRA", "--version=1", "--algorithm=3des")
    wrap = _combined(office)
    kind = ("--level=P1", "--use=external", f"--transcript={folder / 'generated.txt'}")
    office.sscard("generate", "keys", "generate", *made, *kind)
    out = folder / "extra.block"
    office.sscard("export-block", "keys", "export-block", *made, "--under=WRAP", f"--out={out}")
    block = KeyBlock.parse(out.read_text())
    office.know({"generated key": unseal(block, Secret(wrap)).reveal()})
    office.sscard("destroy", "keys", "destroy", *made, "--yes")
    office.sscard("rotate", "keys", "rotate", "PUK", "--algorithm=3des", "--last-day=2199-12-31")
    office.texts |= {
        "old passphrase": office.texts["passphrase"],
        "passphrase": secrets.token_urlsafe(18),
    }
    new = {"SSCARD_NEW_PASSPHRASE": office.texts["passphrase"]}
    office.sscard("passphrase", "keys", "passphrase", env=new, cold=True)
    opened().close()


def _combined(office: SecretOffice) -> bytes:
    """A transport key by two components, typed at a terminal."""
    wrap, part = secrets.token_bytes(32), secrets.token_bytes(32)
    parts = part, bytes(a ^ b for a, b in zip(wrap, part, strict=True))
    office.know({"transport key": wrap, "component 1": parts[0], "component 2": parts[1]})
    kind = ("--version=1", "--algorithm=aes", "--level=site", "--use=wrap")
    with Terminal("keys", "combine", "WRAP", *kind, env=office.watched.env) as terminal:
        terminal.answer("Enter where nobody knows it)", _check_value(wrap))
        for number, value in enumerate(parts, 1):
            terminal.answer("Number of the carrier (envelope, card)", f"envelope {number}")
            terminal.answer("Component (64 hex digits, not shown)", value.hex().upper())
            terminal.answer("Check value of this component", _check_value(value))
        assert terminal.finish() == 0, terminal.shown
    office.watched.keep("combine", terminal.shown)
    return wrap


def _check_value(value: bytes) -> str:
    return check_value("aes", Secret(value)).hex().upper()


def test_nothing_that_was_written_holds_a_secret(office: SecretOffice) -> None:
    assert office.search().found_in(office.watched.written()) == {}


def test_the_cards_do_hold_them(office: SecretOffice) -> None:
    """What is searched for is what the cards were given: the search finds it in every image."""
    search = office.search()
    for region, image in office.images():
        found = {words.split(" as ")[0] for words in search.found(image.read_bytes())}
        algorithm = "sm4" if region == "urumqi" else "3des"
        stem = image.stem
        for name in (
            f"UKSSSE 1 {algorithm} of {stem}",
            f"IRK 2 {algorithm} of {stem}",
            f"DTK 1 3des of {stem}",
        ):
            assert name in found
    (_, first), *_ = office.images()
    assert "third PIN of dalian as hex" in search.found(first.read_bytes())


def test_what_was_looked_at(office: SecretOffice) -> None:
    """Logs, traces, journal, temporary files, arguments, tracebacks and exports are all there."""
    files = office.watched.written()
    names = {path.name for path in files}
    assert {
        "dalian.trace",
        "counter-urumqi.trace",
        "ledger.db",
        "inventory.csv",
        "audit.jsonl",
    } <= names
    assert {"vault.json", "generated.txt", "extra.block", "terminal.db"} <= names
    assert any(name.endswith("ledger.db-wal") for name in names), "the journal of the killed run"
    shown = {
        path.name.split("-", 1)[1]: path for path in files if path.parent == office.watched.shown
    }
    assert "RuntimeError: unforeseen" in shown["run-raised.stderr"].read_text()
    assert "Fatal Python error: Aborted" in shown["run-aborted.stderr"].read_text()
    commands = b"".join(path.read_bytes() for path in files if path.suffix == ".processes")
    for words in (b"batch\0run", b"pin\0reset", b"keys\0passphrase"):
        assert words in commands
    with closing(sqlite3.connect(office.home / "ledger.db")) as ledger:
        assert ledger.execute("select count(*) from cards").fetchone()[0] == 3


@pytest.mark.parametrize(
    "form",
    [
        lambda key: key,
        lambda key: key.hex(" ").encode(),
        lambda key: base64.b64encode(b"ab" + key),
        lambda key: str(int.from_bytes(key, "big")).encode(),
        lambda key: json.dumps({"key": key.hex().upper()}).encode("utf-16"),
    ],
    ids=["binary", "hex", "Base64", "decimal", "UTF-16"],
)
def test_a_leak_would_be_found(
    office: SecretOffice, form: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """One key in one line more of what was written."""
    copy = Path(shutil.copy(office.watched.folder / "dalian.trace", tmp_path / "copy.trace"))
    name, key = secrets.choice(list(office.keys.items()))
    with copy.open("ab") as file:
        file.write(b"\n# " + form(key) + b"\n")
    (found,) = office.search().found_in([copy]).values()
    assert {words.split(" as ")[0] for words in found} == {name}
