"""The two routes of the 2023 extension, answered as its clients expect: after the work, with 200 and a message.

Its clients read only `message`, so errors that a user can correct come as a message; account, size and invalid fields
have true status codes. `error` and `notes` are additions of ours.
"""

import base64
import inspect
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from easyphoto.api.intake import decoded
from easyphoto.api.legacy_fields import (
    USUAL_CHECKPOINT,
    InferFields,
    TrainFields,
    infer_notes,
    infer_values,
    sent,
    train_notes,
    train_values,
)
from easyphoto.api.paths import redacted_paths, told
from easyphoto.commands.draw_template import LEAST_SIDE, MOST_SIDE, DrawTemplate
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import BadSettings, EasyPhotoError, InputError, MissingCapability, NameTaken, TooFewPhotos
from easyphoto.jobs.bases import check_base
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.settings.declarations import settings_from
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options
from easyphoto.settings.training import PreprocessSettings, TrainSettings

TRAINED = "The training has been completed."
NOBODY = ("", "none")
SECONDS_BETWEEN_LOOKS = 5.0
MOST_SEED = 65535
MOST_WAITING = 32
SIDES = range(LEAST_SIDE, MOST_SIDE + 1)
"""Sides of a template that is drawn, in pixels."""


@dataclass(frozen=True)
class LegacyRoutes:
    service: Service

    async def train(self, fields: TrainFields) -> dict[str, Any]:
        """The training form of 2023; waits until the training is over."""
        return await self._waited(self._trained, fields)

    async def infer(self, fields: InferFields) -> dict[str, Any]:
        """The photo form of 2023; waits until the pictures are finished."""
        return await self._waited(self._photographed, fields)

    async def _waited(self, wait: Callable[[Any], dict[str, Any]], fields: Any) -> dict[str, Any]:
        """Run `wait` in a thread. A closing server does not wait for it; the thread cleans up when the job is over."""
        # The parameter's name in anyio 4.1 and later, or before.
        names = inspect.signature(anyio.to_thread.run_sync).parameters
        leaves = {"abandon_on_cancel" if "abandon_on_cancel" in names else "cancellable": True}
        return await anyio.to_thread.run_sync(wait, fields, limiter=self._waiting, **leaves)

    @cached_property
    def _waiting(self) -> anyio.CapacityLimiter:
        """Limits these threads separately: they wait for hours, and the shared few must stay free to cancel."""
        return anyio.CapacityLimiter(MOST_WAITING)

    def _trained(self, fields: TrainFields) -> dict[str, Any]:
        notes = train_notes(fields)
        try:
            job = self._over(self._train(fields, notes))
        except EasyPhotoError as error:
            return {
                "message": f"Train error, error info: {redacted_paths(str(error))}",
                "error": error.code,
                "notes": notes,
            }
        answer: dict[str, Any] = {"message": TRAINED, "job": job.id, "notes": [*notes, *told(job.notes)]}
        if job.state is not State.DONE:
            answer |= {"message": f"Train error, error info: {why(job)}", "error": code_of(job)}
        return answer

    def _photographed(self, fields: InferFields) -> dict[str, Any]:
        values = infer_values(fields, self.service.facts(), random.randint(0, MOST_SEED))
        notes = infer_notes(fields, values)
        try:
            ids, seats = seats_of(fields)
            self._refuse_infer(fields, ids)
            settings = settings_from(InferenceSettings, values)
            options = self._options(fields, notes, "sd_model_checkpoint")
            drawn, templates = self._templates(fields, notes)
            try:
                command = PhotographPersons(ids, templates, (seats,) * len(templates), settings, options)
                job = self._over(self.service.submit(command))
            finally:
                for template in drawn:
                    template.unlink(missing_ok=True)
        except EasyPhotoError as error:
            message = redacted_paths(str(error))
            return {"message": message, "outputs": [], "face_id_outputs": [], "error": error.code, "notes": notes}
        return self._pictures(fields, job, templates, ids, notes)

    def _train(self, fields: TrainFields, notes: list[str]) -> Job:
        if fields.user_id.strip().lower() in NOBODY:
            raise InputError(text("User id cannot be set to empty."), advice=text("Send a user_id."))
        if fields.train_mode_choose != "Train Human Lora":
            raise MissingCapability(
                text("{train_mode_choose} does not exist here.", train_mode_choose=fields.train_mode_choose),
                advice=text("Only persons can be trained."),
            )
        id = self.service.app.workspace.id_of(fields.user_id)
        if any(person.id == id for person in self.service.app.workspace.list_persons()):
            raise NameTaken(
                text("The user id {id!r} already exists.", id=id), advice=text("Choose another, or delete them first.")
            )
        if not fields.instance_images:
            raise TooFewPhotos(text("There are no photos."), advice=text("Send instance_images."))
        if fields.network_alpha > fields.rank and sent(fields) & {"network_alpha", "rank"}:
            raise BadSettings(text("network_alpha is larger than rank."), advice=text("It may be at most the rank."))
        settings = settings_from(TrainSettings, train_values(fields))
        photos = self._kept(fields.instance_images, "photo")
        command = TrainPerson(
            name=fields.user_id,
            photos=photos,
            settings=settings,
            preprocess=PreprocessSettings(retouch=fields.skin_retouching_bool),
            options=self._options(fields, notes, "sd_model_checkpoint", starts_from_base=True),
        )
        return self.service.submit(command)

    def _refuse_infer(self, fields: InferFields, ids: Sequence[str]) -> None:
        if fields.ref_mode_choose != "Infer with User Lora":
            raise MissingCapability(
                text("{ref_mode_choose} does not exist here.", ref_mode_choose=fields.ref_mode_choose),
                advice=text(
                    "Add the person without training (POST /easyphoto/v1/persons), then name them in user_ids."
                ),
            )
        if not ids:
            raise InputError(text("Please choose a user id."), advice=text("Send user_ids."))
        for id in ids:
            self.service.app.workspace.person(id)

    def _templates(self, fields: InferFields, notes: list[str]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        """Return the templates drawn only for this request, and all templates."""
        if fields.tabs == 3:
            drawn = self._drawn(fields, notes)
            return (drawn,), (drawn,)
        pictures = {
            0: fields.selected_template_images,
            1: [fields.init_image] if fields.init_image else [],
            2: fields.uploaded_template_images,
        }[fields.tabs]
        if not pictures:
            raise InputError(text("Please choose a template."), advice=text("Send the pictures that belong to `tabs`."))
        # The same picture twice is one template; `batch_size` makes several pictures of it.
        return (), tuple(dict.fromkeys(self._kept(pictures, "template")))

    def _drawn(self, fields: InferFields, notes: list[str]) -> Path:
        name = f"text-{secrets.token_hex(4)}"
        width, height = fields.text_to_image_width, fields.text_to_image_height
        if not (width in SIDES and height in SIDES):
            raise BadSettings(
                text("A template of {width}×{height} cannot be drawn.", width=width, height=height),
                advice=text("Each side must have {sides} to {sides2} pixels.", sides=SIDES[0], sides2=SIDES[-1]),
            )
        command = DrawTemplate(
            name=name,
            prompt=fields.text_to_image_input_prompt,
            size=(width, height),
            seed=random.randint(0, MOST_SEED) if fields.seed < 0 else fields.seed,
            options=self._options(fields, notes, "prompt_generate_sd_model_checkpoint", starts_from_base=True),
        )
        job = self._over(self.service.submit(command))
        if job.state is not State.DONE or job.result is None:
            raise InputError(text("The template could not be drawn: {why}", why=why(job)))
        return self.service.template(str(job.result["template"])).path

    def _kept(self, pictures: Sequence[str], word: str) -> tuple[Path, ...]:
        named = [(f"{word} {number}", picture) for number, picture in enumerate(pictures, 1)]
        return tuple(self.service.keep(name, decoded(name, picture)).path for name, picture in named)

    def _options(
        self, fields: TrainFields | InferFields, notes: list[str], field: str, *, starts_from_base: bool = False
    ) -> Options:
        """Return options with the requested checkpoint. If the host lacks it, only the usual name of 2023
        is replaced.
        """
        known, wanted = self.service.facts().checkpoints, getattr(fields, field)
        app = self.service.app
        base = app.options.base or (next(iter(known), None) if starts_from_base else None)
        if field in sent(fields):
            found = next((name for name in known if same_checkpoint(name, wanted)), None)
            if found is None and wanted != USUAL_CHECKPOINT:
                check_base(wanted, known)
                found = wanted
            if found is None:
                notes.append(f"The host has no {wanted!r}; {base or 'what the person was trained on'!r} was used.")
            base = found or base
        return replace(app.options, base=base)

    def _over(self, job: Job) -> Job:
        """Wait until the job is over and return it; blocks this thread, not the host's event loop."""
        queue, after = self.service.queue, 0
        while not queue.get(job.id).state.is_over:
            for event in queue.wait(job.id, after, SECONDS_BETWEEN_LOOKS):
                after = event.number
        return queue.get(job.id)

    def _pictures(
        self, fields: InferFields, job: Job, templates: Sequence[Path], ids: Sequence[str], notes: list[str]
    ) -> dict[str, Any]:
        result = job.result or {"pictures": []}
        made: Mapping[str, list[Any]] = {
            template.stem: [one for one in result["pictures"] if one["template"] == template.stem]
            for template in templates
        }
        answer: dict[str, Any] = {
            "message": "\n".join(
                f"Template {number} {'Success.' if made[template.stem] else f'error: {why(job)}'}"
                for number, template in enumerate(templates, 1)
            ),
            "outputs": [self._encoded(job, one["file"]) for pictures in made.values() for one in pictures],
            "face_id_outputs": [],
            "job": job.id,
            "notes": [*notes, *told(job.notes)],
        }
        if fields.display_score:
            answer["face_id_outputs"] = [
                pair for pictures in made.values() for one in pictures for pair in self._scores(ids, one["likeness"])
            ]
        return answer if job.state is State.DONE else {**answer, "error": code_of(job)}

    def _encoded(self, job: Job, name: str) -> str:
        return encoded(self.service.queue.file(job.id, name).read_bytes())

    def _scores(self, ids: Sequence[str], likeness: Sequence[Mapping[str, Any] | None]) -> list[list[str]]:
        """Return reference picture and score text, both base64, for each person with a known likeness."""
        workspace = self.service.app.workspace
        pairs: list[list[str]] = []
        for id, found in zip(ids, likeness, strict=False):
            reference = workspace.person(id).reference
            if found is not None and reference is not None:
                words = f"{found['cosine']:.2f}, {id}, the reference image"
                picture = (workspace.person_folder(id) / reference).read_bytes()
                pairs.append([encoded(picture), encoded(words.encode())])
        return pairs


def seats_of(fields: InferFields) -> tuple[tuple[str, ...], tuple[int, ...] | None]:
    """Return the persons and their faces from the left; "none" leaves the face at its position unchanged."""
    names = [fields.user_ids] if isinstance(fields.user_ids, str) else list(fields.user_ids)
    seats = [(number, name) for number, name in enumerate(names) if name.strip().lower() not in NOBODY]
    numbers = tuple(number for number, _ in seats)
    # If no face is skipped, the persons take the largest faces, and a surplus person is left out with a note.
    return tuple(name for _, name in seats), None if len(seats) == len(names) else numbers


def same_checkpoint(known: str, wanted: str) -> bool:
    """Compare checkpoint names: hosts list `folder/name.safetensors [hash]`, clients send the file name or its stem."""
    file = known.split(" [")[0].replace("\\", "/").rsplit("/", 1)[-1]
    return wanted in (known, known.split(" [")[0], file, file.rsplit(".", 1)[0])


def why(job: Job) -> str:
    if job.error is not None:
        return redacted_paths(f"{job.error['message']} {job.error['advice']}".strip())
    return " ".join(told(job.notes)) if job.state is State.DONE else f"The job was {job.state.value}."


def code_of(job: Job) -> str:
    return job.error["code"] if job.error is not None else job.state.value


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
