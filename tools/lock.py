"""Write the locked requirement files below ``requirements/``.

    core.txt    what the program needs at run time
    build.txt   what building and installing it needs
    dev.txt     what ``make test`` needs; contains the two others and the extras with wheels
    pcsc.txt    the binding to PC/SC readers, on top of core or dev
    hsm.txt     the binding to PKCS#11 modules, on top of core
    remote.txt  TLS client and server of a remote HSM, on top of core

The versions wanted stand in ``pyproject.toml``; the files are written, never edited.
A resolver (uv) is installed into a throw-away environment. Each file is valid for every
supported Python version and platform, and carries the hash of every file that the package
registry holds for a version. They agree on every version: ``dev.txt`` is resolved first and
binds the others.

Run by ``make lock``; with ``--upgrade`` to leave the versions that are locked now.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
RESOLVER = "uv>=0.9"
HEADER = "# {title}\n# Written by `make lock` from pyproject.toml; do not edit.\n"
TITLES = {
    "core": "Run time requirements of sscard-ic.",
    "build": "What building and installing sscard-ic needs.",
    "dev": "What `make test` needs: core, build and the development tools.",
    "pcsc": "The binding to PC/SC readers, on top of core or dev.",
    "hsm": "The binding to PKCS#11 modules, on top of core or dev.",
    "remote": "TLS client and server of a remote HSM, on top of core or dev.",
}


def wanted() -> dict[str, list[str]]:
    """Return the requirements of each lock file as ``pyproject.toml`` states them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    core = project["project"]["dependencies"]
    extras = project["project"]["optional-dependencies"]
    dev = extras["dev"]
    editables = [line for line in dev if line.startswith("editables")]
    build = project["build-system"]["requires"] + editables
    remote = extras["remote"] + extras["serve"]
    return {
        "dev": core + build + dev + extras["hsm"] + remote,
        "core": core,
        "build": build,
        "pcsc": extras["pcsc"],
        "hsm": extras["hsm"],
        "remote": remote,
    }


def install_resolver(folder: Path) -> Path:
    """Make a virtual environment in ``folder`` that holds the resolver; return its program."""
    venv.create(folder, with_pip=True)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([scripts / "python", "-m", "pip", "install", "--quiet", RESOLVER], check=True)
    return scripts / "uv"


def resolve(resolver: Path, requirements: list[str], target: Path, bound: Path | None) -> str:
    """Resolve ``requirements`` for all platforms; return the text of the lock file.

    The versions in ``target`` are kept where they still fit, those in ``bound`` always.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / target.name
        if target.exists() and "--upgrade" not in sys.argv[1:]:
            shutil.copy(target, output)
        command: list[str | Path] = [
            resolver,
            *("pip", "compile", "-", "--output-file", output),
            *("--no-config", "--quiet", "--universal", "--python-version", "3.11"),
            *("--generate-hashes", "--no-header", "--no-annotate"),
            *("--no-emit-index-url", "--no-emit-find-links"),
        ]
        if bound is not None:
            command += ["--constraints", bound]
        # Indexes of this machine must not shape the locks.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "PIP_"))}
        lines = "\n".join(requirements)
        subprocess.run(command, input=lines, check=True, env=environment, text=True)
        return output.read_text(encoding="utf-8")


def main() -> None:
    """Resolve and write the lock files."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        resolver = install_resolver(Path(folder) / "venv")
        dev = FOLDER / "dev.txt"
        for name, requirements in wanted().items():
            target = FOLDER / f"{name}.txt"
            text = resolve(resolver, requirements, target, None if name == "dev" else dev)
            target.write_text(HEADER.format(title=TITLES[name]) + text, encoding="utf-8")
            count = len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE))
            print(f"{target.relative_to(ROOT)}: {count} packages")


if __name__ == "__main__":
    main()
