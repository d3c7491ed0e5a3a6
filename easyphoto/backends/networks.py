"""The networks that a batch of pictures is painted with, and where more of them come from."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from easyphoto.backends.components import Components
from easyphoto.backends.controls import ControlNets
from easyphoto.model_cache import Lease
from easyphoto.weights.store import WeightStore


@dataclass(frozen=True, eq=False)
class Networks:
    """What conditions are applied to, and what they may borrow for it."""

    components: Components
    controls: ControlNets
    models: Lease
    store: WeightStore | None = None
    has_negatives: bool = True
    """Whether the rows of a batch begin with those of its negative prompts, as with classifier-free guidance."""
    keeps_loras: bool = False
    """Whether LoRAs stay merged for the next batch; see `loras_applied`."""

    @property
    def device(self) -> torch.device:
        device: torch.device = self.components.unet.conv_in.weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.components.unet.conv_in.weight.dtype
        return dtype

    @property
    def words_width(self) -> int:
        """Width of the text embeddings that the UNet attends to."""
        width: int = self.components.unet.config.cross_attention_dim
        return width
