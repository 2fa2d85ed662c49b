"""The pytest plugin ``sscard``: virtual cards as fixtures.

===================  ====================================================================
``sscard_profile``   the profile of the cards: ini setting ``sscard_profile`` (dalian); override it
``sscard_blank``     :class:`~sscard_ic.testing.cards.LabCard`: a blank
``sscard_card``      a finished card of a synthetic holder
``sscard_cards``     :class:`~sscard_ic.testing.cards.CardShop`: as many of both as wanted
``sscard_deck``      a slot with three blanks, one after the other
``sscard_vpcd``      :class:`~sscard_ic.testing.vpcd.VpcdReader`: a PC/SC reader to put cards in
===================  ====================================================================

``@pytest.mark.sscard_fault("removed", after=5)`` orders a fault for the first card that is made in
the test, by whichever fixture;
``@pytest.mark.sscard_deck(10)`` sets the number of blanks. The redacted traces of a failed test
are kept in the cache folder of pytest, and the report names them.

Importing this module costs next to nothing: what the fixtures need is loaded when one is used.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sscard_ic.issuance.specimen import SpecimenMaker
    from sscard_ic.profile import CardProfile
    from sscard_ic.reader.virtual import VirtualDeck
    from sscard_ic.testing.cards import CardShop, LabCard
    from sscard_ic.testing.traces import TraceShelf
    from sscard_ic.testing.vpcd import VpcdReader

_SHELF: pytest.StashKey[TraceShelf] = pytest.StashKey()
_MAKERS: pytest.StashKey[dict[str, SpecimenMaker]] = pytest.StashKey()
_BLANKS = 3
_LONGEST_NAME = 120
"""Letters of a test's id in the name of its folder; a name has 255 bytes at most."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings."""
    parser.addini("sscard_profile", "profile of the cards of sscard's fixtures", default="dalian")
    parser.addini(
        "sscard_vpcd_port",
        "port of a vpcd reader of the pcscd that runs; without it, a pcscd is started (as root)",
        default="",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marks."""
    for line in (
        "sscard_fault(kind, after=0, times=1, **values): for the first card made in the test",
        "sscard_deck(blanks): how many blanks the deck of the test holds",
    ):
        config.addinivalue_line("markers", line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the traces of a test that failed, and name them in its report."""
    report = yield
    shelf = item.stash.get(_SHELF, None)
    if shelf is not None and report.failed and call.when == "call":
        cache: pytest.Cache | None = getattr(item.config, "cache", None)
        if cache is not None:
            try:
                kept = shelf.keep(cache.mkdir("sscard-traces") / _folder_name(item.nodeid))
                told = "\n".join(map(str, kept))
            except OSError as error:
                told = f"could not be kept: {error}"
            if told:
                report.sections.append(("sscard traces", told))
    return report


def _folder_name(test: str) -> str:
    """A name of its own for every test, and short enough."""
    readable = re.sub(r"[^\w.-]+", "_", test, flags=re.ASCII)[:_LONGEST_NAME]
    return f"{readable}-{hashlib.sha256(test.encode(errors='replace')).hexdigest()[:8]}"


@pytest.fixture
def sscard_profile(pytestconfig: pytest.Config) -> CardProfile:
    """The profile of the cards."""
    from sscard_ic.profile import load

    return load(pytestconfig.getini("sscard_profile"))


@pytest.fixture
def _sscard_shelf(request: pytest.FixtureRequest) -> Iterator[TraceShelf]:
    from sscard_ic.testing.traces import TraceShelf

    shelf = request.node.stash[_SHELF] = TraceShelf()
    yield shelf
    shelf.close()


@pytest.fixture
def _sscard_faults(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    marks = request.node.iter_markers("sscard_fault")

    def order(image: Path) -> None:
        from sscard_ic.simulator import Fault, FaultFile

        # After the first card no mark is left.
        for mark in marks:
            FaultFile(image).order(Fault(*mark.args, **mark.kwargs))

    return order


@pytest.fixture
def sscard_cards(
    request: pytest.FixtureRequest,
    sscard_profile: CardProfile,
    _sscard_shelf: TraceShelf,
    _sscard_faults: Callable[[Path], None],
    tmp_path: Path,
) -> CardShop:
    """Makes cards."""
    from sscard_ic.issuance.specimen import SpecimenMaker
    from sscard_ic.testing.cards import CardShop

    makers = request.config.stash.setdefault(_MAKERS, {})

    def maker() -> SpecimenMaker:
        # Reading the sample batch takes longer than making a card.
        if sscard_profile.name not in makers:
            makers[sscard_profile.name] = SpecimenMaker(sscard_profile)
        return makers[sscard_profile.name]

    return CardShop(sscard_profile, tmp_path / "cards", _sscard_shelf, maker, _sscard_faults)


@pytest.fixture
def sscard_blank(sscard_cards: CardShop) -> LabCard:
    """A blank."""
    return sscard_cards.blank()


@pytest.fixture
def sscard_card(sscard_cards: CardShop) -> LabCard:
    """A finished card."""
    return sscard_cards.issued()


@pytest.fixture
def sscard_deck(
    request: pytest.FixtureRequest,
    sscard_profile: CardProfile,
    _sscard_faults: Callable[[Path], None],
    tmp_path: Path,
) -> VirtualDeck:
    """Blanks in a folder, one after the other; finished ones go to its folder ``good``."""
    from sscard_ic.reader.virtual import deck_of, new_blank

    mark = request.node.get_closest_marker("sscard_deck")
    folder = tmp_path / "deck"
    images = [new_blank(sscard_profile, folder) for _ in range(mark.args[0] if mark else _BLANKS)]
    _sscard_faults(min(images))
    return deck_of(folder)


@pytest.fixture(scope="session")
def _sscard_vpcd_port(pytestconfig: pytest.Config) -> Iterator[int]:
    given = pytestconfig.getini("sscard_vpcd_port")
    if given:
        yield int(given)
        return
    from sscard_ic.testing.service import PcscService

    with PcscService() as service:
        yield service.slots[0].port


@pytest.fixture
def sscard_vpcd(_sscard_vpcd_port: int, _sscard_shelf: TraceShelf) -> Iterator[VpcdReader]:
    """A PC/SC reader into which virtual cards are put."""
    from sscard_ic.testing.vpcd import VpcdReader

    reader = VpcdReader(_sscard_vpcd_port, _sscard_shelf)
    yield reader
    reader.close()
