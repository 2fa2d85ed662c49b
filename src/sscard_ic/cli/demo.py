"""``sscard demo``: the main job on the two sample batches, end to end, on virtual cards."""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sscard_ic.apdu.ssc import pin_block
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.files import replace_file
from sscard_ic.base.resources import samples_dir
from sscard_ic.base.secret import Secret
from sscard_ic.card import HabitBook, SocialSecurityCard
from sscard_ic.cli.common import FAILED, json_option, language, print_json, tr
from sscard_ic.cli.demo_bank import CardBank, bank_commands, read_bank
from sscard_ic.cli.demo_certificates import (
    CardCertificates,
    next_commands,
    read_certificates,
    write_authorities,
)
from sscard_ic.cli.demo_readers import DemoReaders, InProcess, InReaders
from sscard_ic.cli.progress import progress
from sscard_ic.cli.read import show
from sscard_ic.cli.tables import print_table
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.issuance.certifying import trusted_by
from sscard_ic.issuance.checks import check_file
from sscard_ic.issuance.importing import import_file
from sscard_ic.issuance.returns import write_return_file
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault, create_test_vault, merge_keys
from sscard_ic.ledger import CardState, Ledger
from sscard_ic.lifecycle import activate
from sscard_ic.profile import CardProfile, available, load, load_import_formats
from sscard_ic.reader import Connection, Tally, open_session
from sscard_ic.simulator import DEFAULT_PORT, describe_image

PASSPHRASE = "demo"
"""Published: the vault of a demo holds published test keys only."""

NEW_PIN = "258036"

_BATCHES = {
    "dalian-bank": "dalian-210200-20261121-001.csv",
    "urumqi-bank": "urumqi-650100-20261121-001.csv",
}
_MARKER = ".sscard-demo"


@dataclass(frozen=True, slots=True)
class _Made:
    """One batch of the demo."""

    name: str
    profile: CardProfile
    rows: int
    refused: int
    good: int
    seconds: float
    exchanges: int
    return_file: Path
    certificates: CardCertificates | None
    """Of its first card; None where they bear none."""
    bank: CardBank | None
    """The bank's application of its first card; None where they bear none."""

    def to_json(self) -> dict[str, Any]:
        return {
            "batch": self.name,
            "profile": self.profile.name,
            "rows": self.rows,
            "refused": self.refused,
            "verified": self.good,
            "seconds": round(self.seconds, 2),
            "exchanges_per_card": round(self.exchanges / max(1, self.good), 1),
            "return_file": str(self.return_file),
            "certificates": self.certificates.to_json() if self.certificates else None,
            "bank": self.bank.to_json() if self.bank else None,
        }


@click.command()
@click.option("--cards", type=click.IntRange(1), default=10, show_default=True, help="Per batch.")
@click.option("--all", "everything", is_flag=True, help="All 400 cards of the two batches.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("sscard-demo"),
    show_default=True,
    help="Folder for all that is made 输出目录.",
)
@click.option(
    "--pcsc",
    is_flag=True,
    help="Put the cards into a virtual reader and reach them through PC/SC 经虚拟读写器.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65534),
    default=DEFAULT_PORT,
    show_default=True,
    help="Where the virtual reader takes cards, and the next port 虚拟读写器端口.",
)
@json_option
def demo(cards: int, everything: bool, out: Path, pcsc: bool, port: int, as_json: bool) -> None:
    """Turn two sample batches into verified cards and activate one 全流程演示.

    All persons are synthetic, all keys are published test keys, all cards are virtual.
    """
    _prepare_folder(out)
    started = time.perf_counter()
    readers: DemoReaders = InReaders(out, port, load("dalian-bank")) if pcsc else InProcess(out)
    declared = merge_keys(load(info.name).keys for info in available() if info.kind == "national")
    vault = create_test_vault(out / "vault.json", Secret(PASSPHRASE.encode()), declared)
    habits = HabitBook()
    with closing(vault), Ledger.open(out / "ledger.db", vault.sealer(), vault) as ledger:
        plant = _Plant(out, vault, ledger, habits, readers, None if everything else cards)
        made = [plant.issue(load(name), sample) for name, sample in _BATCHES.items()]
        image = plant.activate_first(made[0])
    for hopper in out.glob("hopper*"):
        _clear(hopper)
    seconds = round(time.perf_counter() - started, 2)
    summary = {
        "seconds": seconds,
        "batches": [batch.to_json() for batch in made],
        "activated": str(image),
    }
    text = json.dumps(summary, ensure_ascii=False, indent=2)
    replace_file(out / "summary.json", f"{text}\n".encode(), mode=0o666)
    if as_json:
        print_json(summary)
    else:
        _report(made, seconds, readers, image, out)
    if any(batch.good != batch.rows - batch.refused for batch in made):
        click.get_current_context().exit(FAILED)


