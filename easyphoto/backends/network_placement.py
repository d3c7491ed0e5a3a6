"""Where the networks of a backend are: on the device, or in main memory while others need the room there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from easyphoto.backends.components import Components
from easyphoto.backends.controls import ControlNets
from easyphoto.backends.memory import clear_memory
from easyphoto.backends.picture_memory import PicturePlan
from easyphoto.machine import ran_out_of_memory

ASIDE = torch.device("cpu")


@dataclass(eq=False)
class NetworkPlacement:
    """Moves networks as a `PicturePlan` says, and brings them back. As long as everything fits it moves nothing."""

    components: Components
    controls: ControlNets
    device: torch.device
    _away: set[nn.Module] = field(default_factory=set, init=False)

    def steps(self, plan: PicturePlan) -> None:
        """Have UNet and ControlNets on the device; ControlNets that visit it come by themselves."""
        self.components.loras.aside = plan.aside
        self.controls.visit_from = ASIDE if plan.visiting else None
        if plan.aside:
            self._send(self.components.text_encoders)
        if plan.in_turns:
            self._send([self.components.vae])
        controls = [each.network for each in self.controls.loaded]
        if plan.visiting:
            self._send(controls)
        else:
            self._bring(controls)
        self._bring([self.components.unet, *(each.embedding for each in self.controls.loaded)])

    @contextmanager
    def words(self, plan: PicturePlan) -> Iterator[None]:
        """Have the text encoders on the device; afterwards they may have to leave it."""
        self._bring(self.components.text_encoders)
        try:
            yield
        finally:
            if plan.aside:
                self._send(self.components.text_encoders)

    def autoencoder(self, plan: PicturePlan) -> None:
        """Have the autoencoder on the device."""
        if plan.aside:
            self._send(self.components.text_encoders)
        if plan.in_turns:
            self._send([self.components.unet, *self._of_controls()])
        self._bring([self.components.vae])

    def settle(self) -> None:
        """Bring every network back. One without room stays away, and comes when it is needed."""
        if self.controls.visit_from is not None:
            # Those that were loaded meanwhile left with nobody's knowledge.
            self._away.update(self._of_controls())
        self.components.loras.aside, self.controls.visit_from = False, None
        if not self._away:
            return
        clear_memory(self.device)
        try:
            self._bring(list(self._away))
        except (MemoryError, RuntimeError) as error:
            if not ran_out_of_memory(error):
                raise

    def _of_controls(self) -> list[nn.Module]:
        return [network for each in self.controls.loaded for network in (each.network, each.embedding)]

    def _send(self, networks: Sequence[Any]) -> None:
        for network in networks:
            if network not in self._away:
                network.to(ASIDE)
                self._away.add(network)

    def _bring(self, networks: Sequence[Any]) -> None:
        for network in networks:
            if network in self._away:
                network.to(self.device)
                self._away.discard(network)
