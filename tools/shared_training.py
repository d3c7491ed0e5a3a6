"""One training on one device and on several, side by side: how far losses and weights lie apart, and what a step takes.

    python tools/shared_training.py --devices cpu:0+cpu:1 --steps 60
    python tools/shared_training.py --devices cuda:0+cuda:1 --base v1-5.safetensors

Both trainings run twice, in turn, so that what else the machine does meanwhile affects both alike. Every processor gets
one thread unless OMP_NUM_THREADS says otherwise. It ends with 1 where the losses lie further apart than 1e-4.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from easyphoto.app import EasyPhoto
from easyphoto.bench.persons import draw_member, write_photos
from easyphoto.devices import DeviceGroup, groups_of
from easyphoto.progress import NullProgress
from easyphoto.settings.options import Options
from easyphoto.settings.training import TrainSettings
from easyphoto.training.events import Event, Step
from easyphoto.training.job import train
from easyphoto.training.run import RunFolder, TrainRun
from easyphoto.workspace.folders import Workspace

TURNS = 2
TOLERANCE = 1e-4
Kept = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", default="cpu:0+cpu:1")
    parser.add_argument("--base", default="miniature")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--precision", default="auto")
    asked = parser.parse_args()
    if asked.devices.startswith("cpu"):
        # Two in all for two of them, so that each computes with one, as the one device does.
        os.environ.setdefault("OMP_NUM_THREADS", str(len(asked.devices.split("+"))))
    (several,) = groups_of(asked.devices, ())
    alone = DeviceGroup(several.devices[:1])
    with tempfile.TemporaryDirectory() as name:
        run = _run(Path(name), asked)
        found: dict[str, list[tuple[Kept, float]]] = {alone.name: [], several.name: []}
        for turn in range(TURNS):
            for group in (alone, several):
                found[group.name].append(_trained(run, Path(name) / f"{turn}-{len(group.devices)}", group))
    return _told(found[alone.name], found[several.name])


def _run(folder: Path, asked: argparse.Namespace) -> TrainRun:
    app = EasyPhoto(Workspace(folder / "workspace"), Options(base=asked.base))
    family, base = app.base_model()
    dataset = folder / "dataset"
    photos = write_photos(draw_member(500), dataset)
    lines = [json.dumps({"file_name": photo.name, "text": family.trigger}) for photo in photos]
    (dataset / "metadata.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    settings = TrainSettings(steps=asked.steps, batch=asked.batch, validations=1, precision=asked.precision)
    return TrainRun(
        person="nobody", trigger=family.trigger, family=family.id, base=str(base.absolute()), dataset=str(dataset),
        settings=settings, threads=1,
    )  # fmt: skip


def _trained(run: TrainRun, folder: Path, group: DeviceGroup) -> tuple[Kept, float]:
    """What the finished run keeps, and the seconds of a step."""
    from safetensors.torch import load_file

    folder.mkdir()
    run.write(folder)
    seconds: list[float] = []

    def hear(event: Event) -> None:
        if isinstance(event, Step):
            seconds.append(event.s_per_step)

    train(folder, NullProgress(), on_event=hear, devices=group)
    return load_file(RunFolder(folder).resume), seconds[-1]


def _told(alone: list[tuple[Kept, float]], several: list[tuple[Kept, float]]) -> int:
    (one, _), (other, _) = alone[0], several[0]
    losses = float((one["losses"] - other["losses"]).abs().max())
    names = [name for name in one if name.startswith("value.")]
    weights = max(float((one[name] - other[name]).abs().max()) for name in names)
    learned = max(float(one[name].abs().max()) for name in names if name.endswith("lora_B.default.weight"))
    times = [statistics.median(seconds for _, seconds in each) for each in (alone, several)]
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    say = sys.stdout.write
    say(f"{len(one['losses'])} steps, losses {float(one['losses'].min()):.4f} to {float(one['losses'].max()):.4f}\n")
    say(f"largest difference of a loss    {losses:.2e}\n")
    say(f"largest difference of a weight  {weights:.2e} (the largest that began as 0: {learned:.2e})\n")
    say(f"a step: {times[0]:.3f} s on one, {times[1]:.3f} s on several, {times[1] / times[0]:.2f} of the time{load}\n")
    return int(losses > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
