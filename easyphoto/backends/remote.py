"""The remote backend, which paints through a web UI's HTTP API (/sdapi/v1) with its checkpoints, ControlNets and LoRAs.

A web UI silently drops names it does not know. So names are looked up in its lists first, the `info` it returns with a
picture is compared with the request, and a tiny picture proves once per control and LoRA that it takes effect.

HTTP does not show which family a checkpoint belongs to, nor the weight with which a control was applied. A host without
its own page (--nowebui) does not tell whose task is running, so a cancel may stop somebody else's.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES
from easyphoto.backends.base import Capabilities, GenerateRequest, InpaintRequest, Request, Result, Sampler
from easyphoto.backends.conditions import LoraCondition, loras_in, require_conditions
from easyphoto.backends.remote_client import WebUi
from easyphoto.backends.remote_lists import RemoteInventory, RemoteLoras, current_checkpoint, overrides_for, read_lists
from easyphoto.backends.remote_payloads import (
    Named,
    Payload,
    first_picture,
    generate_payload,
    info_of,
    inpaint_payload,
    room_for,
)
from easyphoto.backends.remote_proof import Prover, check_info
from easyphoto.backends.remote_watch import watched
from easyphoto.backends.requests import check_generate, check_inpaint, unchanged
from easyphoto.backends.webui_names import (
    HostCheckpoint,
    checkpoint_named,
    control_models,
    is_path,
    missing_controls,
    no_module,
    sampler_named,
)
from easyphoto.errors import BackendError, InputError, MissingCapability
from easyphoto.geometry import Size
from easyphoto.images.pictures import as_array, as_picture, blended
from easyphoto.messages import note, text
from easyphoto.progress import NullProgress, Progress
from easyphoto.weights.catalog import UsedWeight

OWN = "user's own"
CONDITIONS = (LoraCondition.kind,)
"""LoRAs are tags in the prompt, which act in all steps, so no condition can be timed."""
MOST_WEIGHT = 2.0
"""The largest weight of a control that web UIs accept."""
_IMG2IMG, _TXT2IMG = "/sdapi/v1/img2img", "/sdapi/v1/txt2img"


def open_remote(webui: WebUi, family: Family, base: str | None = None, *, proves: bool = True) -> RemoteBackend:
    """The web UI with the checkpoint that `base` names there; a family's id or None takes the loaded one.

    A local path is matched by its file name; if the web UI has no such file, its loaded checkpoint is used and every
    result notes that. Raises MissingCapability for any other name it does not know, and BackendUnreachable.
    """
    if family.ships:
        raise MissingCapability(
            text("A web UI cannot make pictures with {label}.", label=family.label),
            advice=text(
                "Photograph on this machine (without --backend), or train them on a checkpoint that the web UI has."
            ),
        )
    lists = read_lists(webui)
    loaded = current_checkpoint(webui, lists)
    if base is None or base in FAMILIES:
        return RemoteBackend(webui, family, lists, loaded, proves=proves)
    found = checkpoint_named(base, lists.checkpoints)
    if found is not None:
        return RemoteBackend(webui, family, lists, found, proves=proves)
    if loaded is None or not is_path(base):
        raise _no_checkpoint(webui, base, lists)
    remark = note(
        "checkpoint-replaced",
        "The web UI has no {base}, so it used {title}. Choose another with --base.",
        base=base,
        title=loaded.title,
    )
    return RemoteBackend(webui, family, lists, loaded, proves=proves, notes=(remark,))


@dataclass(eq=False)
class RemoteBackend:
    """Implements the Backend protocol with a remote web UI."""

    webui: WebUi
    opened_for: Family
    lists: RemoteInventory
    checkpoint: HostCheckpoint | None
    proves: bool = True
    """Whether to prove with tiny pictures that controls and LoRAs take effect; the first proof takes three pictures."""
    notes: tuple[str, ...] = ()
    _lent: bool = False
    _used: dict[str, UsedWeight] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._controls = control_models(self.opened_for, self.lists.controls or ())
        self._loras = RemoteLoras(self.webui)
        self._prover = Prover(self._proof)

    @property
    def family(self) -> str:
        return self.opened_for.id

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        return tuple(self._used.values())

    def capabilities(self) -> Capabilities:
        """The capabilities by the lists read on opening; only the free memory is queried again."""
        return Capabilities(
            families=(self.family,),
            controls=tuple(self._controls),
            samplers=tuple(sampler for sampler in Sampler if self._sampler(sampler)),
            upscalers=tuple(upscaler.name for upscaler in self.lists.upscalers),
            restorers=self.lists.restorers,
            device=self.webui.address.url,
            refused=missing_controls(self.opened_for, self.lists.controls),
            free_memory=_free_memory(self.webui.get_or_none("/sdapi/v1/memory")),
            checkpoints=tuple(each.title for each in self.lists.checkpoints),
            conditions=CONDITIONS,
        )

    def inpaint(self, request: InpaintRequest, progress: Progress) -> Result:
        check_inpaint(request, self.opened_for.latent_multiple)
        started = time.monotonic()
        named = self._named(request)
        if (same := unchanged(request)) is not None:
            return same
        steps = steps_made(request)
        painted, notes = self._painted(_IMG2IMG, request, named, size=request.size, steps=steps, progress=progress)
        pasted = as_picture(blended(as_array(request.image), as_array(painted), request.mask))
        return self._result(request, pasted, named, notes, started=started)

    def inpaint_many(self, requests: Sequence[InpaintRequest], progress: Progress) -> tuple[Result, ...]:
        return tuple(self.inpaint(request, progress) for request in requests)

    def generate(self, request: GenerateRequest, progress: Progress) -> Result:
        check_generate(request, self.opened_for.latent_multiple)
        started = time.monotonic()
        named = self._named(request)
        painted, notes = self._painted(
            _TXT2IMG, request, named, size=request.size, steps=request.steps, progress=progress
        )
        return self._result(request, painted, named, notes, started=started)

    def prepare(self) -> None:
        """Refuse requests from now on. The training runs on this machine, so the remote web UI keeps its memory."""
        self._lent = True

    def release(self) -> None:
        self._lent = False

    def close(self) -> None:
        """Do nothing: every request has already restored the web UI's options."""

    def _painted(
        self, path: str, request: Request, named: Named, *, size: Size, steps: int, progress: Progress
    ) -> tuple[Image.Image, tuple[str, ...]]:
        named = replace(named, overrides=overrides_for(self.webui, named.checkpoint, self.lists))
        if self.proves and (named.controls or named.loras):
            progress.check()
            self._prover.prove(named)
        payload = _payload(request, named)
        room = room_for(size, 2 + len(named.controls))
        answer = watched(self.webui, path, payload, steps=steps, progress=progress, room=room)
        notes = check_info(info_of(answer), named, seed=request.seed)
        self._remember(named)
        return first_picture(answer, size), notes

    def _proof(self, payload: Payload, size: Size, steps: int) -> Image.Image:
        answer = watched(
            self.webui, _TXT2IMG, payload, steps=steps, progress=NullProgress(), room=room_for(size, pictures=3)
        )
        return first_picture(answer, size)

    def _named(self, request: Request) -> Named:
        """The request's parts under the web UI's names. Raises MissingCapability before anything is sent."""
        if self._lent:
            raise BackendError(
                text("The device is in use by a training."), advice=text("Wait for it to end, or cancel it.")
            )
        require_conditions(request.conditions, CONDITIONS, timed=())
        checkpoint = self._checkpoint(request.checkpoint)
        sampler = self._sampler(request.sampler)
        if sampler is None:
            raise MissingCapability(
                text("The web UI has no sampler {value!r}.", value=request.sampler.value),
                advice=text("It has: {samplers}.", samplers=", ".join(self.lists.samplers)),
            )
        for control in request.controls:
            self._require_control(control.kind, control.weight)
        controls = tuple((each, self._controls[each.kind]) for each in request.controls if each.weight > 0)
        if self.lists.units is not None and len(controls) > self.lists.units:
            raise MissingCapability(
                text(
                    "The web UI allows {units} controls at once; {count} are needed.",
                    units=self.lists.units,
                    count=len(controls),
                ),
                advice=text("Raise its setting ControlNet: Multi-ControlNet, number of units, and restart it."),
            )
        used = tuple(use for use in loras_in(request.conditions) if use.weight)
        return Named(
            sampler=sampler,
            controls=controls,
            no_module=no_module(self.lists.modules),
            loras=tuple((self._loras.require(use.path), use.weight) for use in used),
            files=tuple(use.path.name for use in used),
            checkpoint=checkpoint,
        )

    def _checkpoint(self, name: str | None) -> HostCheckpoint | None:
        if name is None or name == self.family:
            return self.checkpoint
        found = checkpoint_named(name, self.lists.checkpoints)
        if found is None:
            raise _no_checkpoint(self.webui, name, self.lists)
        return found

    def _sampler(self, sampler: Sampler) -> Any:
        return sampler_named(sampler, self.lists.samplers, self.lists.schedulers)

    def _require_control(self, kind: str, weight: float) -> None:
        if weight > MOST_WEIGHT:
            raise InputError(
                text("The weight of the control {kind!r} is {weight}.", kind=kind, weight=weight),
                advice=text("A web UI allows at most {most_weight:g}.", most_weight=MOST_WEIGHT),
            )
        if kind in self._controls:
            return
        if self.lists.controls is None:
            raise MissingCapability(
                text(
                    "The web UI at {url} has no ControlNet for the control {kind!r}.",
                    url=self.webui.address.url,
                    kind=kind,
                ),
                advice=text("Install the extension sd-webui-controlnet there, and restart it."),
            )
        model = self.opened_for.controls.get(kind)
        raise MissingCapability(
            text("The web UI at {url} has no model for the control {kind!r}.", url=self.webui.address.url, kind=kind),
            advice=text("Put {model}.safetensors into its folder models/ControlNet.", model=model)
            if model
            else text("{label} has none for it either.", label=self.opened_for.label),
        )

    def _remember(self, named: Named) -> None:
        if named.checkpoint is not None:
            used = named.checkpoint
            self._used[used.title] = UsedWeight(used.title, used.file, OWN, used.sha256)
        for _, model in named.controls:
            self._used[model] = UsedWeight(model, model, OWN, "")

    def _result(
        self, request: Request, image: Image.Image, named: Named, notes: tuple[str, ...], *, started: float
    ) -> Result:
        kinds = tuple(control.kind for control, _ in named.controls)
        return Result(image, request.seed, kinds, named.files, time.monotonic() - started, (*self.notes, *notes))


def steps_made(request: InpaintRequest) -> int:
    """The number of steps a web UI takes for that denoising strength, unless `img2img_fix_steps` is set."""
    return min(int(request.steps * request.denoise), request.steps - 1) + 1


def _payload(request: Request, named: Named) -> Payload:
    if isinstance(request, InpaintRequest):
        return inpaint_payload(request, named)
    return generate_payload(request, named)


def _free_memory(said: Any) -> int | None:
    """Free bytes of the remote GPU; None if it has none or does not tell."""
    try:
        return int(said["cuda"]["system"]["free"])
    except (KeyError, TypeError, ValueError):
        return None


def _no_checkpoint(webui: WebUi, name: str, lists: RemoteInventory) -> MissingCapability:
    known = ", ".join(each.name or each.title for each in lists.checkpoints) or "none"
    return MissingCapability(
        text("The web UI at {url} has no checkpoint {name!r}.", url=webui.address.url, name=name),
        advice=text("It has: {known}. Choose one (--base on the command line).", known=known),
    )
