"""A training's learner without a run around it, on pictures of noise: what benchmarks of the step time and count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from easyphoto.images.pictures import as_picture, write_picture
from easyphoto.settings.training import TrainSettings
from easyphoto.storage.files import write_text

if TYPE_CHECKING:
    from easyphoto.training.loop import Learner

PHOTOS = 8


def write_noise_pictures(folder: Path, side: int, caption: str, *, photos: int = PHOTOS) -> None:
    """Write a dataset of noise; what pictures show does not change the time of a step."""
    random = np.random.default_rng(0)
    lines = []
    for number in range(photos):
        write_picture(folder / f"{number}.png", as_picture(random.integers(0, 255, (side, side, 3), np.uint8)))
        lines.append(json.dumps({"file_name": f"{number}.png", "text": caption}))
    write_text(folder / "metadata.jsonl", "\n".join(lines) + "\n")


def open_bench_learner(
    components: Any, dataset: Path, settings: TrainSettings, *, steps: int, device: str, rank: int | None = None
) -> Learner:
    """A learner of that many steps on the dataset, made by the calls that a run makes; the text encoder learns, too.

    `prepare_device` is the caller's, because it changes the whole process.
    """
    from easyphoto.progress import NullProgress
    from easyphoto.training.adapters import add_adapters
    from easyphoto.training.data import cache_dataset, make_plan, read_entries
    from easyphoto.training.loop import Learner
    from easyphoto.training.noise import Noise

    family = components.family
    rank = rank or family.rank
    cached = cache_dataset(components, read_entries(dataset), NullProgress(), flip=False, device=device)
    alpha = family.alpha * rank / family.rank
    adapted = add_adapters(components, rank=rank, alpha=alpha, seed=settings.seed, text_learns=True)
    noise = Noise.of(components.scheduler, device)
    plan = make_plan(cached, steps, batch=settings.batch, timesteps=noise.timesteps, seed=settings.seed)
    rates = (family.learning_rate, family.learning_rate / 2)
    return Learner(adapted, cached, noise=noise, plan=plan, settings=settings, rates=rates, device=device)


def capture(learner: Learner) -> str:
    """Have the learner capture its next step, as a run does; return why it cannot, empty if it can."""
    from easyphoto.training.capture import NotCaptured, recorder_for

    reasons: list[str] = []
    learner.on_plain = reasons.append
    try:
        learner.recorder = recorder_for(learner.device)
    except NotCaptured as refused:
        return str(refused.reason)
    learner.advance()
    return reasons[0] if reasons else "" if learner.is_captured else "a processor launches its own work"
