"""The ways to make one LoRA of a training: by pictures that vote, by an average, or by taking one checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from easyphoto.training.lora import write_lora
from easyphoto.training.pictures import DRAW, Picture, kept_pictures, step_means
from easyphoto.training.rounds import is_whole
from easyphoto.training.run import RunFolder, TrainRun
from election.ballot import Shares, votes
from election.learning import AVERAGES, ELECTED, HORIZONS
from election.merging import merge_products

LAST, VOTED = "last", "elected merge"


@dataclass(frozen=True, eq=False)
class Learned:
    """A finished run: its checkpoints, and the pictures by which they can be compared."""

    folder: RunFolder
    steps: tuple[int, ...]
    """Those of the second half."""
    pictures: tuple[Picture, ...]

    @classmethod
    def of(cls, root: Path) -> Learned:
        folder = RunFolder(root)
        files = sorted((root / "checkpoints").glob("step-*.safetensors"))
        steps = [int(file.stem.removeprefix("step-")) for file in files]
        late = tuple(step for step in steps if is_whole(step, steps[-1]))
        pictures = tuple(picture for step in late for picture in kept_pictures(folder, step) or ())
        return cls(folder, late, tuple(picture for picture in pictures if picture.score is not None))

    @property
    def means(self) -> Mapping[int, float]:
        return step_means(self.pictures)

    @property
    def rank(self) -> int:
        return TrainRun.read(self.folder.run).rank


def single_name(step: int) -> str:
    return f"step {step}"


def made(run: Learned, place: Path) -> dict[str, Path]:
    """Every method's LoRA; those that are not there yet are made."""
    place.mkdir(exist_ok=True)
    checkpoint = run.folder.checkpoint
    found = {single_name(step): checkpoint(step) for step in run.steps}
    found[LAST] = checkpoint(run.steps[-1])
    found[VOTED] = run.folder.root / AVERAGES / ELECTED
    for name, rule in MERGES.items():
        found[name] = _merged(run, rule(run), place / f"{name.replace(' ', '-')}.safetensors")
    for horizon in HORIZONS:
        found[f"moving {horizon}"] = run.folder.root / AVERAGES / f"moving-{horizon:03d}.safetensors"
    return found


def equal(steps: Sequence[int]) -> Shares:
    return {step: 1 / len(steps) for step in steps}


def near_the_best(run: Learned) -> Shares:
    """Equal shares of the checkpoints whose mean is a draw with the highest."""
    leading = max(run.means.values())
    return equal([step for step, mean in run.means.items() if mean >= leading - DRAW])


def preferred(run: Learned) -> Shares:
    """The checkpoint with the highest mean alone; of equals the later."""
    return {max(run.means, key=lambda step: (run.means[step], step)): 1.0}


MERGES: Mapping[str, Callable[[Learned], Shares]] = {
    "uniform soup": lambda run: equal(run.steps),
    "votes by score": lambda run: votes(run.pictures, by_gain=False),
    "near the best mean": near_the_best,
    "preferred": preferred,
}


def _merged(run: Learned, shares: Shares, target: Path) -> Path:
    if len(shares) == 1:
        return run.folder.checkpoint(*shares)
    if not target.is_file():
        files = [run.folder.checkpoint(step) for step in shares]
        write_lora(target, merge_products(files, list(shares.values()), run.rank)[0], {})
    return target
