"""One denoising call, ControlNets and UNet together, as a CUDA graph that is launched again for every step of its kind.

A recording is good for the shapes, the guidance, the controls and the conditions that it was made with, and as long as
the networks' weights and attention processors are where they were. LoRAs are merged in place, so it outlives them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from easyphoto.backends.controls import ActiveControl
from easyphoto.backends.graphs import Recorder
from easyphoto.backends.sampling import Denoise, Denoiser
from easyphoto.machine import ran_out_of_memory
from easyphoto.messages import Text, note

FEWEST_STEPS = 8
"""Steps of one kind, of this pass and of earlier ones, from which a recording is made. It costs about two steps: one
runs its Python and computes nothing, and the driver puts a graph of 1,500 kernels together. A launched step saves what
Python takes, a quarter to two thirds of a step of one or two pictures. Estimated, not measured."""
Places = Mapping[int, Hashable]
"""Id of a network → where its weights and attention processors are."""


@dataclass(eq=False)
class _Recording:
    """A recorded call on buffers of its own."""

    denoiser: Denoiser
    """Its words, added conditions and controls are buffers."""
    latents: torch.Tensor
    timestep: torch.Tensor
    launch: Callable[[], None]
    result: torch.Tensor
    places: Places
    filled: Denoiser
    """What is in the buffers now."""

    def __call__(self, denoiser: Denoiser, latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        if denoiser is not self.filled:
            for buffer, value in zip(_inputs(self.denoiser), _inputs(denoiser), strict=True):
                buffer.copy_(value)
            self.filled = denoiser
        self.latents.copy_(latents)
        self.timestep.copy_(timestep)
        self.launch()
        # The next launch overwrites it, and samplers remember predictions.
        return self.result.clone()


class DenoiserGraphs:
    """The recordings of one series of pictures. Without a recorder, or after one failed, steps are made as written."""

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder
        self._recordings: dict[Hashable, _Recording] = {}
        self._steps: Counter[Hashable] = Counter()
        self._notes: list[Text] = []

    def denoise(self, denoiser: Denoiser, middles: Sequence[float], conditions: Hashable = None) -> Denoise:
        """The denoiser for the steps of one pass, from recordings where there are some or where they pay.

        `middles` are the middles of all steps it will be called for, `conditions` what is switched on in them.
        """
        if self._recorder is None:
            return denoiser
        networks = (denoiser.unet, *(each.network for each in denoiser.controls))
        places = {id(network): _place(network) for network in networks}
        kept = {key: each for key, each in self._recordings.items() if _unmoved(each.places, places)}
        self._recordings = kept
        return _Pass(self, denoiser, tuple(middles), conditions, places)

    def drop(self) -> None:
        """Forget the recordings, and with them their memory."""
        self._recordings.clear()

    def stop(self) -> None:
        """Record nothing more, and give the recordings' memory back."""
        self._recorder = None
        self.drop()

    def told(self) -> tuple[Text, ...]:
        """What people should know and were not told yet."""
        notes, self._notes = tuple(self._notes), []
        return notes

    def expect(self, key: Hashable, steps: int) -> None:
        """So many more steps of this kind will be made."""
        self._steps[key] += steps

    def recording(self, key: Hashable) -> _Recording | None:
        return self._recordings.get(key)

    def record(
        self, key: Hashable, denoiser: Denoiser, inputs: tuple[torch.Tensor, torch.Tensor, float], places: Places
    ) -> _Recording | None:
        """A new recording; None if it does not pay or cannot be made. Before it, the same step has to be made as
        written at least once, which loads kernels. `inputs` are the denoiser's.
        """
        if self._recorder is None or self._steps[key] < FEWEST_STEPS:
            return None
        latents, timestep, progress = inputs
        own, latents, timestep = _on_buffers(denoiser), latents.clone(), timestep.clone()
        try:
            launch, result = self._recorder.recorded(lambda: own(latents, timestep, progress))
        except (RuntimeError, MemoryError) as error:
            self.stop()
            if not ran_out_of_memory(error):
                self._notes.append(
                    note("graph-off", "The steps were made without a CUDA graph, more slowly: {cause}", cause=error)
                )
            return None
        about = {id(each) for each in (denoiser.unet, *(control.network for control in denoiser.controls))}
        there = {network: place for network, place in places.items() if network in about}
        self._recordings[key] = _Recording(own, latents, timestep, launch, result, there, denoiser)
        return self._recordings[key]


