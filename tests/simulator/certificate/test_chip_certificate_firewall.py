"""Two applications on one chip: what is proved to one opens nothing of the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulator import cards
from tests.simulator.cards import DF01, DF04, MF, SSSE, VERIFY
from tests.simulator.certificate.certificate_cards import (
    ADF,
    ADF_BY_FID,
    ADF_FCI,
    DDF,
    DDF_BY_FID,
    DDF_FCI,
    EXPORT,
    GENERATE,
    PREPARE_EXPORT,
    CertificateCard,
    card_profile,
    issued_card,
    new_card,
    opened,
)


def test_the_pin_of_one_is_none_of_the_other() -> None:
    """Both begin as 123456, and neither counts for the other."""
    card = issued_card()
    assert card.sw(SSSE) == "9000"
    assert card.sw(VERIFY) == "9000"
    assert card.sw(ADF) == "9000"
    assert card.raw(GENERATE) == "6982"
    assert card.verify() == "9000"
    assert card.raw(GENERATE) == "9000"


def closed_record(card: CertificateCard) -> str:
    """Status of reading what the PIN of the social security application opens."""
    assert card.sw(DF01) == "9000"
    assert card.raw("00A4000002EF05") == "9000"
    return card.sw("00B2010404")


def test_what_the_certificate_application_proves_opens_no_record() -> None:
    card = issued_card()
    assert card.sw(SSSE) == "9000"
    closed = closed_record(card)
    assert closed == "6982"
    assert card.sw(ADF) == "9000"
    for reference, pin in (("81", "123456"), ("00", "12345678")):
        assert card.verify(reference, pin) == "9000"
    assert card.authenticate() == "9000"
    assert card.sw(SSSE) == "9000"
    assert closed_record(card) == "6982"
    assert card.sw(VERIFY) == "9000"
    assert closed_record(card) == "9000"


@pytest.mark.parametrize("detour", [ADF, DDF, DDF_BY_FID])
def test_leaving_takes_the_pin_of_the_social_security_application(detour: str) -> None:
    card = issued_card()
    assert card.sw(SSSE) == "9000"
    assert card.sw(VERIFY) == "9000"
    assert closed_record(card) == "9000"
    assert card.sw(detour) == "9000"
    assert card.sw(SSSE) == "9000"
    assert closed_record(card) == "6982"


@pytest.mark.parametrize("detour", [SSSE, MF, "00A4000000"])
def test_leaving_takes_the_pins_of_the_certificate_application(detour: str) -> None:
    card = issued_card()
    assert card.sw(ADF) == "9000"
    assert card.verify() == "9000"
    assert card.authenticate() == "9000"
    assert card.raw(GENERATE) == "9000"
    assert card.raw(PREPARE_EXPORT) == "9000"
    assert card.raw("00A40000020018") == "9000"
    assert card.sw(detour) == "9000"
    assert card.sw(ADF) == "9000"
    assert card.raw(GENERATE) == "6982"
    assert card.replace_key("00112233445566778899AABBCCDDEEFF", "11" * 16) == "6982"
    assert card.raw(EXPORT) == "6985"
    assert card.raw("00B0000010") == "6986"


@pytest.mark.parametrize(
    "apdu", ["00A4040004FFFFFFFF", "00A4040400", "00A40401020012", "00A4000002EF05"]
)
def test_a_failed_select_leaves_everything(apdu: str) -> None:
    card = issued_card()
    assert card.sw(ADF) == "9000"
    assert card.verify() == "9000"
    assert card.sw(apdu) in ("6A82", "6A86", "6700")
    assert card.raw(GENERATE) == "9000"


def test_a_key_of_one_is_none_of_the_other() -> None:
    """EXTERNAL AUTHENTICATE with P2 00 means the control key of the current directory."""
    card = issued_card()
    ours = card.states
    assert card.sw(SSSE) == "9000"
    assert card.authenticate() != "9000"
    assert card.states == ours
    assert card.sw(DDF) == "9000"
    assert card.authenticate() == "9000"
    assert card.authenticate("11" * 16) == "63C5", "nor does the key of the SSSE count here"


def test_no_file_is_current_across_applications() -> None:
    card = issued_card()
    assert card.sw(SSSE) == "9000"
    assert card.raw("00A4000002EF05") == "9000"
    assert card.sw(ADF) == "9000"
    assert card.raw("00B0000010") == "6986"
    assert card.raw("00A40000020018") == "9000"
    assert card.sw(SSSE) == "9000"
    assert card.raw("00B0000010") == "6986"


def test_neither_knows_the_commands_of_the_other() -> None:
    card = issued_card()
    assert card.sw(SSSE) == "9000"
    for apdu in (GENERATE, PREPARE_EXPORT, EXPORT, "80C4010305C103123456"):
        assert card.raw(apdu) == "6D00"
    assert card.sw(ADF) == "9000"
    for apdu in ("00B2010400", "0088000010" + "00" * 16, "00E2000001AA", "805E010007" + "00" * 7):
        assert card.raw(apdu) in ("6D00", "6E00", "6A86")


class TestRouting:
    """The way to an application by whole and partial names, and by identifiers."""

    def test_names_of_the_social_security_application_do_not_lead_here(self) -> None:
        card = issued_card()
        for directory in cards.with_dialect().structure.directories.values():
            name = directory.name
            for length in range(1, len(name) + 1):
                part = name[:length].hex().upper()
                for start in (SSSE, MF):
                    assert card.sw(start) == "9000"
                    fci = card.send(f"00A40400{length:02X}{part}").data.hex().upper()
                    assert fci not in (DDF_FCI, ADF_FCI), part

    def test_partial_names(self) -> None:
        card = issued_card()
        for start in (SSSE, MF, ADF, DDF):
            assert card.sw(start) == "9000"
            assert card.data("00A4040003504B49") == DDF_FCI
            assert card.sw(start) == "9000"
            assert card.data("00A404000753532E43455254") == ADF_FCI

    def test_the_next_one(self) -> None:
        card = issued_card()
        assert card.sw(SSSE) == "9000"
        assert card.data("00A4040203504B49") == DDF_FCI, "behind the social security application"
        assert card.sw("00A4040203504B49") == "6A82", "the environment is the only one"
        assert card.sw(DDF) == "9000"
        assert card.data("00A404020353532E") == ADF_FCI
        assert card.sw("00A404020353532E") == "6A82"
        assert card.sw("00A4040203504B49") == "6A82", "the environment lies before it"
        assert card.sw("00A40402047378312E") == "6A82", "what lies before is not next"

    def test_the_mf(self) -> None:
        card = issued_card()
        assert card.sw(ADF) == "9000"
        mf = card.data(MF)
        assert card.sw(ADF_BY_FID) == "6A82", "the social security application is current"
        assert card.sw(ADF) == "9000"
        assert card.data("00A4000000") == mf

    def test_identifiers_belong_to_the_current_application(self) -> None:
        """Both have a DF01."""
        card = issued_card()
        assert card.sw(SSSE) == "9000"
        own = card.data(DF01)
        assert own != ADF_FCI
        assert card.sw(DDF) == "9000"
        assert card.data(DF01) == ADF_FCI
        assert card.sw(DF04) == "6A82"
        assert card.sw(SSSE) == "9000"
        assert card.data(DF01) == own

    def test_the_environment_by_identifier_from_anywhere_below_the_mf(self) -> None:
        card = issued_card()
        for start in ([], [MF], [SSSE], [SSSE, DF01]):
            for select in start:
                assert card.sw(select) == "9000"
            assert card.data(DDF_BY_FID) == DDF_FCI
        assert card.sw(MF) == "9000"
        for other_form in ("00A4010002DDF3", "00A4020002DDF3", "00A4000102DDF3"):
            assert card.sw(other_form) in ("6A82", "6A86")

    def test_a_blank_without_mf(self) -> None:
        card = new_card()
        assert card.data(DDF) == DDF_FCI
        assert card.sw(MF) == "6A82"
        assert card.sw(ADF_BY_FID) == "9000", "still in the certificate application"


def test_a_blocked_card_has_no_way_in(tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    issued_card(path=path).chip.close()
    with path.open("a", encoding="utf-8") as image:
        image.write('{"ssc/3F00/locked":"card"}\n')
    card = opened(path)
    answers = {card.sw(select) for select in (DDF, ADF, DDF_BY_FID, "00A4040003504B49")}
    assert answers == {card.sw(SSSE)}
    assert "9000" not in answers


@pytest.mark.parametrize("interface", ["contact", "contactless"])
def test_both_faces(tmp_path: Path, interface: str) -> None:
    path = tmp_path / "card.img"
    issued_card(card_profile(), path=path).chip.close()
    card = opened(path, "contactless" if interface == "contactless" else "contact")
    by_contacts = interface == "contact"
    assert card.chip.protocol == ("T=0" if by_contacts else "T=1")
    assert card.raw(DDF) == ("6116" if by_contacts else DDF_FCI + "9000")
    assert card.data(ADF) == ADF_FCI
    assert card.verify() == "9000"
    assert card.raw(GENERATE) == "9000"
    assert card.raw("00A40000020012") == "9000"
    content = card.data("00B0000042")
    assert card.raw(PREPARE_EXPORT) == "9000"
    assert card.raw(EXPORT) == content + "9000", "nothing is sent: the answer comes at once"
    held = card.raw("80C4010305C103123456")
    answer = "3DE741F445DD357BEA4E6C3FE6437036F62B5E3EC0F00D62796EDB4305ED627F"
    if by_contacts:
        assert held == "6120"
        assert card.raw("00C0000020") == answer + "9000"
        assert card.raw("00C0000020") == "6985"
    else:
        assert held == answer + "9000"