class _Plant:
    """A card maker's workshop in one folder."""

    def __init__(
        self,
        out: Path,
        vault: SoftwareVault,
        ledger: Ledger,
        habits: HabitBook,
        readers: DemoReaders,
        cards: int | None,
    ) -> None:
        self._out = out
        self._vault = vault
        self._ledger = ledger
        self._habits = habits
        self._readers = readers
        self._cards = cards

    def issue(self, profile: CardProfile, sample: str) -> _Made:
        """One batch, from its file to its return file; the first card of all is traced."""
        started = time.perf_counter()
        report = check_file(
            self._input(sample),
            profile,
            load_import_formats(),
            photos=samples_dir() / "photos",
        )
        imported = import_file(self._ledger, report)
        assert imported.batch is not None, "the sample batches hold good rows"
        batch = imported.batch
        model = profile.structure.certificates
        authority = None if model is None else TestAuthority(contents=model.contents)
        good, exchanges = self._run(batch.name, profile, batch.rows - batch.refused, authority)
        returned = write_return_file(self._ledger, batch.name, profile, self._out)
        seconds = time.perf_counter() - started
        return _Made(
            batch.name,
            profile,
            batch.rows,
            batch.refused,
            good,
            seconds,
            exchanges,
            returned.path,
            None if authority is None else self._certificates(batch.name, profile, authority),
            self._bank(batch.name, profile),
        )

    def _run(
        self, batch: str, profile: CardProfile, wanted: int, authority: TestAuthority | None
    ) -> tuple[int, int]:
        """Good cards, and the exchanges they took."""
        tallies = []
        stations = []
        with progress(batch, wanted) as bar, ExitStack() as stack:
            for slot in self._readers.slots(profile):
                stack.enter_context(closing(slot))
                tally = Tally()
                station = Station(
                    slot,
                    self._ledger,
                    profile,
                    self._vault,
                    authority=authority,
                    habits=self._habits,
                    tally=tally,
                    on_card=lambda card: bar(1),
                )
                tallies.append(tally)
                stations.append(station)
            made = run_batch(
                stations,
                self._ledger,
                batch,
                profile,
                self._vault,
                authority=authority,
                tell=bar.tell,
            )
        return made.good, sum(tally.exchanges for tally in tallies)

    def _certificates(
        self, batch: str, profile: CardProfile, authority: TestAuthority
    ) -> CardCertificates:
        """Those of the first card of a batch; the authority's own are left in the folder."""
        trusted = trusted_by(authority)
        write_authorities(self._out, trusted)
        image = self._first_image(batch)
        with self._readers.card(image) as connection:
            return read_certificates(connection, profile, image, trusted)

    def _bank(self, batch: str, profile: CardProfile) -> CardBank | None:
        """The bank's application of the first card of a batch."""
        if profile.financial is None:
            return None
        image = self._first_image(batch)
        with self._readers.card(image) as connection:
            return read_bank(connection, profile.financial, image)

    def _first_image(self, batch: str) -> Path:
        first = self._ledger.cards_of(batch, (CardState.VERIFIED,))[0]
        assert first.chip_serial is not None, "a verified card has a chip"
        return self._out / "cards" / f"{first.chip_serial.hex().upper()}.img"

    def activate_first(self, made: _Made) -> Path:
        """Activate the first card of a batch, with a trace; the image of the card."""
        image = self._first_image(made.name)
        region = made.profile.region
        assert region is not None, "the demo issues for regions"
        trace = self._out / "activation.trace"
        with trace.open("w", encoding="utf-8") as out, self._readers.card(image) as connection:
            session = open_session(connection, trace=out)
            activate(
                session,
                made.profile,
                Secret(pin_block(region.pin.initial)),
                Secret(pin_block(NEW_PIN)),
                self._ledger,
            )
            session.close()
        return image

    def _input(self, sample: str) -> Path:
        """The sample batch, cut to the wanted number of rows, as a supplier would send it."""
        source = samples_dir() / "batches" / sample
        target = self._out / "batches" / sample
        target.parent.mkdir(exist_ok=True)
        lines = source.read_bytes().splitlines(keepends=True)
        target.write_bytes(b"".join(lines[: None if self._cards is None else self._cards + 1]))
        return target