@dataclass(eq=False)
class _Kind:
    """The steps of a pass in which the same controls are on."""

    denoiser: Denoiser
    """With these controls only."""
    key: Hashable
    was_made: bool = False
    """Whether one was made as written."""


@dataclass(eq=False)
class _Pass:
    """A denoiser in the steps of one pass."""

    graphs: DenoiserGraphs
    denoiser: Denoiser
    middles: Sequence[float]
    conditions: Hashable
    places: Places
    _kinds: dict[tuple[bool, ...], _Kind] = field(default_factory=dict, init=False)

    def __call__(self, latents: torch.Tensor, timestep: torch.Tensor, progress: float) -> torch.Tensor:
        kind = self._kind(latents, timestep, progress)
        recording = self.graphs.recording(kind.key)
        if recording is None and kind.was_made:
            recording = self.graphs.record(kind.key, kind.denoiser, (latents, timestep, progress), self.places)
        if recording is not None:
            return recording(kind.denoiser, latents, timestep)
        kind.was_made = True
        return kind.denoiser(latents, timestep, progress)

    def _kind(self, latents: torch.Tensor, timestep: torch.Tensor, progress: float) -> _Kind:
        on = self._on_at(progress)
        if on not in self._kinds:
            controls = tuple(each for each, is_on in zip(self.denoiser.controls, on, strict=True) if is_on)
            denoiser = replace(self.denoiser, controls=controls)
            key = (latents.shape, timestep.dtype, self.conditions, _key(denoiser))
            self._kinds[on] = _Kind(denoiser, key)
            self.graphs.expect(key, sum(self._on_at(middle) == on for middle in self.middles))
        return self._kinds[on]

    def _on_at(self, progress: float) -> tuple[bool, ...]:
        return tuple(each.is_on(progress) for each in self.denoiser.controls)


def _inputs(denoiser: Denoiser) -> list[torch.Tensor]:
    """The tensors that differ from pass to pass."""
    added = denoiser.added or {}
    tensors = [denoiser.words, *(added[name] for name in sorted(added))]
    for each in denoiser.controls:
        tensors += [tensor for tensor in (each.seen, each.words, each.masks) if tensor is not None]
    return tensors


def _on_buffers(denoiser: Denoiser) -> Denoiser:
    """The denoiser on copies of its inputs."""
    added = denoiser.added and {name: value.clone() for name, value in denoiser.added.items()}
    controls = tuple(map(_control_on_buffers, denoiser.controls))
    return replace(denoiser, words=denoiser.words.clone(), added=added, controls=controls)


def _control_on_buffers(control: ActiveControl) -> ActiveControl:
    words = None if control.words is None else control.words.clone()
    masks = None if control.masks is None else control.masks.clone()
    return replace(control, seen=control.seen.clone(), words=words, masks=masks)


def _key(denoiser: Denoiser) -> Hashable:
    """What two passes must have in common to share a recording, besides their latents' shape."""
    shapes = tuple((each.shape, each.dtype) for each in _inputs(denoiser))
    controls = tuple(
        (id(each.network), each.weight, each.words is None, each.masks is None) for each in denoiser.controls
    )
    return denoiser.cfg, shapes, controls


def _place(network: Any) -> Hashable:
    weights = tuple(each.data_ptr() for each in (*network.parameters(), *network.buffers()))
    # The objects themselves: an id alone may come back.
    return weights, tuple(getattr(network, "attn_processors", {}).values())


def _unmoved(recorded: Places, now: Places) -> bool:
    return all(now.get(network, place) == place for network, place in recorded.items())
