"""How many pictures it pays to paint together."""

from __future__ import annotations

import torch

MOST_AT_A_TIME = 8
"""On any device: more pictures are hardly painted faster, the first of them is seen later, and their steps fill the
memory."""
CELLS_ON_CPU = 2048
"""Latent cells that keep a processor busy. Seconds a picture, in batches against one by one, by CPU time on one thread:
the miniature's 256 cells 0.71 with two, 0.60 with four, 0.50 with eight; an SD 1.5 of half the width at 1024 cells 0.90
with two and with four; at the 4096 cells of 512 pixels 1.02 and 1.05, as the matrices are large already."""


def worth_at_a_time(device: torch.device, cells: int) -> int:
    """How many pictures of so many latent cells are painted faster together than one by one."""
    return MOST_AT_A_TIME if device.type != "cpu" else max(1, min(MOST_AT_A_TIME, CELLS_ON_CPU // cells))
