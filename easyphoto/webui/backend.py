"""The Backend protocol on the surrounding web UI: its checkpoint, samplers, ControlNet and LoRAs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from easyphoto.architectures.base import Family
from easyphoto.backends.base import Capabilities, GenerateRequest, InpaintRequest, Request, Result, Sampler
from easyphoto.backends.conditions import LoraCondition, loras_in, require_conditions
from easyphoto.backends.face_condition import FaceCondition
from easyphoto.backends.requests import check_generate, check_inpaint, unchanged
from easyphoto.backends.used import OWN, UsedFiles
from easyphoto.backends.webui_names import HostSampler, sampler_named
from easyphoto.errors import HostBusy, MissingCapability
from easyphoto.images.pictures import as_array, as_picture, blended
from easyphoto.messages import note, text
from easyphoto.progress import Progress
from easyphoto.webui import checkpoints
from easyphoto.webui.controlnet import ControlNet, UnitRequest, Units, found_models, open_controlnet, reasons, script_in
from easyphoto.webui.face_units import face_reasons, face_units, faces_in, offered_faces, takes_faces
from easyphoto.webui.finisher import restorer_names, upscaler_names
from easyphoto.webui.generation import Lock, SamplingWatch, ScriptErrors, Turn, turn, watched
from easyphoto.webui.host_modules import host_module, host_module_or_none
from easyphoto.webui.lending import lent_for
from easyphoto.webui.loras import HostLoras, NamedLora, not_applied, partly_applied
from easyphoto.webui.overrides import CHECKPOINT, VAE, WITH_FACES, overridden, unwritten
from easyphoto.webui.picture_states import SeenPictures, States, encoded
from easyphoto.webui.processing import default_arguments, make_processing, painted, runner_for, with_only
from easyphoto.webui.script_isolation import left_unhooked
from easyphoto.weights.catalog import UsedWeight
from easyphoto.weights.store import WeightStore

CONDITIONS = (LoraCondition.kind,)
"""LoRAs are tags in the prompt, which hold for all steps, so none of them can be timed."""
Lend = Callable[[str], AbstractContextManager[Any]]


class WebuiBackend:
    """Implements the Backend protocol with the host's own pipeline, one turn in its queue for each picture.

    The checkpoint stays loaded between the pictures of a session, although the host's option is restored after each:
    the host returns to its own checkpoint with its user's next picture, and `close` does so at once.
    """

    def __init__(
        self,
        info: Any,
        family: Family,
        store: WeightStore | None = None,
        *,
        vae: str | None = None,
        lock: Lock | None = None,
        lend: Lend = nullcontext,
        states: States = encoded,
    ) -> None:
        """`info` is the host's entry of the checkpoint (`checkpoints.require`), `vae` the name of one of its VAEs.

        `lock` is a null context if the caller already holds the host's queue lock; `lend` frees the device. `states`
        computes what the picture encoder sees.
        """
        self._info, self._family, self._vae, self._lock, self._lend = info, family, vae, lock, lend
        self._used = UsedFiles(family, store)
        self._hosts: dict[str, UsedWeight] = {}
        self._loras, self._seen = HostLoras(), SeenPictures(states)
        self._lent = ExitStack()
        self._is_lent = False
        _require_vae(vae)

    @property
    def family(self) -> str:
        return self._family.id

    @property
    def weights(self) -> tuple[UsedWeight, ...]:
        """The files used, with the hashes that the host knows; some have none, because gigabytes are not
        hashed for it.
        """
        return (*self._hosts.values(), *self._used.weights())

    def capabilities(self) -> Capabilities:
        net = open_controlnet()
        return Capabilities(
            families=(self.family,),
            controls=() if net is None else tuple(found_models(self._family, net)),
            samplers=known_samplers(),
            upscalers=upscaler_names(),
            restorers=restorer_names(),
            device=str(getattr(host_module("shared"), "device", "unknown")),
            free_memory=_free_memory(),
            refused=reasons(self._family, net),
            checkpoints=checkpoints.names(),
            conditions=(*CONDITIONS, *(faces := offered_faces(self._family, net))),
            timed_conditions=faces,
            refused_conditions=face_reasons(self._family, net),
        )

    def inpaint(self, request: InpaintRequest, progress: Progress) -> Result:
        check_inpaint(request, self._family.latent_multiple)
        plan = self._plan(request)
        if (same := unchanged(request)) is not None:
            return same
        result = self._made(plan, progress)
        # The host returns the whole picture as decoded by its autoencoder.
        mixed = blended(as_array(request.image), as_array(result.image), request.mask)
        return replace(result, image=as_picture(mixed))

    def inpaint_many(self, requests: Sequence[InpaintRequest], progress: Progress) -> tuple[Result, ...]:
        return tuple(self.inpaint(request, progress) for request in requests)

    def generate(self, request: GenerateRequest, progress: Progress) -> Result:
        check_generate(request, self._family.latent_multiple)
        return self._made(self._plan(request), progress)

    def prepare(self) -> None:
        if not self._is_lent:
            self._lent.enter_context(self._lend("a training"))
            self._is_lent = True

    def release(self) -> None:
        self._is_lent = False
        self._lent.close()

    def close(self) -> None:
        """Load the checkpoint that the host's user has chosen, if another one of ours is loaded."""
        self._seen.forget()
        with self._lock or host_module("call_queue").queue_lock:
            if lent_for() is None:
                checkpoints.load_chosen()

    def _plan(self, request: Request) -> ResolvedRequest:
        """Look up everything that the request names. Raises HostBusy or MissingCapability before anything is done."""
        if self._is_lent:
            raise HostBusy(
                text("The device is in use by a training."), advice=text("Wait for it to end, or cancel it.")
            )
        info = self._info if request.checkpoint in (None, self.family) else checkpoints.require(str(request.checkpoint))
        require_sampler(request.sampler)
        units = self._units(request)
        loras = loras_in(request.conditions)
        self._loras.require(loras)
        return ResolvedRequest(request, info, units, self._loras.named(loras))

    def _units(self, request: Request) -> Units | None:
        """Return the faces and controls with a weight; None if the host has no ControlNet and none was requested."""
        net, script = open_controlnet(), script_in(runner_for(request))
        if net is None or script is None:
            self._require_kinds(request, {}, reasons(self._family, None))
            require_conditions(request.conditions, CONDITIONS, (), face_reasons(self._family, None))
            return None
        if any(control.kind not in found_models(self._family, net) for control in request.controls):
            net.look_again()
        there = found_models(self._family, net)
        self._require_kinds(request, there, reasons(self._family, net))
        asked = [UnitRequest.of(each, there[each.kind]) for each in request.controls if each.weight > 0]
        units = Units(net, script, (*self._face_units(request, net), *asked))
        units.require_places()
        return units

    def _face_units(self, request: Request, net: ControlNet) -> list[UnitRequest]:
        faces, known = faces_in(request.conditions), tuple(self._family.identities) if takes_faces(net) else ()
        require_conditions(request.conditions, (*CONDITIONS, *known), known, face_reasons(self._family, net))
        if not {each.kind for each in faces} <= {*offered_faces(self._family, net)}:
            net.look_again()
        made = [(face, face_units(face, self._family, net, self._seen)) for face in faces]
        return [unit for face, units in made if face.weight > 0 for unit in units]

    def _require_kinds(self, request: Request, there: Mapping[str, str], why: Mapping[str, str]) -> None:
        for control in request.controls:
            if control.kind not in there:
                because = why.get(control.kind, text("{label} has no such control", label=self._family.label))
                raise MissingCapability(
                    text("The control {kind!r} cannot be applied: {because}", kind=control.kind, because=because)
                )

    def _made(self, plan: ResolvedRequest, progress: Progress) -> Result:
        with turn(self._lock) as ours:
            started = time.monotonic()
            image, notes = self._painted(plan, ours, progress)
            seconds = time.monotonic() - started
        self._remember(plan)
        return Result(image, plan.request.seed, plan.control_kinds, plan.condition_names, seconds, notes)

    def _painted(self, plan: ResolvedRequest, ours: Turn, progress: Progress) -> tuple[Image.Image, tuple[str, ...]]:
        faults, notes = ScriptErrors(), list[str]()
        watch = SamplingWatch(ours, progress, lambda: plan.look(faults, notes))
        runner = runner_for(plan.request)
        arguments, script = default_arguments(runner), script_in(runner)
        if plan.units is not None:
            arguments, script = plan.units.written(arguments)
        with overridden(self._overrides(plan)) as overrides, unwritten(), watched(watch):
            p = make_processing(
                plan.request,
                require_sampler(plan.sampler),
                prompt=plan.prompt,
                overrides=overrides,
                runner=with_only(runner, script_in(runner), by=script),
                arguments=arguments,
            )
            with left_unhooked(p):
                image = painted(p)
        watch.conclude()
        notes += plan.notes
        notes += [note("host-reported", "Meanwhile the web UI reported: {said}", said=said) for said in faults.new()]
        return image, tuple(notes)

    def _overrides(self, plan: ResolvedRequest) -> Mapping[str, Any]:
        chosen = {CHECKPOINT: str(plan.info.title)} | ({} if self._vae is None else {VAE: self._vae})
        return {**chosen, **(WITH_FACES if plan.faces else {})}

    def _remember(self, plan: ResolvedRequest) -> None:
        name = str(plan.info.name)
        hash = str(getattr(plan.info, "sha256", None) or "")
        self._hosts[name] = UsedWeight(name, Path(str(plan.info.filename)).name, OWN, hash)
        for asked in plan.asked:
            if asked.own is None or not self._used.catalogued(*asked.own):
                self._hosts[asked.model] = UsedWeight(asked.model.rsplit(" [", 1)[0], asked.model, OWN, "")
        for lora in plan.loras:
            self._used.condition(lora.use)
        for face in plan.faces:
            encoder = self._family.identities[face.kind].encoder
            if encoder is not None and face.models.encoder is not None:
                self._used.catalogued(encoder, face.models.encoder)


