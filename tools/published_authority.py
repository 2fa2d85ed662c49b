"""Make the certificates of the published test CA anew: ``profiles/authorities/test/*.pem``.

They are made once: a new signature is as good as the old one and makes every machine differ from
those that have the old file. Run it only after a change of names, dates or keys in
``src/sscard_ic/hosts/published_authority.py``; a test says when that is so.
"""

from sscard_ic.base.files import replace_file
from sscard_ic.base.resources import profiles_dir
from sscard_ic.hosts.published_authority import FOLDER, make_certificates


def main() -> None:
    """Write the two files."""
    folder = profiles_dir() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in make_certificates().items():
        replace_file(folder / name, text.encode("ascii"))
        (folder / name).chmod(0o644)
        print(folder / name)


if __name__ == "__main__":
    main()
