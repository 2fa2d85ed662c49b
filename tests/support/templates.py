"""One card, issued once, and copies of it with other settings of secure messaging."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.changed_rules import with_messaging
from tests.support.plant import Issued, issue

from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import CardProfile
from sscard_ic.simulator import open_image


@dataclass(frozen=True)
class Template:
    """The image of an issued card."""

    image: Path
    profile: CardProfile
    vault: SoftwareVault

    @classmethod
    def make(cls, folder: Path, vault: SoftwareVault, profile: CardProfile) -> Template:
        """Issue the card."""
        image = folder / "template.img"
        issue(folder, vault, profile, path=image).chip.close()
        return cls(image, profile, vault)

    def copy(self, folder: Path, **messaging: Any) -> Path:
        """A copy, its chip with other settings."""
        profile = with_messaging(self.profile, **messaging)
        head, _, states = self.image.read_text(encoding="utf-8").partition("\n")
        header = {**json.loads(head), "dialect": profile.dialect.model_dump(mode="json")}
        path = folder / f"copy{len(list(folder.iterdir()))}.img"
        path.write_text(json.dumps(header) + "\n" + states, encoding="utf-8")
        return path

    def card(self, folder: Path, **messaging: Any) -> Issued:
        """A copy, opened, with the profile of its settings."""
        profile = with_messaging(self.profile, **messaging)
        return Issued(open_image(self.copy(folder, **messaging)), profile, self.vault)
