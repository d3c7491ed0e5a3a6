"""How many pictures go through the networks at a time, and what is given up, step by step, where memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

import torch

from easyphoto.backends.batches import MOST_AT_A_TIME
from easyphoto.backends.components import Components
from easyphoto.backends.memory import clear_memory, free_memory
from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import Text, note

T = TypeVar("T")
KEPT_FREE = 0.2
"""Share of the free memory left unplanned, because allocators round up and convolutions need workspace."""
SMALLEST_TILE = 16
"""Side of the smallest tile in latent cells: a smaller one is mostly overlap."""


class PaintingPart(str, Enum):
    """What of the painting needs the memory."""

    STEPS = "steps"
    """In the denoising steps, or in what they need: words, ControlNets, conditions."""
    AUTOENCODER = "autoencoder"


@dataclass(frozen=True)
class Work:
    """Pictures of one size that wait to be painted."""

    pictures: int
    width: int
    height: int
    """In latent cells."""
    rows: int = 1
    """Of each picture in a denoising step: 2 with classifier-free guidance."""
    has_controls: bool = False

    @property
    def cells(self) -> int:
        """Latent cells of one picture."""
        return self.width * self.height

    @property
    def side(self) -> int:
        return max(self.width, self.height)


@dataclass(frozen=True)
class PicturePlan:
    """How pictures go through the networks. All but the tiles give the same pictures."""

    graphs: bool = True
    """Whether steps may be recorded, which keeps their memory."""
    most_cells: int | None = None
    """Latent cells of the pictures that are painted at a time; None: as many as are thought to fit."""
    aside: bool = False
    """Whether text encoders, and the base's weights below LoRAs, wait in main memory."""
    alone: bool = False
    """Whether the autoencoder takes one picture at a time."""
    in_turns: bool = False
    """Whether UNet and ControlNets wait in main memory while the autoencoder works, and the other way round."""
    visiting: bool = False
    """Whether ControlNets come to the device one after another, in each step."""
    tile: int | None = None
    """Side in latent cells of the tiles in which the autoencoder takes a picture; None: whole."""

    def below(self, part: PaintingPart, work: Work, *, can_move: bool) -> PicturePlan | None:
        """The next plan that needs less memory; None if there is none. `can_move`: networks can leave the device."""
        if self.graphs:
            return replace(self, graphs=False)
        if part is PaintingPart.STEPS and work.pictures > 1:
            return replace(self, most_cells=work.pictures // 2 * work.cells)
        if part is PaintingPart.AUTOENCODER and work.pictures > 1 and not self.alone:
            return replace(self, alone=True)
        if can_move and not self.aside:
            return replace(self, aside=True)
        if can_move and not self.in_turns:
            return replace(self, in_turns=True)
        if part is PaintingPart.STEPS:
            return replace(self, visiting=True) if can_move and work.has_controls and not self.visiting else None
        tile = (self.tile or work.side) // 2
        # A multiple of 8, so that the quarter by which tiles overlap is whole.
        tile -= tile % 8
        return replace(self, tile=tile) if tile >= SMALLEST_TILE else None


class PictureMemory:
    """The plan of one series of pictures. It only becomes smaller: what did not fit once is not tried again."""

    def __init__(self, components: Components, device: torch.device, *, can_move: bool, graphs: bool) -> None:
        """`can_move` says whether networks may leave the device, `graphs` whether steps are recorded at first."""
        self.plan = self._told = PicturePlan(graphs=graphs)
        self.can_move, self._device = can_move, device
        painting = components.family.painting
        self._step = painting.step * components.unet.conv_in.weight.element_size()
        self._decode = painting.decode * next(components.vae.parameters()).element_size()

    def at_a_time(self, part: PaintingPart, work: Work) -> int:
        """How many of the pictures to take at a time, at least 1."""
        if part is PaintingPart.AUTOENCODER:
            most = 1 if self.plan.alone else self._fitting(work.cells * self._decode)
        else:
            most = self._fitting(work.cells * work.rows * self._step)
            if self.plan.most_cells is not None:
                most = min(most, self.plan.most_cells // work.cells)
        return max(1, min(most, work.pictures))

    def within(self, part: PaintingPart, paint: Callable[[int], T], work: Work) -> T:
        """What `paint` returns for a number of pictures to take at a time, asked again with a smaller plan as long as
        memory runs out and there is one.

        Raises the error of the last try.
        """
        while True:
            count = self.at_a_time(part, work)
            try:
                return paint(count)
            except (MemoryError, RuntimeError) as error:
                failed = replace(work, pictures=count)
                below = self.plan.below(part, failed, can_move=self.can_move) if ran_out_of_memory(error) else None
                if below is None:
                    raise
            # Not above, where the error still holds what was computed.
            self.plan = below
            clear_memory(self._device)

    def is_tiled(self, work: Work) -> bool:
        """Whether the autoencoder takes such pictures in tiles."""
        return self.plan.tile is not None and work.side > self.plan.tile

    def _fitting(self, needed: int) -> int:
        free = free_memory(self._device)
        return MOST_AT_A_TIME if free is None else min(MOST_AT_A_TIME, int(free * (1 - KEPT_FREE)) // needed)

    def told(self) -> tuple[Text, ...]:
        """What was given up since this was asked before."""
        before, self._told = self._told, self.plan
        return tuple(_changes(before, self.plan))


def tiles_note() -> Text:
    return note(
        "memory-tiles",
        "Memory ran out: the picture went through the autoencoder in tiles, between which colours may differ a little.",
    )


def _changes(before: PicturePlan, now: PicturePlan) -> list[Text]:
    said = {
        "most_cells": note("memory-batch", "Memory ran out: fewer pictures are painted at a time."),
        "aside": note(
            "memory-aside",
            "Memory ran out: the text encoders, and the weights below LoRAs, wait in main memory.",
        ),
        "alone": note("memory-alone", "Memory ran out: the autoencoder takes one picture at a time."),
        "in_turns": note(
            "memory-turns",
            "Memory ran out: the networks come to the device in turns, which takes longer.",
        ),
        "visiting": note(
            "memory-visits",
            "Memory ran out: ControlNets come to the device one by one in every step, which takes much longer.",
        ),
    }  # fmt: skip
    return [each for name, each in said.items() if getattr(before, name) != getattr(now, name)]
