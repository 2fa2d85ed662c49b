"""When tools/setup-venv installs what, with Python and pip played by a script."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Plays the interpreter, the one in .venv as well, and pip; notes what pip is to install.
PYTHON = """#!/bin/sh
case "$*" in
    --version) echo "Python 3.11.2" ;;
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *" install "*) echo "$*" | sed 's/.* --no-compile //' >>called; [ ! -e broken ] ;;
    "-c import sys; print(sys.version"*) echo "3.11.2 /usr" ;;
esac
"""


class Tree:
    """A copy of the files that the script looks at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("pyproject.toml", "README.md", "requirements", "tools/setup-venv"):
            (folder / name).parent.mkdir(exist_ok=True)
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        for name in ("src", "profiles", "tests/data"):
            (folder / name).mkdir(parents=True)
        (folder / "python").write_text(PYTHON)
        (folder / "python").chmod(0o755)

    def setup(self, kind: str) -> list[str]:
        """Run the script; what pip was told to install, shortened."""
        surroundings = {"PATH": "/usr/bin:/bin", "PYTHON": str(self.folder / "python")}
        called = self.folder / "called"
        called.write_text("")
        subprocess.run(
            [self.folder / "tools" / "setup-venv", kind],
            env=surroundings,
            capture_output=True,
            check=True,
            timeout=60,
        )
        return [
            line.replace("--require-hashes -r requirements/", "").replace(" -r requirements/", " ")
            for line in called.read_text().splitlines()
        ]


RUN = ["core.txt build.txt", "--no-deps --no-build-isolation --force-reinstall ."]
DEV = ["dev.txt", "--no-deps --no-build-isolation --force-reinstall -e ."]
PCSC = ["pcsc.txt"]
EXTRAS = ("pcsc", "hsm", "remote")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.mark.parametrize(
    ("kind", "installed"),
    [("run", RUN), ("dev", DEV), *((extra, [*RUN, f"{extra}.txt"]) for extra in EXTRAS)],
)
def test_a_second_run_does_nothing(tree: Tree, kind: str, installed: list[str]) -> None:
    assert tree.setup(kind) == installed
    assert tree.setup(kind) == []


def test_readers_stay_when_the_program_is_installed_anew(tree: Tree) -> None:
    tree.setup("pcsc")
    assert tree.setup("run") == []
    (tree.folder / "src" / "changed.py").touch()
    assert tree.setup("run") == RUN
    assert tree.setup("dev") == DEV
    assert tree.setup("pcsc") == []


def test_readers_on_top_of_the_development_tools(tree: Tree) -> None:
    tree.setup("dev")
    assert tree.setup("pcsc") == PCSC
    assert tree.setup("dev") == []
    (tree.folder / "src" / "changed.py").touch()
    assert tree.setup("pcsc") == [], "editable, the program follows its sources"


def test_readers_leave_the_project_installed_as_it_was(tree: Tree) -> None:
    tree.setup("dev")
    with (tree.folder / "requirements" / "dev.txt").open("a") as lock:
        lock.write("# another version\n")
    assert tree.setup("pcsc") == DEV + PCSC
    assert tree.setup("dev") == []
    (tree.folder / "pyproject.toml").write_text("")
    (tree.folder / "broken").touch()
    with pytest.raises(subprocess.CalledProcessError):
        tree.setup("dev")
    (tree.folder / "broken").unlink()
    assert tree.setup("pcsc") == DEV


@pytest.mark.parametrize("name", ["src/x.py", "profiles/x.toml", "tests/data/x.csv", "README.md"])
def test_what_goes_into_the_project_is_installed_anew(tree: Tree, name: str) -> None:
    tree.setup("run")
    (tree.folder / name).write_text("changed")
    assert tree.setup("run") == RUN


@pytest.mark.parametrize(("kind", "installed"), [("run", RUN), ("dev", DEV)])
def test_a_broken_installation_is_repeated(tree: Tree, kind: str, installed: list[str]) -> None:
    """Even when everything is again as it was when the last one succeeded."""
    tree.setup(kind)
    changed = tree.folder / "pyproject.toml"
    before = changed.read_text()
    changed.write_text("")
    (tree.folder / "broken").touch()
    with pytest.raises(subprocess.CalledProcessError):
        tree.setup(kind)
    (tree.folder / "broken").unlink()
    changed.write_text(before)
    assert tree.setup(kind) == installed


def test_another_lock_is_installed(tree: Tree) -> None:
    tree.setup("dev")
    tree.setup("pcsc")
    with (tree.folder / "requirements" / "pcsc.txt").open("a") as lock:
        lock.write("# another version\n")
    assert tree.setup("dev") == DEV
    assert tree.setup("pcsc") == PCSC


def test_another_interpreter_begins_anew(tree: Tree) -> None:
    tree.setup("pcsc")
    python = tree.folder / "python"
    python.write_text(PYTHON.replace("3.11.2 /usr", "3.12.1 /usr"))
    assert tree.setup("pcsc") == RUN + PCSC


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_that_cannot_be_installed_is_tried_again(tree: Tree, extra: str) -> None:
    tree.setup("run")
    (tree.folder / "broken").touch()
    with pytest.raises(subprocess.CalledProcessError):
        tree.setup(extra)
    (tree.folder / "broken").unlink()
    assert tree.setup(extra) == [f"{extra}.txt"]


def test_an_unknown_word(tree: Tree) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        tree.setup("everything")
