"""What a host needs to know of the page to take a picture from it into its own tabs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SendTargets:
    """`buttons` by the names in the host's facts (img2img, inpaint, extras); `picture` holds what is sent."""

    buttons: Mapping[str, Any]
    picture: Any
