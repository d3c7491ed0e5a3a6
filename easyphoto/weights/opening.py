"""From settings to a weight store."""

from __future__ import annotations

from pathlib import Path

from easyphoto.settings import WeightSettings
from easyphoto.weights.entries import LicenceSet
from easyphoto.weights.places import host_folders
from easyphoto.weights.store import WeightStore


def open_store(root: Path, mirrors: tuple[Path, ...], settings: WeightSettings) -> WeightStore:
    """The store in `root` as the settings want it; other programs' folders are looked into as well."""
    webui = Path(settings.webui).expanduser() if settings.webui else None
    return WeightStore(root, mirrors, LicenceSet(settings.licences), also=host_folders(webui), offline=settings.offline)