@dataclass(frozen=True, eq=False)
class ResolvedRequest:
    """A request with everything it names found in the host."""

    request: Request
    info: Any
    units: Units | None
    loras: tuple[NamedLora, ...]

    @property
    def sampler(self) -> Sampler:
        """The sampler to use: the host's SDE form of DPM++ 2M fails at one step, where the other form is equal."""
        return Sampler.DPMPP_2M_KARRAS if self._is_one_sde_step else self.request.sampler

    @property
    def notes(self) -> tuple[str, ...]:
        return (
            (
                note(
                    "one-step-sampler",
                    "With one step, {value} is used instead of its SDE form.",
                    value=self.sampler.value,
                ),
            )
            if self._is_one_sde_step
            else ()
        )

    @property
    def _is_one_sde_step(self) -> bool:
        share = self.request.denoise if isinstance(self.request, InpaintRequest) else 1.0
        steps = int(share * self.request.steps) if share < 1 else self.request.steps - 1
        return self.request.sampler is Sampler.DPMPP_2M_SDE_KARRAS and steps < 1

    @property
    def asked(self) -> tuple[UnitRequest, ...]:
        return () if self.units is None else self.units.asked

    @property
    def faces(self) -> tuple[FaceCondition, ...]:
        """Those with a weight."""
        return tuple(face for face in faces_in(self.request.conditions) if face.weight > 0)

    @property
    def control_kinds(self) -> tuple[str, ...]:
        return tuple(control.kind for control in self.request.controls if control.weight > 0)

    @property
    def condition_names(self) -> tuple[str, ...]:
        return tuple(condition.name for condition in self.request.conditions if condition.weight)

    @property
    def prompt(self) -> str:
        return " ".join((self.request.prompt, *(lora.tag for lora in self.loras)))

    def look(self, faults: ScriptErrors, notes: list[str]) -> list[str]:
        """Return what the host did not apply; called when the first step begins."""
        notes += partly_applied(self.loras)
        loaded = getattr(host_module("shared").sd_model, "sd_checkpoint_info", self.info)
        wrong = []
        if checkpoints.file_of(loaded) != checkpoints.file_of(self.info):
            wrong = [
                text(
                    "The web UI painted with {name}, not with {info_name}.", name=loaded.name, info_name=self.info.name
                )
            ]
        units = [] if self.units is None else self.units.not_applied(faults.new("controlnet"))
        return wrong + units + not_applied(self.loras)


