"""Plans of data groups: what is wrong in one is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_ic.base.resources import profiles_dir
from sscard_ic.profile import check, load_financial
from sscard_ic.profile.problems import ProfileError

TEXT = (profiles_dir() / "financial" / "debit.toml").read_text(encoding="utf-8")

WRONG = [
    ("a value that nobody computes", '57 = "@track2"', '57 = "@track3"', "@track3"),
    ("a value of odd digits", '9F08 = "0030"', '9F08 = "003"', "hexadecimal digits"),
    ("no tag", '9F08 = "0030"', '9G08 = "0030"', "'9G08' is no tag"),
    ("no value", '9F08 = "0030"\n', "", "0302: no value for 9F08"),
    ("no group", 'dgi = "0302"', 'dgi = "032"', "number of a group"),
    ("a group of keys with tags", 'dgi = "pin_tries"', 'dgi = "pin_tries"\ntags = ["57"]', "tags"),
    ("a group without tags", 'tags = ["57", "5F34"]', "tags = []", "0101: a group has tags"),
    ("no AFL", '"18010201", "@sig', '"19010201", "@sig', "entry of a file locator"),
    ("no such record", '"20010100"]\nsm4', '"28010100"]\nsm4', "0501, which no group fills"),
    ("a signed signature", '["08010200", "10010500"', '["08010200", "10010505"', "cannot cover"),
    (
        "no way",
        'dgi = "0203"\ntags = ["93"]\npath = "contact"\n',
        'dgi = "0203"\ntags = ["93"]\n',
        "path",
    ),
    ("no algorithm", 'tags = ["90"]\nalgorithm = "3des"', 'tags = ["90"]', "algorithm is missing"),
    ("ends enciphered", '[[plan.payment]]\ndgi = "pin_tries"\n', "", "cannot be the last"),
]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [each[1:] for each in WRONG],
    ids=[each[0].replace(" ", "-") for each in WRONG],
)
def test_a_wrong_plan(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert TEXT.count(old) >= 1
    file = tmp_path / "bank.toml"
    file.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        check(str(file))
    assert words in caught.value.render("en")
    place, line = caught.value.where.rsplit(":", 1)
    assert place == str(file)
    assert int(line) >= TEXT[: TEXT.index("[plan")].count("\n")


def test_the_record_of_a_signature_comes_with_long_keys_alone() -> None:
    way = load_financial().plan.paths["contactless"]
    assert [bytes(each).hex() for each in way.ranges("3des", None)] == [
        "08020200",
        "10010500",
        "18010201",
        "20010100",
    ]
    assert [bytes(each).hex() for each in way.ranges("3des", 0x0702)][3:] == [
        "38020200",
        "20010100",
    ]
    assert way.model_copy(update={"locator": {}}).ranges("sm4", None) == ()
