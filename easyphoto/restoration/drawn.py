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
from easyphoto.restoration.networks import levels_of, named_failures
from easyphoto.weights.catalog import UsedWeight
from easyphoto.weights.ledger import sha256_of

ID = "miniature-restorer-1"
"""In the records of pictures."""
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
    """What is added to a picture; it begins as nothing."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form
        self.head = nn.Conv2d(3 * 16, form.fine, 3, padding=1)
        self.before = nn.Sequential(*(Block(form.fine) for _ in range(form.fine_blocks)))
        self.down = nn.Conv2d(form.fine, form.deep, 2, stride=2)
        self.middle = nn.Sequential(*(Block(form.deep) for _ in range(form.deep_blocks)))
        self.up = nn.Conv2d(form.deep, 4 * form.fine, 1)
        self.after = nn.Sequential(*(Block(form.fine) for _ in range(form.fine_blocks)))
        self.tail = nn.Conv2d(form.fine, 3 * 16, 3, padding=1)
        for parameter in self.tail.parameters():
            nn.init.zeros_(parameter)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) in 0..1, sides multiples of 8, to the restored pictures of that shape, not clipped."""
        fine = self.before(self.head(functional.pixel_unshuffle(pictures, 4)))
        deep = functional.pixel_shuffle(self.up(self.middle(self.down(fine))), 2)
        return pictures + functional.pixel_shuffle(self.tail(self.after(fine + deep)), 4).to(pictures.dtype)


class DrawnRestorer:
    """A Restorer of drawn faces. It runs on the processor, where a face takes a tenth of a second: so the same face
    becomes the same bytes on every device, and no graphics memory is needed."""

    changes_only = True

    def __init__(self, file: Path) -> None:
        self._network = read_network(file)
        self.weights = (UsedWeight(ID, file.name, "Apache-2.0", sha256_of(file)),)

    def restore(self, face: Image.Image) -> Image.Image:
        if face.size != (FACE_SIDE, FACE_SIDE):
            raise ValueError(f"a face of {face.width}×{face.height} is not {FACE_SIDE}×{FACE_SIDE}")
        with named_failures(), torch.inference_mode():
            return as_picture(np.rint(levels_of(self._network(picture_tensor(as_array(face))))))


def picture_tensor(picture: np.ndarray) -> Tensor:
    """A uint8 RGB picture (height, width, 3) as float32 (1, 3, height, width) in 0..1."""
    tensor = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
    return tensor.to(torch.float32, memory_format=torch.channels_last) / 255


def read_network(file: Path) -> RestoringNetwork:
    """The network in a file, ready to run. Raises WeightsMissing where there is none."""
    try:
        with safe_open(str(file), framework="pt") as stored:
            network = RestoringNetwork(Form(**json.loads(stored.metadata()[FORM])))
            names = stored.keys()
            network.load_state_dict({name: stored.get_tensor(name).float() for name in names})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsMissing(
            text("{name} cannot be read as a model ({reason}).", name=file.name, reason=first_line(error)),
            advice=text("It ships with EasyPhoto: restore {folder} from the repository.", folder=file.parent.name),
        ) from error
    return network.eval().to(memory_format=torch.channels_last)


def write_network(network: RestoringNetwork, file: Path) -> None:
    """Write the weights as fp16, with the form that `read_network` needs."""
    state = {name: value.detach().half().contiguous() for name, value in network.state_dict().items()}
    save_file(state, str(file), metadata={FORM: json.dumps(asdict(network.form))})
