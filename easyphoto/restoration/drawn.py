"""The restorer of drawn faces, a small network of our own (`tools/miniature/train_restorer.py`). Imports torch, so
import it lazily."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from easyphoto.errors import WeightsMissing, first_line
from easyphoto.images.pictures import as_array, as_picture
from easyphoto.messages import text
from easyphoto.restoration.base import FACE_SIDE
from easyphoto.restoration.networks import levels_of, named_failures, tensor_of
from easyphoto.weights.catalog import UsedWeight
from easyphoto.weights.ledger import sha256_of

ID = "miniature-restorer-1"
"""In the records of pictures."""
POOLS = (2, 4, 8, 16)
"""The bands end at means over so many pixels: lines, features, tones, shading."""
TONES = 2
"""Which of them the deep layers see: the means over 8."""
LINES = 4.0
"""What is finer is multiplied by this, so that lines and tones are of about one size."""
CHANGE = 1 / 4
"""What the network adds of its own is multiplied by this, so that Adam's first steps change a picture little."""
FORM = "form"
"""The key of a file's metadata under which its `Form` is written."""


@dataclass(frozen=True)
class Form:
    """The shape of a network."""

    fine: int = 48
    """Channels where one cell is 4 × 4 pixels."""
    deep: int = 96
    """Channels where it is 8 × 8."""
    fine_blocks: int = 2
    """Blocks before the deep ones, and as many after them."""
    deep_blocks: int = 5


class Block(nn.Module):
    """Two convolutions around an identity path. No norm: its statistics would change a picture's tones."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, h, w) to the same shape."""
        found: Tensor = self.second(functional.relu(self.first(x)))
        return x + found


class RestoringNetwork(nn.Module):
    """Makes the bands of a picture stronger or weaker, place by place, and adds a little; it begins as nothing.

    By a gain, blotches of skin and remains of other features become fainter without anything being drawn that was not
    there.
    """

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form
        self.head = nn.Conv2d(3 * 16, form.fine, 3, padding=1)
        self.before = nn.Sequential(*(Block(form.fine) for _ in range(form.fine_blocks)))
        self.down = nn.Conv2d(form.fine, form.deep, 2, stride=2)
        self.tones = nn.Conv2d(3, form.deep, 1)
        self.middle = nn.Sequential(*(Block(form.deep) for _ in range(form.deep_blocks)))
        self.up = nn.Conv2d(form.deep, 4 * form.fine, 1)
        self.after = nn.Sequential(*(Block(form.fine) for _ in range(form.fine_blocks)))
        self.gains = nn.Conv2d(form.fine, 4 * len(POOLS), 3, padding=1)
        self.tail = nn.Conv2d(form.fine, 3 * 16, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        for block in (*self.before, *self.middle, *self.after):
            nn.init.zeros_(block.second.weight)
        for parameter in (*self.gains.parameters(), *self.tail.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) in 0..1, sides multiples of 16, to the restored pictures of that shape, not clipped."""
        means = [functional.avg_pool2d(pictures, pool) for pool in POOLS]
        coarser = [
            functional.interpolate(mean, scale_factor=pool, mode="bilinear")
            for mean, pool in zip(means, POOLS, strict=True)
        ]
        bands = [finer - coarse for finer, coarse in zip((pictures, *coarser), coarser, strict=False)]
        # Lines and tones apart: flat colours would drown the lines.
        fine = self.before(self.head(functional.pixel_unshuffle(LINES * (pictures - coarser[TONES]), 4)))
        deep = functional.pixel_shuffle(self.up(self.middle(self.down(fine) + self.tones(means[TONES] - 0.5))), 2)
        found = self.after(fine + deep)
        gains = functional.interpolate(functional.pixel_shuffle(self.gains(found), 2), scale_factor=2, mode="bilinear")
        made = pictures + CHANGE * functional.pixel_shuffle(self.tail(found), 4)
        for number, band in enumerate(bands):
            made = made + gains[:, number : number + 1] * band
        return made.to(pictures.dtype)


class DrawnRestorer:
    """A Restorer of drawn faces. It runs on the processor, so it needs no graphics memory; another number of threads
    may change a byte by one level."""

    changes_only = True

    def __init__(self, file: Path) -> None:
        self._network = read_network(file)
        self.weights = (UsedWeight(ID, file.name, "Apache-2.0", sha256_of(file)),)

    def restore(self, face: Image.Image) -> Image.Image:
        if face.size != (FACE_SIDE, FACE_SIDE):
            raise ValueError(f"a face of {face.width}×{face.height} is not {FACE_SIDE}×{FACE_SIDE}")
        with named_failures(advice()), torch.inference_mode():
            shown = tensor_of(as_array(face), "cpu", torch.float32).to(memory_format=torch.channels_last)
            return as_picture(np.rint(levels_of(self._network(shown), advice())))


def advice() -> str:
    """What to do about a file that does not do its work; it is not in the weight catalogue."""
    return text("It ships with EasyPhoto: restore models/miniature/restorer from the repository.")


def read_network(file: Path) -> RestoringNetwork:
    """The network in a file, ready to run. Raises WeightsMissing where there is none."""
    try:
        with safe_open(str(file), framework="pt") as stored:
            # Without memory of its own, the network takes no numbers from torch's generator and no default dtype.
            with torch.device("meta"):
                network = RestoringNetwork(Form(**json.loads(stored.metadata()[FORM])))
            names = stored.keys()
            network.load_state_dict({name: stored.get_tensor(name).float() for name in names}, assign=True)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsMissing(
            text("{name} cannot be read as a model ({reason}).", name=file.name, reason=first_line(error)),
            advice=advice(),
        ) from error
    return network.eval().to(memory_format=torch.channels_last)


def write_network(network: RestoringNetwork, file: Path) -> None:
    """Write the weights as fp16, with the form that `read_network` needs."""
    state = {name: value.detach().half().contiguous() for name, value in network.state_dict().items()}
    save_file(state, str(file), metadata={FORM: json.dumps(asdict(network.form))})
