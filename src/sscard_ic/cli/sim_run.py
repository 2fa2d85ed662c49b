"""``sscard sim run``: virtual cards in the slots of a vpcd reader, for every PC/SC program."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

import click

from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.cli.common import FAILED, json_option, language, tr
from sscard_ic.reader.trace_file import check_trace, open_trace
from sscard_ic.simulator import (
    DEFAULT_PORT,
    SlotEvent,
    TracedCard,
    VirtualCard,
    VpcdDeck,
    VpcdSlot,
    VpcdTimes,
    open_card,
)

_LAST_PORT = 65535
_LONGEST = 3600
_LOOK = 0.5
"""Seconds between two looks at the slots; an interruption comes through at once."""
_USE = Text(
    "用 sscard readers 查看读写器；按 Ctrl-C 结束",
    "sscard readers shows the readers; Ctrl-C ends this",
)
_WORDS = {
    "inserted": Text("← 插入", "← card in"),
    "removed": Text("→ 取出", "→ card out"),
    "lost": Text("读写器不在（pcscd 已停止？），等待", "no reader (pcscd stopped?), waiting"),
    "returned": Text("← 重新插入", "← card in again"),
}
_LOST = {
    "removed": Text("卡已取出（故障）", "the card was taken out (fault)"),
    "torn": Text("操作中途卡被拔出（故障）", "the card was torn out (fault)"),
    "mute": Text("卡不应答（故障），已取出", "the card fell silent (fault) and was taken out"),
}


def _seconds(context: click.Context, option: click.Parameter, value: str) -> float | None:
    """Seconds, None for ``never``."""
    if value == "never":
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= _LONGEST:
        raise click.BadParameter(
            tr(f"应为 0 到 {_LONGEST} 秒，或 never", f"expected 0 to {_LONGEST} seconds, or never")
        )
    return seconds


Opener = Callable[[Path], VirtualCard]
"""Opens an image by one of its faces."""


@click.command()
@click.argument("images", nargs=-1, metavar="[IMAGE]...", type=click.Path(path_type=Path))
@click.option(
    "--deck",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The cards of a folder, one after the other 依次插入目录中的卡; used ones go to DIR/done.",
)
@click.option(
    "--contactless",
    is_flag=True,
    help="By the contactless face 非接触界面: its ATR, answers as over T=1.",
)
@click.option("--until-empty", is_flag=True, help="End when the deck is used up 用完即止.")
@click.option(
    "--rest",
    type=click.FloatRange(0, _LONGEST),
    default=0.3,
    show_default=True,
    help="Seconds without power after which a card of the deck is finished.",
)
@click.option(
    "--port",
    type=click.IntRange(1, _LAST_PORT),
    default=DEFAULT_PORT,
    show_default=True,
    help="Of the first slot 首个卡槽端口; the next images take the ports after it.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where pcscd runs.")
@click.option(
    "--back",
    callback=_seconds,
    default="1",
    metavar="SECONDS",
    show_default=True,
    help="Seconds until a card lost by a fault comes back 故障后返回; 'never': it stays out.",
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append what programs send to this file, without secrets 脱敏通信记录.",
)
@json_option
@click.pass_context
def run(
    context: click.Context,
    images: tuple[Path, ...],
    deck: Path | None,
    contactless: bool,
    until_empty: bool,
    rest: float,
    port: int,
    host: str,
    back: float | None,
    trace: Path | None,
    as_json: bool,
) -> None:
    """Serve card images as cards in a PC/SC reader 虚拟卡接入读写器, until Ctrl-C.

    Needs pcscd with the vpcd driver. Every image takes a slot of its own; with --deck one slot
    takes a folder of them. A card waits for pcscd when that is restarted, and bears the faults
    that `sscard sim fault` orders. --json prints one event a line.
    """
    _check_usage(images, deck, port, until_empty=until_empty, traced=trace is not None)
    report = _Report(as_json)
    open_face = partial(open_card, interface="contactless" if contactless else "contact")

    def slot_at(number: int) -> VpcdSlot:
        times = VpcdTimes(back=back)
        return VpcdSlot(port + number, host, times=times, on_event=report.event)

    try:
        with _terminable():
            if trace is not None:
                check_trace(trace, "append")
            if deck is not None:
                _run_deck(deck, slot_at(0), report, trace, open_face, rest, until_empty=until_empty)
            else:
                _run_images(images, slot_at, report, trace, open_face)
    except KeyboardInterrupt:
        report.say(Text("已停止", "stopped"))
    except SscardError as error:
        report.error(error)
        context.exit(FAILED)


def _check_usage(
    images: tuple[Path, ...], deck: Path | None, port: int, *, until_empty: bool, traced: bool
) -> None:
    if bool(images) == (deck is not None):
        raise click.UsageError(tr("请给出映像，或者 --deck", "give either images or --deck"))
    if until_empty and deck is None:
        raise click.UsageError(tr("--until-empty 用于 --deck", "--until-empty is for --deck"))
    if len({path.resolve() for path in images}) < len(images):
        raise click.UsageError(tr("同一个映像给出了两次", "an image is given twice"))
    if traced and len(images) > 1:
        raise click.UsageError(tr("--trace 只用于一个卡槽", "--trace is for a single slot"))
    if port + len(images) - 1 > _LAST_PORT:
        raise click.UsageError(
            tr(f"端口超出 {_LAST_PORT}", f"the last slot would be beyond port {_LAST_PORT}")
        )


def _traced(card: VirtualCard, image: Path, out: TextIO | None) -> VirtualCard:
    return card if out is None else TracedCard(card, out, name=image.name)


def _run_deck(
    folder: Path,
    slot: VpcdSlot,
    report: _Report,
    trace: Path | None,
    open_image: Opener,
    rest: float,
    *,
    until_empty: bool,
) -> None:
    out: TextIO | None = None
    deck = VpcdDeck(
        slot,
        folder,
        rest=rest,
        open_card=lambda image: _traced(open_image(image), image, out),
        on_skip=report.skipped,
    )
    report.when_over = deck.stop
    with ExitStack() as stack:
        out = stack.enter_context(open_trace(trace, "append")) if trace else None
        stack.enter_context(slot)
        done = deck.run(until_empty=until_empty)
    report.say(Text(f"用完 {done} 张", f"cards finished: {done}"))


def _run_images(
    images: tuple[Path, ...],
    slot_at: Callable[[int], VpcdSlot],
    report: _Report,
    trace: Path | None,
    open_image: Opener,
) -> None:
    over = threading.Event()
    report.when_over = over.set
    slots = [slot_at(number) for number in range(len(images))]
    with ExitStack() as stack:
        cards = [stack.enter_context(closing(open_image(image))) for image in images]
        if trace is not None:
            out = stack.enter_context(open_trace(trace, "append"))
            cards = [TracedCard(card, out, name=images[0].name) for card in cards]
            stack.enter_context(closing(cards[0]))
        for slot in slots:
            stack.push(slot)
        # Every reader takes up to 0.4 s to ask for its card.
        with ThreadPoolExecutor(len(slots)) as pool:
            put_in = [
                pool.submit(slot.insert, card, str(image))
                for slot, card, image in zip(slots, cards, images, strict=True)
            ]
        for each in put_in:
            each.result()
        while not over.wait(_LOOK):
            failures = [slot.failure for slot in slots]
            for failure in failures:
                # It was told already; the others go on, unless it is a mistake of the program.
                if failure and (all(failures) or not isinstance(failure, SscardError)):
                    raise failure


class _Report:
    """Tells what happens, in words or as JSON lines; called from several threads."""

    def __init__(self, as_json: bool) -> None:
        self.when_over: Callable[[], None] | None = None
        """Called when nobody reads the output any more."""
        self._as_json = as_json
        # The command's context, in which --lang is, belongs to this thread.
        self._language = language()
        self._lock = threading.Lock()
        self._told: list[Exception] = []
        self._begun = False

    def say(self, text: Text) -> None:
        """A word to the person."""
        self._echo(text.to(self._language), err=True)

    def event(self, event: SlotEvent) -> None:
        """Something happened to a card."""
        if event.error is not None:
            if isinstance(event.error, SscardError):
                self.error(event.error, port=event.port, card=event.card)
            return
        if self._as_json:
            facts = {"on": event.on, "loss": event.loss}
            shown = {name: value for name, value in facts.items() if value is not None}
            self._line({"event": event.kind, "port": event.port, "card": event.card, **shown})
        elif event.kind != "powered":
            what = _LOST[event.loss] if event.loss else _WORDS[event.kind]
            self._echo(f"{event.port}  {what.to(self._language)}  {event.card}", err=True)
        if event.kind == "inserted" and not self._begun:
            self._begun = True
            self.say(_USE)

    def skipped(self, error: InputError) -> None:
        """An image of the deck cannot be used."""
        self.error(error)

    def error(self, error: SscardError, **place: object) -> None:
        """What failed, once."""
        if error in self._told:
            return
        self._told.append(error)
        if self._as_json:
            hint = error.hint.to(self._language) if error.hint else None
            message = error.what.to(self._language)
            told = {"where": error.where, "message": message, "hint": hint}
            self._line({"event": "error", **place, "error": told})
        self._echo(error.render(self._language), err=True)

    def _line(self, value: dict[str, object]) -> None:
        self._echo(json.dumps(value))

    def _echo(self, line: str, *, err: bool = False) -> None:
        try:
            with self._lock:
                click.echo(line, err=err)
        except OSError:
            # Nobody listens any more; a card in use must not suffer from that.
            if self.when_over is not None:
                self.when_over()


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the block like Ctrl-C, with everything closed."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
