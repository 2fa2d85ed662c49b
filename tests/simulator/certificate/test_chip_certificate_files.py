"""SELECT, READ BINARY and UPDATE BINARY of the certificate application."""

from __future__ import annotations

import pytest
from tests.simulator.certificate.certificate_cards import (
    ADF,
    ADF_BY_FID,
    ADF_FCI,
    DDF,
    DDF_BY_FID,
    DDF_FCI,
    GENERATE,
    CertificateCard,
    application,
    card_profile,
    new_card,
    pair_of,
)

from sscard_ic.profile.certificate import CertificateFiles

FILES = ["0012", "0013", "0014", "0015", "0018", "0019"]


def test_the_directory_is_selected_with_nothing_before() -> None:
    assert new_card().data(ADF) == ADF_FCI


def test_directories_by_identifier() -> None:
    card = new_card()
    assert card.data(DDF_BY_FID) == DDF_FCI, "from the MF"
    assert card.data(ADF_BY_FID) == ADF_FCI, "below the environment"
    assert card.data(ADF_BY_FID) == ADF_FCI, "itself"
    assert card.data(DDF_BY_FID) == DDF_FCI, "its environment"
    card.reset()
    assert card.raw(ADF_BY_FID) == "6A82", "below the MF there is none"


def test_the_fci_of_another_card() -> None:
    card = new_card(card_profile({"fci_proprietary": bytes.fromhex("A5039F0800")}))
    assert card.data(DDF) == "6F13840C504B492EC9E7BBE1B1A3D5CFA5039F0800"
    card = new_card(card_profile({"fci_proprietary": b""}))
    assert card.data(DDF) == "6F0E840C504B492EC9E7BBE1B1A3D5CF"


@pytest.mark.parametrize("fid", FILES)
def test_files_are_selected_without_data(fid: str) -> None:
    card = application()
    assert card.raw(f"00A4000002{fid}") == "9000"
    assert card.raw(f"00A4000002{fid}00") == "9000"


def test_a_directory_has_no_current_file() -> None:
    card = application()
    for select in (ADF, ADF_BY_FID, DDF):
        assert card.sw(ADF) == "9000"
        assert card.raw("00A40000020018") == "9000"
        assert card.sw(select) == "9000"
        assert card.sw(ADF) == "9000"
        assert card.raw("00B0000010") == "6986"


def test_a_file_that_is_not_there_leaves_the_current_one() -> None:
    card = application()
    assert card.raw("00A40000020018") == "9000"
    assert card.raw("00A40000020011") == "6A82"
    assert card.raw("00B0000004") == "000000009000"


def test_public_keys_are_read() -> None:
    card = application(user=True)
    assert card.read("0012", length=66) == bytes(66), "00 until there is a key"
    assert card.raw(GENERATE) == "9000"
    content = card.read("0012", length=66)
    assert content[:2] == bytes.fromhex("0040")
    public = card.data("00B0000240")
    assert content[2:] == bytes.fromhex(public)
    assert card.raw("00B0004202") == "6B00"
    assert card.raw("00B0004101") == f"{content[-1]:02X}9000"
    assert card.read("0014", length=66) == bytes(66)
    public_key = pair_of(5).public
    assert card.raw(f"80C2400046C0020014CA40{public_key.hex()}") == "9000"
    assert card.read("0014", length=66) == bytes.fromhex("0040") + public_key


def test_wrong_le_at_t0() -> None:
    card = application(card_profile(features={"wrong_le": "6Cxx"}))
    assert card.raw("00A40000020012") == "9000"
    assert card.raw("00B0000000") == "6C42"
    assert card.raw("00B0000050") == "6C42"
    assert card.raw("00A40000020018") == "9000"
    assert card.raw("00B007F010") == "00" * 16 + "9000"
    assert card.raw("00B007F011") == "6C10"


@pytest.mark.parametrize("fid", ["0012", "0013", "0014", "0015"])
def test_keys_are_never_written_with_update_binary(fid: str) -> None:
    card = application(user=True)
    assert card.verify("00", "12345678") == "9000"
    assert card.authenticate() == "9000"
    assert card.raw(f"00A4000002{fid}") == "9000"
    assert card.raw("00D600000401020304") == "6982"


def test_private_keys_are_never_read() -> None:
    card = application(user=True)
    assert card.verify("00", "12345678") == "9000"
    assert card.authenticate() == "9000"
    assert card.raw(GENERATE) == "9000"
    assert card.import_pair(bytes(range(16)), pair_of(9)) == ["9000"] * 3
    for fid in ("0013", "0015"):
        assert card.raw(f"00A4000002{fid}") == "9000"
        for apdu in ("00B0000020", "00B0000000", "00B0001F01", "00B2010420", "00CA000020"):
            assert len(card.raw(apdu)) == 4
            assert card.raw(apdu) != "9000"


def certificate_of(card: CertificateCard, fid: str = "0018") -> bytes:
    """The whole file."""
    return b"".join(card.read(fid, at) for at in range(0, 2048, 256))


def test_a_certificate_is_written_by_pieces() -> None:
    card = application(user=True)
    content = bytes(range(1, 256)) * 2
    card.write("0018", content, 0x70)
    assert certificate_of(card) == content.ljust(2048, b"\x00")
    assert not any(certificate_of(card, "0019"))
    assert card.raw("00A40000020018") == "9000"
    assert card.raw("00D60100020000") == "9000"
    changed = content[:256] + bytes(2) + content[258:]
    assert certificate_of(card) == changed.ljust(2048, b"\x00")


def test_pieces_in_any_order() -> None:
    card = application(user=True)
    assert card.raw("00A40000020019") == "9000"
    for at in (0x200, 0x000, 0x100):
        assert card.raw(f"00D6{at:04X}FF{'AB' * 255}") == "9000"
    body = (b"\xab" * 255 + b"\x00") * 3
    assert certificate_of(card, "0019") == body.ljust(2048, b"\x00")


def test_the_end_of_a_certificate_file() -> None:
    card = application(card_profile({"certificate_size": 1020}), user=True)
    assert card.raw("00A40000020018") == "9000"
    assert card.raw("00D603FB01AA") == "9000"
    assert card.raw("00D603FC01AA") == "6B00"
    assert card.raw("00D603FB02AAAA") == "6700"
    assert card.raw("00D67FFF01AA") == "6B00"
    assert card.raw("00B003FB01") == "AA9000"
    assert card.raw("00B003FC01") == "6B00"


def test_a_written_certificate_is_wiped_by_00() -> None:
    card = application(user=True)
    card.write("0018", b"\x30" * 100, 100)
    assert "certificate/files/0018" in card.states
    card.write("0018", bytes(100), 100)
    assert "certificate/files/0018" not in card.states
    assert not any(certificate_of(card))


def test_the_profile_says_which_files_there_are() -> None:
    assert sorted(f"{fid:04X}" for _, fid in CertificateFiles()) == FILES


def test_export_answers_the_pair_of_its_first_part() -> None:
    card = application(user=True)
    assert card.raw(GENERATE) == "9000"
    public_key = pair_of(5).public
    assert card.raw(f"80C2400046C0020014CA40{public_key.hex()}") == "9000"
    assert card.raw("80C9820008C0020014C2020015") == "9000"
    assert card.data("80C9828042") == "0040" + public_key.hex().upper()
    assert card.raw("80C9820008C0020012C2020013") == "9000"
    assert card.data("80C9828042") == card.read("0012", length=66).hex().upper()
    assert card.sw(ADF) == "9000"
    assert card.raw("80C9828042") == "6985", "a SELECT ends it"
