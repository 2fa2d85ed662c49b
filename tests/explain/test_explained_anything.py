"""Whatever bytes there are, words come back and nothing is raised."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.names import DIALECTS, command_name
from sscard_ic.apdu.trace import Damage, scan
from sscard_ic.explain import Bytes, Detail, Explainer, Explanation
from sscard_ic.explain.traces import explain_events

_HEADERS = [
    bytes((cla, ins, 0, 0))
    for cla in (0x00, 0x04, 0x80, 0x84, 0xB0, 0xBF)
    for ins in range(256)
    if any(command_name(bytes((cla, ins, 0, 0)), dialect) for dialect in DIALECTS.values())
]
_FILES = ["3F00", "DDF1", "DF01", "DF04", "EF05", "EF06", "EF08", "EF15", "0016", "0012"]
_APPLICATIONS = [
    "D15600000500",
    "D15600000590",
    "7378312E73682EC9E7BBE1B1A3D5CF",
    "7378332E73682EC9E7BBE1B1A3D5CF",
    "504B492EC9E7BBE1B1A3D5CF",
    "315041592E5359532E4444463031",
    "A000000333010101",
]
_NAMES = [bytes.fromhex(name) for name in _FILES + _APPLICATIONS]
_SIZES = st.sampled_from([0, 1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 17, 24, 26, 28, 32, 36, 44, 100])


@st.composite
def commands(draw: st.DrawFn) -> bytes:
    """Known headers, parameters that address something, data of any length, wrong Lc at times."""
    header = draw(st.sampled_from(_HEADERS))[:2]
    mode, sfi = draw(st.integers(0, 7)), draw(st.integers(0, 31))
    parameters = draw(
        st.one_of(
            st.binary(min_size=2, max_size=2),
            st.just(bytes((draw(st.integers(0, 12)), sfi << 3 | mode))),
            st.just(bytes((draw(st.integers(0, 5)), 0))),
        )
    )
    size = draw(_SIZES)
    data = draw(st.one_of(st.binary(min_size=size, max_size=size), st.sampled_from(_NAMES)))
    wrong = draw(st.integers(0, 255)) if draw(st.integers(0, 9)) == 0 else len(data)
    le = draw(st.binary(max_size=1))
    return header + parameters + (bytes((wrong & 0xFF,)) + data if data else b"") + le


_STATUS = st.sampled_from([b"\x90\x00", b"\x61\x10", b"\x6c\x06", b"\x69\x82", b"\x63\xc2"])
_RECORDS = st.sampled_from(
    [
        bytes.fromhex("0110430299D156000005000000133A05F2E3"),
        bytes.fromhex("0304322E3030"),
        bytes.fromhex("6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"),
        bytes.fromhex("701C611A4F08A000000333010102500B5549434320435245444954870101"),
    ]
)
_DATA = st.one_of(st.binary(max_size=60), _RECORDS)


@st.composite
def hidden(draw: st.DrawFn, raw: st.SearchStrategy[bytes]) -> Bytes:
    """The bytes, or some of them."""
    whole = draw(raw)
    if draw(st.booleans()):
        return whole
    parts: list[bytes | int] = []
    at = 0
    while at < len(whole):
        size = draw(st.integers(1, 8))
        part = whole[at : at + size]
        parts.append(part if draw(st.booleans()) else len(part))
        at += size
    return Masked.of(*parts)


_EXCHANGES = st.tuples(hidden(commands()), _DATA, st.one_of(_STATUS, st.binary(max_size=2)))


def check(told: Explanation) -> None:
    """Both languages are there, on one line each, and nothing that moves a cursor."""
    for text in (told.summary, told.meaning, *told.remarks):
        assert text is None or (text.zh.isprintable() and text.en.isprintable())
    assert told.summary.en
    check_details(told.details)
    check_details(told.answer)


def check_details(details: tuple[Detail, ...]) -> None:
    for each in details:
        assert each.name.zh
        assert each.name.en
        assert each.value is None or (each.value.zh.isprintable() and each.value.en.isprintable())
        check_details(each.parts)


@settings(deadline=None)
@given(st.lists(_EXCHANGES, max_size=12))
def test_sessions(exchanges: list[tuple[Bytes, bytes, bytes]]) -> None:
    explainer = Explainer()
    for command, data, status in exchanges:
        check(explainer.exchange(command, data + status))


@settings(deadline=None)
@given(st.lists(hidden(commands()), max_size=6))
def test_commands_alone(raw: list[Bytes]) -> None:
    explainer = Explainer()
    for command in raw:
        check(explainer.command(command))


@settings(deadline=None)
@given(hidden(st.binary(max_size=300)))
def test_any_bytes(raw: Bytes) -> None:
    explainer = Explainer()
    for explain in (
        explainer.command,
        explainer.answer,
        explainer.atr,
        explainer.reset,
        explainer.tlv,
        explainer.fci,
    ):
        check(explain(raw))
    check(explainer.exchange(raw, raw))


@given(st.integers(-1, 0x1FFFF))
def test_any_status_word(sw: int) -> None:
    check(Explainer().status(sw))


@given(hidden(st.binary(max_size=40).map(lambda rest: b"\x3b" + rest)))
def test_any_atr(raw: Bytes) -> None:
    check(Explainer().atr(raw))


_LINES = st.lists(
    st.one_of(
        st.sampled_from(["R cold 3B00", "R warm", "X", "# sscard trace 1", "! mute 1.000"]),
        commands().map(lambda raw: f"> {raw.hex().upper()}"),
        st.sampled_from(["> 00200000 ‹3 bytes›", "> 00A40400 ‹5 bytes›", "> 00B2012C40"]),
        st.sampled_from(["< 9000 0.100", "< 6118 0.100", "< 0110 ‹16 bytes› 9000 1.000"]),
        st.text(max_size=12),
    ),
    max_size=20,
)


@settings(deadline=None)
@given(_LINES)
def test_any_trace(lines: list[str]) -> None:
    content = "\n".join(["# sscard trace 1", *lines, ""]).encode()
    events = [event for event in scan(content) if not isinstance(event, Damage)]
    for told in explain_events(events, Explainer()):
        check(told)
