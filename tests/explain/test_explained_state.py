"""What the state of the session makes of a command: selections, proofs, answers in pieces."""

from __future__ import annotations

import pytest

from sscard_ic.apdu.masked import Masked
from sscard_ic.explain import Explainer, Explanation
from sscard_ic.profile import load

SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
SELECT_DF01, SELECT_DF04, SELECT_EF06 = "00A4000002DF01", "00A4000002DF04", "00A4020002EF06"
READ_ONE = "00B2010400"
OK, CLOSED, NOT_FOUND = "9000", "6982", "6A82"


class Wire:
    """An explainer that is talked to in hex digits."""

    def __init__(self, profile: str | None = None) -> None:
        self.explainer = Explainer(load(profile) if profile else None)

    def send(self, command: str, answer: str = OK) -> Explanation:
        return self.explainer.exchange(bytes.fromhex(command), bytes.fromhex(answer))

    def place(self, command: str = READ_ONE) -> str:
        return self.send(command, CLOSED).place

    def refusal(self, command: str) -> str:
        meaning = self.send(command, CLOSED).meaning
        assert meaning is not None
        return meaning.en


@pytest.fixture
def wire() -> Wire:
    return Wire()


# -- selections ------------------------------------------------------------------------------


def test_a_file_belongs_to_the_directory_that_was_selected(wire: Wire) -> None:
    wire.send(SELECT_DF01)
    wire.send(SELECT_EF06)
    assert wire.place() == "DF01.EF06.23"
    wire.send(SELECT_DF04)
    wire.send(SELECT_EF06)
    assert wire.place() == "DF04.EF06.90"


@pytest.mark.parametrize("refusal", [NOT_FOUND, "6A81", "6700"])
def test_a_select_that_fails_changes_nothing(wire: Wire, refusal: str) -> None:
    wire.send(SELECT_DF01)
    wire.send(SELECT_EF06)
    wire.send(SELECT_DF04, refusal)
    wire.send("00A4000002EF05", refusal)
    assert wire.place() == "DF01.EF06.23"


def test_a_blocked_application_is_selected_nevertheless(wire: Wire) -> None:
    told = wire.send(SELECT_DF04, "6283")
    assert told.summary.en.endswith("selected, but the application is blocked")
    assert wire.place("00B2012C00") == "DF04.EF05.81"


def test_a_reset_selects_nothing(wire: Wire) -> None:
    wire.send(SELECT_DF01)
    wire.explainer.reset(bytes.fromhex("3B00"))
    told = wire.send("00B2012C00", CLOSED)
    assert told.place == "SSSE.EF05.01"
    assert [remark.en for remark in told.remarks] == ["nothing selected yet, taken for SSSE"]
    wire.send(SELECT_SSSE)
    assert wire.send("00B2012C00", CLOSED).remarks == ()


def test_a_short_identifier_selects_the_file(wire: Wire) -> None:
    wire.send(SELECT_DF01)
    wire.send("00B2013400", "9000")
    assert wire.place() == "DF01.EF06.23"


def test_a_directory_that_only_the_tags_tell(wire: Wire) -> None:
    # Nothing was selected: tag and length say that this is not EF06 of the SSSE.
    told = wire.send("00B2033400", "280F3133383030303030303030 00000000 9000")
    assert told.summary.en.endswith("→ 13800000000")
    assert [detail.tag for detail in told.answer] == ["28"]
    assert told.answer[0].name.en == "contact telephone"
    assert wire.place("00B2012C00") == "DF01.EF05.20"


def test_commands_without_answers_are_taken_for_successful() -> None:
    explainer = Explainer()
    for command in (SELECT_DF01, SELECT_EF06):
        explainer.command(bytes.fromhex(command))
    assert explainer.command(bytes.fromhex(READ_ONE)).place == "DF01.EF06.23"


def test_an_answer_belongs_to_the_command_before_it() -> None:
    explainer = Explainer()
    explainer.command(bytes.fromhex("00B2032C06"))
    told = explainer.answer(bytes.fromhex("0304322E30309000"))
    assert told.summary.en == "READ RECORD SSSE.EF05.03 specification version → 2.00"
    explainer.command(bytes.fromhex(SELECT_DF01))
    explainer.answer(bytes.fromhex(NOT_FOUND))
    assert explainer.command(bytes.fromhex("00B2012C00")).place == "SSSE.EF05.01"


def test_a_command_that_got_no_answer_changes_nothing() -> None:
    explainer = Explainer()
    explainer.command(bytes.fromhex(SELECT_DF01))
    explainer.unanswered()
    assert explainer.command(bytes.fromhex("00B2012C00")).place == "SSSE.EF05.01"


