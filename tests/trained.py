"""A workspace with anna, whose face was really learned for a few steps: once for all processes of a test run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.bench.demo import draw_photos
from easyphoto.commands.base import NullContext
from easyphoto.commands.train import TrainPerson
from easyphoto.persons.photo_sources import photo_files
from easyphoto.settings.training import TrainSettings
from easyphoto.storage.locks import file_lock
from easyphoto.workspace.folders import Workspace

SECONDS = 600.0
QUICK = TrainSettings(steps=6, validations=1, validation_steps=3)


def copy_of_trained(temporary: pytest.TempPathFactory, target: Path) -> Workspace:
    """Return a workspace at `target` of one's own, to be changed at will; the first who asks trains."""
    folder = _shared(temporary) / "trained"
    with file_lock(folder.with_name("trained.lock"), wait=SECONDS):
        if not (folder / "made").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            photos = photo_files(draw_photos(folder / "photos", 0))
            TrainPerson("anna", photos, settings=QUICK).run(EasyPhoto(Workspace(folder / "workspace")), NullContext())
            (folder / "made").touch()
    shutil.copytree(folder / "workspace", target)
    return Workspace(target)


def _shared(temporary: pytest.TempPathFactory) -> Path:
    """Return the folder of the whole run; pytest-xdist gives each process one below it."""
    own = temporary.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
