"""Where the data that travels with the package lies: profiles and samples."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_INSTALLED = _PACKAGE / "_data"
_CHECKOUT = _PACKAGE.parent.parent


def profiles_dir() -> Path:
    """Directory of the profiles: inside an installed wheel, or of the checkout."""
    installed = _INSTALLED / "profiles"
    return installed if installed.is_dir() else _CHECKOUT / "profiles"


def samples_dir() -> Path:
    """Directory with ``batches`` and ``photos`` of synthetic holders."""
    installed = _INSTALLED / "samples"
    return installed if installed.is_dir() else _CHECKOUT / "tests" / "data"


def home_dir() -> Path:
    """``SSCARD_HOME``, or the platform's folder for user data."""
    explicit = os.environ.get("SSCARD_HOME")
    if explicit:
        return Path(explicit)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return base / "sscard"