def test_files_of_other_applications_have_their_own_names(wire: Wire) -> None:
    wire.send("00A4040006D15600000590")
    assert wire.send("00A40000020016").summary.en == "SELECT PSAM.DF01.0016 terminal data"
    wire.send("00A404000C504B492EC9E7BBE1B1A3D5CF")
    wire.send("00A4000002DF01")
    assert wire.send("00A40000020018").summary.en == "SELECT PKI.ADF1.0018 signature certificate"
    wire.send(SELECT_SSSE)
    assert wire.send("00A4000002DF01").place == "DF01"


def test_the_parent_and_the_mf(wire: Wire) -> None:
    wire.send(SELECT_DF01)
    assert wire.send("00A40300").place == "SSSE"
    assert wire.send("00A40000").place == "MF"


def test_an_unknown_file_and_an_unknown_application(wire: Wire) -> None:
    wire.send(SELECT_SSSE)
    told = wire.send("00A4000002EF77")
    assert told.summary.en == "SELECT SSSE.EF77 (not in the profile)"
    assert wire.place() == "SSSE.EF77"
    assert wire.send("00A4000002DF0A").summary.en == "SELECT DF0A not in the profile"
    assert wire.send("00A4040005F000000001").place == "F000000001"


# -- answers in pieces -----------------------------------------------------------------------


def test_get_response_is_the_answer_of_the_command_before(wire: Wire) -> None:
    wire.send(SELECT_SSSE, "6118")
    told = wire.send("00C0000018", "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E9000")
    assert told.summary.en == (
        "GET RESPONSE of SELECT SSSE social security system environment "
        "→ SFI of the directory file SFI 1E"
    )
    assert told.answer[0].tag == "6F"
    assert wire.place("00B2012C00") == "SSSE.EF05.01"


def test_get_response_without_anything_waiting_stands_alone(wire: Wire) -> None:
    assert wire.send("00C0000008", "01029000").summary.en == "GET RESPONSE → 2 bytes"
    wire.send(SELECT_SSSE, "6118")
    wire.send("0084000008", "01020304050607089000")
    assert wire.send("00C0000018", "6F009000").summary.en == "GET RESPONSE → 2 bytes"


def test_an_answer_fetched_in_two_parts(wire: Wire) -> None:
    wire.send(SELECT_SSSE, "6118")
    wire.send("00C0000000", "6C18")
    assert wire.send("00C0000018", "6F0061 02".replace(" ", "")).name is not None
    told = wire.send("00C0000002", "6F009000")
    assert told.summary.en.startswith("GET RESPONSE of SELECT SSSE ")


def test_a_wrong_length_and_its_repetition(wire: Wire) -> None:
    wire.send(SELECT_SSSE)
    assert wire.send("00B2032C00", "6C06").summary.en.endswith("→ wrong Le, should be 6")
    assert wire.send("00B2032C06", "0304322E30309000").summary.en.endswith("→ 2.00")


# -- what refusals say -----------------------------------------------------------------------


def test_a_refusal_says_what_was_presented(wire: Wire) -> None:
    wire.send(SELECT_SSSE)
    wire.send("0020000003123456")
    wire.send(SELECT_DF04)
    assert wire.refusal("00B2013400") == "needs PIN and RK1DF04; presented so far: PIN"
    wire.send("0082008410" + "00" * 16)
    assert wire.refusal("00B2013400") == "needs PIN and RK1DF04; presented so far: PIN, RK1DF04"


def test_another_directory_takes_keys_not_the_pin(wire: Wire) -> None:
    wire.send(SELECT_DF01)
    wire.send("0020000003123456")
    wire.send("0082008810" + "00" * 16)
    assert wire.refusal("00B2012C00").endswith("presented so far: PIN, RK1DF01")
    wire.send(SELECT_DF01)
    assert wire.refusal("00B2012C00").endswith("presented so far: PIN")


@pytest.mark.parametrize("lost", ["0020000003999999", "reset", "00A4040008A000000333010101"])
def test_what_takes_the_pin(wire: Wire, lost: str) -> None:
    wire.send("0020000003123456")
    if lost == "reset":
        wire.explainer.reset()
    else:
        wire.send(lost, "63C2" if lost.startswith("0020") else OK)
    wire.send(SELECT_DF01)
    assert wire.refusal("00B2012C00") == "needs PIN or RK1DF01; nothing presented so far"


def test_a_failed_authentication_proves_nothing(wire: Wire) -> None:
    wire.send(SELECT_DF01)
    wire.send("0082008810" + "00" * 16, "63C2")
    assert wire.refusal("00B2012C00").endswith("nothing presented so far")


def test_rules_that_nobody_can_fulfil(wire: Wire) -> None:
    wire.send(SELECT_DF04)
    assert wire.refusal("00DC0044 1C" + "00" * 28) == "the rule says: only the card itself"


