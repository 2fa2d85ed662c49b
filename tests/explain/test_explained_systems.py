"""CREATE FILE and WRITE KEY of other operating systems: fields and rights in words."""

from __future__ import annotations

import pytest

from sscard_ic.explain import Detail, Explainer, Explanation


def explain(command: str, answer: str = "9000") -> Explanation:
    return Explainer().exchange(bytes.fromhex(command), bytes.fromhex(answer))


def values(details: tuple[Detail, ...]) -> dict[str, str]:
    return {each.name.en: each.value.en if each.value else str(each.raw) for each in details}


def test_a_file_of_mcos() -> None:
    # ref 11 §9 step 11: PIN or RK1DF01 (flag 12), UK1DF01 (flag 1)
    told = explain("80E0000511EF05005B0001030000CC00110002045205")
    assert told.summary.en == ("CREATE FILE SSSE.EF05 card-issuer data, file of variable records")
    assert values(told.details) == {
        "file identifier": "EF05",
        "size": "91",
        "record form": "TLV",
        "read control": "or the PIN, PIN",
        "update control": "none",
        "read right": "environment free, application flag 12",
        "update right": "environment free, application flag 1",
        "transport key for reading": "00",
        "transport key for writing": "02",
        "lengths opened": "045205",
    }


def test_a_log_of_mcos_that_nobody_writes() -> None:
    # ref 11 §9 step 12
    told = explain("80E000070EEF081C1E0000010C000000000002")
    assert values(told.details)["update control"] == "no append, no update"
    assert values(told.details)["records"] == "30"


def test_a_key_of_mcos() -> None:
    # ref 11 §9 step 6
    told = explain("80D4000118000401000000033341414141414141414141414141414141")
    assert values(told.details) == {
        "usage": "00",
        "identifier": "04",
        "version": "1",
        "algorithm": "00",
        "right to use": "free",
        "tries": "3",
        "state after success": "flag 3",
        "value": "‹16 bytes›",
    }


def test_the_state_of_an_mcos_card() -> None:
    # ref 11 §3.2
    told = explain("BFC800000F", "8601 4D 48 00 8000 0C 00 39 38 4000 1000 9000")
    answer = values(told.answer)
    assert answer["state of the card"] == "working"
    assert answer["type of directory"] == "MF"
    assert answer["memory"] == "32768"


@pytest.mark.parametrize(
    ("command", "read", "update"),
    [
        # ref 02 §9.1.3, §9.2
        ("80E000150728001EF0F0FFFF", "free", "free"),
        ("80E00018072E3217 11EFFFFF", "state 1 to 1", "never"),
        ("80E0000107 2A0213F000FFFF", "free", "state of the MF at least 0"),
    ],
)
def test_rights_of_fmcos(command: str, read: str, update: str) -> None:
    told = values(explain(command).details)
    assert (told["read right"], told["update right"]) == (read, update)


def test_keys_of_fmcos_and_timecos() -> None:
    # ref 02 §9.1.4, §9.2
    told = explain("80D4010015F9F0F0AA33" + "39" * 16)
    assert told.summary.en == "WRITE KEY external authentication key 00 of SSSE"
    assert values(told.details)["error counter"] == "at most 3 tries, 3 left"
    assert values(told.details)["value"] == "‹16 bytes›"


def test_a_file_and_a_directory_of_hdos() -> None:
    # ref 11 §4
    told = explain("80E0EF0505 0100420033")
    assert told.summary.en == "CREATE FILE SSSE.EF05 card-issuer data, file of variable records"
    assert values(told.details) == {
        "type": "01",
        "size": "66",
        "read right": "free",
        "update right": "flag 3",
    }
    told = explain("80E0DF010B 0400000022D15600000500")
    assert told.summary.en == "CREATE FILE DF01 public application, directory"


def test_files_of_a_psam() -> None:
    # ref 02 §7.5, dialect KS-A
    told = explain("8080000008EF1130300282FF04")
    assert told.summary.en == "CREATE FILE EF11, key file"
    assert values(told.details)["size"] == "642"
    name = "D15600000590" + "FF" * 10
    middle = "00FFFF00000482FF81FFFFFF"
    told = explain(f"808000002ADF0120{middle}06{name}00180100010002030300")
    assert told.summary.en == "CREATE FILE directory DF01 D15600000590"


def test_the_protocol_of_a_file_that_fits_nothing() -> None:
    told = explain("80E00900 03 AABBCC")
    assert told.summary.en == "CREATE FILE"
    assert values(told.details) == {"data": "AABBCC"}
