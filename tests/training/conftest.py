"""A small dataset, templates and runs over the tiny family."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from easyphoto.settings.training import TrainSettings
from easyphoto.training.run import TrainRun
from tests.fakes import FakeEngine

SIDE = 128
TRIGGER = "easyphoto_face, easyphoto, 1person"


def write_dataset(folder: Path, photos: int) -> Path:
    random = np.random.default_rng(1)
    lines = []
    for number in range(photos):
        for name in ("images", "weights"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = np.repeat(np.repeat(random.integers(0, 255, (8, 8, 3), np.uint8), 16, 0), 16, 1)
        Image.fromarray(pixels).save(folder / "images" / f"{number:03d}.png")
        weights = np.full((SIDE, SIDE), 25, np.uint8)
        weights[32:96, 32:96] = 255
        Image.fromarray(weights).save(folder / "weights" / f"{number:03d}.png")
        words = TRIGGER if number % 2 else f"{TRIGGER}, hat"
        lines.append(json.dumps({"file_name": f"images/{number:03d}.png", "text": words}))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "dataset", photos=5)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    folder = tmp_path_factory.mktemp("templates")
    paths = []
    for number, colour in enumerate(((200, 120, 90), (40, 90, 160))):
        Image.new("RGB", (160, 140), colour).save(folder / f"{number}.png")
        paths.append(str(folder / f"{number}.png"))
    return tuple(paths)


@pytest.fixture
def make_run(tiny_base: Path, dataset: Path) -> Callable[..., TrainRun]:
    """A run over the tiny family; settings by keyword, `templates` and `dataset` apart."""

    def make(templates: tuple[str, ...] = (), dataset: Path = dataset, **settings: Any) -> TrainRun:
        chosen = {"steps": 6, "rank": 4, "alpha": 2.0, "validations": 3, "validation_steps": 2, "batch": 2, **settings}
        return TrainRun(
            person="lena",
            trigger=TRIGGER,
            family="miniature",
            base=str(tiny_base),
            dataset=str(dataset),
            templates=templates,
            settings=TrainSettings(**{"learning_rate": 1e-2, "text_learning_rate": 5e-3, **chosen}),
            threads=1,
        )

    return make


@pytest.fixture
def train_here(tiny_base: Path) -> Callable[..., Any]:
    """Train in this process, with an engine that needs no weights. Returns what was said; the last is Done."""

    def train(run: TrainRun, folder: Path, progress: Any = None, engine: FakeEngine | None = None) -> list[Any]:
        import torch

        from easyphoto.backends.loading import load_components
        from easyphoto.backends.local import LocalBackend
        from easyphoto.progress import NullProgress
        from easyphoto.training.context import RunContext
        from easyphoto.training.run import RunFolder
        from easyphoto.training.session import TrainingModels, train_session

        torch.set_num_threads(1)
        run.write(folder)
        components = load_components(run.kind, tiny_base, dtype=torch.float32, device="cpu")
        tools = TrainingModels(components, LocalBackend(components, tiny_base, device="cpu"), engine or FakeEngine())
        said: list[Any] = []
        context = RunContext(run, RunFolder(folder), said.append, progress or NullProgress())
        said.append(train_session(context, tools))
        return said

    return train


@pytest.fixture
def open_learner(tiny_base: Path, tiny_sdxl: Path, dataset: Path) -> Callable[..., Any]:
    """A learner of five photos with two captions, on either tiny family; its family, steps, batch and so on by name."""
    import torch

    from easyphoto.architectures.miniature import MINIATURE
    from easyphoto.backends.loading import load_components
    from easyphoto.progress import NullProgress
    from easyphoto.training.adapters import add_adapters
    from easyphoto.training.data import cache_dataset, make_plan, read_entries
    from easyphoto.training.loop import Learner
    from easyphoto.training.noise import Noise

    torch.set_num_threads(1)

    def opened(
        family: Any = MINIATURE,
        *,
        steps: int = 12,
        batch: int = 4,
        share: float = 1.0,
        dtype: Any = torch.float32,
        text_learns: bool = True,
    ) -> Any:
        base = tiny_sdxl if family.id == "sdxl" else tiny_base
        components = load_components(replace(family, resolution=64), base, dtype=dtype, device="cpu")
        cached = cache_dataset(components, read_entries(dataset), NullProgress(), flip=False, device="cpu")
        adapted = add_adapters(components, rank=4, alpha=2, seed=0, text_learns=text_learns)
        noise = Noise.of(components.scheduler, "cpu")
        plan = make_plan(cached, steps, batch=batch, timesteps=noise.timesteps, seed=0)
        settings = TrainSettings(batch=batch, text_encoder_share=share)
        return Learner(adapted, cached, noise=noise, plan=plan, settings=settings, rates=(1e-3, 5e-4), device="cpu")

    return opened