def test_a_card_of_the_third_generation_asks_for_more() -> None:
    wire = Wire("3.00")
    wire.send(SELECT_SSSE)
    assert wire.refusal("00B2013400") == "needs RKSSSE; nothing presented so far"
    assert wire.refusal("00B2072C00") == "needs RKSSSE; nothing presented so far"
    assert wire.refusal("00B2012D00") == "needs RKSSSE; nothing presented so far"


@pytest.mark.parametrize(
    ("command", "status", "meaning"),
    [
        ("0082000410" + "00" * 16, "6984", "no valid challenge: GET CHALLENGE first"),
        ("0082000410" + "00" * 16, "6983", "the key is locked"),
        ("0020000003123456", "6983", "the PIN is locked"),
        ("8072000004B134A332", "9302", "MAC2 is wrong: the card is not genuine"),
        ("B02C01000F" + "00" * 15, "9302", "the MAC is wrong, the card is unchanged"),
        ("B028010113" + "00" * 19, "9403", "the card has no key of this index"),
        ("80E0020000", "6985", "the directory has been ended"),
        ("80E0030008" + "00" * 8, "6985", "the card is finished"),
        ("00B2092C00", "6A83", "the file has no such record"),
        ("00A4000002EF05", "6A82", "there is no such file or application"),
        ("00B2012C00", "6F12", "internal error of the card"),
        ("00B2012C00", "1234", "unknown status word"),
    ],
)
def test_a_status_means_what_the_command_makes_of_it(
    wire: Wire, command: str, status: str, meaning: str
) -> None:
    told = wire.send(command, status).meaning
    assert told is not None
    assert told.en == meaning


def test_a_status_means_what_the_application_makes_of_it(wire: Wire) -> None:
    assert wire.explainer.status(0x6A88).summary.en == "6A88 key not found"
    wire.send("00A4040006D15600000590")
    assert wire.explainer.status(0x6A88).summary.en == "6A88 the PSAM has no such key"
    wire.send("00A4040008A000000333010101")
    assert wire.explainer.status(0x6A88).summary.en == "6A88 there is no such data object"


# -- hidden bytes ----------------------------------------------------------------------------


def masked(text: str) -> Masked:
    return Masked.parse(text)


def test_hidden_values_are_named_and_counted() -> None:
    told = Explainer().exchange_with(
        masked("00B2012D40"),
        masked("0110210200D156000005‹8 bytes›0201‹1 byte›0304322E3030"),
        0x9000,
    )
    shown = [(each.tag, each.value.en if each.value else str(each.raw)) for each in told.answer]
    assert shown == [
        ("01", "210200D156000005 ‹8 bytes›"),
        ("02", "‹1 byte›"),
        ("03", "2.00"),
    ]
    city = told.answer[0].parts[0].value
    assert city is not None
    assert city.en == "210200 Dalian"


def test_hidden_commands_keep_their_names() -> None:
    explainer = Explainer()
    told = explainer.exchange_with(masked("0082000410‹16 bytes›"), masked(""), 0x9000)
    assert told.summary.en == "EXTERNAL AUTHENTICATE UKSSSE, its lowest group"
    told = explainer.exchange_with(masked("0082000411‹17 bytes›"), masked(""), 0x9000)
    assert told.summary.en == "EXTERNAL AUTHENTICATE UKSSSE, its group hidden"
    told = explainer.exchange_with(masked("00A40400‹15 bytes›"), masked("‹24 bytes›"), 0x9000)
    assert told.summary.en == "SELECT something hidden → 24 bytes"


# -- profiles --------------------------------------------------------------------------------


def test_the_records_of_ef05_tell_the_profile(wire: Wire) -> None:
    assert wire.explainer.profile.name == "national/2.00"
    wire.send(SELECT_SSSE)
    wire.send("00B2012C00", "0110210200D15600000500000001FFFFFFFF9000")
    assert wire.explainer.profile.name == "regions/dalian"
    wire.send("00B2012C00", "0110110000D15600000500000001FFFFFFFF9000")
    wire.send("00B2032C00", "0304332E30309000")
    assert wire.explainer.profile.name == "national/3.00"
    assert wire.refusal("00B2013400") == "needs RKSSSE; nothing presented so far"


def test_the_atr_tells_the_region(wire: Wire) -> None:
    wire.explainer.reset(bytes.fromhex("3B6D000000814842428653650100000001"))
    assert wire.explainer.profile.name == "regions/urumqi"


def test_a_given_profile_is_kept() -> None:
    wire = Wire("2.00")
    wire.explainer.reset(bytes.fromhex("3B6D000000814842428653650100000001"))
    wire.send("00B2032C00", "0304332E30309000")
    assert wire.explainer.profile.name == "national/2.00"


def test_another_session_may_be_another_card(wire: Wire) -> None:
    wire.explainer.reset(bytes.fromhex("3B6D000000814842428653650100000001"))
    wire.explainer.begin()
    assert wire.explainer.profile.name == "national/2.00"