def _require_vae(name: str | None) -> None:
    known = getattr(host_module_or_none("sd_vae"), "vae_dict", {})
    if name is not None and name not in (*known, "Automatic", "None"):
        raise MissingCapability(
            text("The web UI has no VAE {name!r}.", name=name),
            advice=text("It has: {known}.", known=", ".join(("Automatic", "None", *known))),
        )


def _free_memory() -> int | None:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return int(torch.cuda.mem_get_info()[0])


def known_samplers() -> tuple[Sampler, ...]:
    """Return the samplers that the host has. For an unknown name it would silently take another one."""
    return tuple(sampler for sampler in Sampler if _host_sampler(sampler) is not None)


def require_sampler(sampler: Sampler) -> HostSampler:
    """Raises MissingCapability if the host has no such sampler."""
    named = _host_sampler(sampler)
    if named is None:
        known = ", ".join(each.value for each in known_samplers())
        raise MissingCapability(
            text("The web UI has no sampler {sampler!r}.", sampler=sampler.value),
            advice=text("It has: {known}.", known=known),
        )
    return named


def _host_sampler(sampler: Sampler) -> HostSampler | None:
    schedulers = host_module_or_none("sd_schedulers")
    labels = None if schedulers is None else [str(each.label) for each in schedulers.schedulers_map.values()]
    return sampler_named(sampler, host_module("sd_samplers").all_samplers_map, labels)