def _prepare_folder(out: Path) -> None:
    """An empty folder; the result of an earlier demo is replaced, anything else is not."""
    if (out / _MARKER).exists():
        shutil.rmtree(out)
    elif out.exists() and any(out.iterdir()):
        raise InputError(
            Text("目录不为空，也不是演示留下的", "the folder is not empty, nor left by a demo"),
            where=str(out),
            hint=Text("用 --out 另选目录", "choose another one with --out"),
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARKER).touch()


def _clear(hopper: Path) -> None:
    """Remove blanks that were not needed; a card that a fault left in work stays."""
    for image in hopper.glob("*.img"):
        if describe_image(image).state == "blank":
            image.unlink()
    with suppress(OSError):
        hopper.rmdir()


def _report(
    made: list[_Made], seconds: float, readers: DemoReaders, image: Path, out: Path
) -> None:
    columns = {
        "rows": Text("行数", "rows"),
        "refused": Text("拒绝", "refused"),
        "verified": Text("合格", "verified"),
        "exchanges_per_card": Text("每卡指令", "exchanges/card"),
        "seconds": Text("秒", "seconds"),
    }
    rows = [[batch.name, *(str(batch.to_json()[key]) for key in columns)] for batch in made]
    titles = [title.to(language()) for title in columns.values()]
    print_table(tr("批次", "batch"), *titles, rows=rows, numbers=range(1, 6))
    for batch in made:
        click.echo(f"{tr('回盘文件', 'return file')}  {batch.return_file}")
    click.echo(f"\n{tr('读回一张卡：', 'One card read back:')}")
    with readers.card(image) as connection:
        _show_card(made[0].profile, connection)
    if made[0].bank is not None:
        click.echo(f"\n{tr('银行应用：', 'Its bank application:')}")
        made[0].bank.show()
    certified = [batch.certificates for batch in made if batch.certificates is not None]
    for card in certified:
        click.echo(f"\n{tr('证书：', 'Certificates:')} {card.image}")
        card.show()
    activated = Text(
        f"\n已启用 {image}，新密码 {NEW_PIN}；共 {seconds} 秒。",
        f"\nActivated {image}, new PIN {NEW_PIN}; {seconds} s in all.",
    )
    click.echo(activated.to(language()))
    click.echo(tr("接着试：", "Go on with:"))
    click.echo(f"  export SSCARD_HOME={out} SSCARD_PASSPHRASE={PASSPHRASE}")
    # `make demo` does not put the command on the path.
    command = "sscard" if shutil.which("sscard") else sys.argv[0]
    click.echo(f"  {command} read --all --keys --reader virtual:{image}")
    if made[0].bank is not None:
        for line in bank_commands(command, image):
            click.echo(f"  {line}")
    for card in certified:
        for line in next_commands(command, out, card.image):
            click.echo(f"  {line}")


def _show_card(profile: CardProfile, connection: Connection) -> None:
    places = [
        place
        for place in profile.places
        if place.directory_name == "SSSE" and place.file_name in ("EF05", "EF06")
    ]
    card = SocialSecurityCard(open_session(connection), profile)
    show(profile, places, card.read(places))
