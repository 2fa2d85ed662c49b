"""What can go wrong with operators, in words."""

from __future__ import annotations

from collections.abc import Sequence

from sscard_ic.base.authority import NotAuthorised
from sscard_ic.base.errors import InputError, Text


def unknown(name: str, known: Sequence[str]) -> InputError:
    """No operator of this name."""
    listed = ", ".join(known)
    return InputError(
        Text(f"没有操作人员 {name}", f"there is no operator {name}"),
        hint=Text(f"已有：{listed}", f"known: {listed}")
        if known
        else Text("请先运行 sscard operator add", "run sscard operator add first"),
    )


def name_taken(name: str) -> InputError:
    """Names that differ in case or width alone are the same."""
    return InputError(
        Text(f"操作人员 {name} 已存在", f"there is an operator {name} already"),
        hint=Text(
            "每人一个名字；重新启用请用 sscard operator enable",
            "one name for each person; sscard operator enable admits one again",
        ),
    )


def bad_name(longest: int) -> InputError:
    """A name that cannot be told apart, or not printed."""
    return InputError(
        Text("操作人员名字不可用", "not a usable name of an operator"),
        hint=Text(
            f"1 至 {longest} 个字母（汉字）、数字、空格或 . - _ ·，不能只是“-”",
            f"1 to {longest} letters, digits, spaces or . - _ ·, and not '-' alone",
        ),
    )


def bad_roles(known: Sequence[str]) -> InputError:
    """No role, or one that does not exist."""
    listed = ", ".join(known)
    return InputError(
        Text(
            "操作人员至少要有一个已知的角色", "an operator has one role at least, of the known ones"
        ),
        hint=Text(f"角色：{listed}", f"roles: {listed}"),
    )


def password_too_short(least: int) -> InputError:
    """The rule of passwords: length."""
    return InputError(
        Text(f"密码少于 {least} 个字符", f"the password has fewer than {least} characters"),
        hint=Text("请换一个更长的密码", "choose a longer one"),
    )


def password_is_name() -> InputError:
    """The rule of passwords: not what everybody knows."""
    return InputError(
        Text("密码不能与名字相同", "the password is the name itself"),
        hint=Text("请换一个密码", "choose another one"),
    )


def password_unchanged() -> InputError:
    """Whoever chose it knows it."""
    return InputError(
        Text("新密码与须更改的密码相同", "this is the password that must be changed"),
        hint=Text("请换一个只有本人知道的密码", "choose one that nobody else knows"),
    )


def not_first() -> NotAuthorised:
    """Only the first operator of all is added without anybody's consent."""
    return NotAuthorised(
        Text(
            "台账中已有操作人员，添加须经主管同意",
            "the ledger has operators already: a supervisor must consent",
        ),
        hint=Text("请由主管登录后再试", "let a supervisor sign in and try again"),
    )


def first_not_supervisor() -> InputError:
    """Whoever comes first must be able to add the others."""
    return InputError(
        Text("第一个操作人员必须是主管", "the first operator must be a supervisor"),
        hint=Text("请加 --role supervisor", "add --role supervisor"),
    )


def last_supervisor(name: str) -> InputError:
    """Without a supervisor nobody could ever change anything again."""
    return InputError(
        Text(f"{name} 是最后一名可用的主管", f"{name} is the last active supervisor"),
        hint=Text("请先添加另一名主管", "add another supervisor first"),
    )


def refused(tries: int) -> NotAuthorised:
    """A sign-in failed; which of the reasons it was stands in the audit log alone."""
    return NotAuthorised(
        Text(
            "登录被拒绝：名字或密码错误，或该名字已停用或锁定",
            "sign-in refused: wrong name or password, or the name is disabled or locked",
        ),
        hint=Text(
            f"输错 {tries} 次即锁定；主管可用 sscard operator list 查看，"
            "用 sscard operator enable 解锁",
            f"{tries} wrong tries lock a name; a supervisor sees it with sscard operator list "
            "and unlocks it with sscard operator enable",
        ),
    )


def damaged(name: str) -> InputError:
    """The row's hash cannot be computed with its own parameters."""
    return InputError(
        Text(f"操作人员 {name} 的记录已损坏", f"the record of operator {name} is damaged"),
        hint=Text(
            "请用 sscard operator password 重设密码，或从备份恢复台账",
            "set the password anew with sscard operator password, or restore the ledger",
        ),
    )
