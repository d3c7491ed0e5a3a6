"""An EasyPhoto whose commands run in a moment, photos of a person, and a template."""

import numpy as np
import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.images.pictures import as_picture
from easyphoto.workspace.folders import Workspace
from tests.commands.doubles import OnePersonEngine, Trainer, stand_in


@pytest.fixture
def engine():
    return OnePersonEngine()


@pytest.fixture
def trainer():
    return Trainer()


@pytest.fixture
def app(tmp_path, monkeypatch, engine, trainer):
    stand_in(monkeypatch, engine, trainer, tmp_path / "base")
    return EasyPhoto(Workspace(tmp_path / "workspace"), mirrors=())


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(5):
        noise = np.random.default_rng(seed).integers(0, 256, (16, 16, 3)).astype(np.uint8)
        as_picture(noise).resize((256, 256), Image.Resampling.NEAREST).save(folder / f"{seed}.png")
    return folder


@pytest.fixture
def template(tmp_path):
    noise = np.random.default_rng(99).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    as_picture(noise).save(tmp_path / "template.png")
    return tmp_path / "template.png"
