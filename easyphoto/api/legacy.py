"""The two routes of the 2023 extension, answered as its clients expect: after the work, with 200 and a message.

Its clients read only `message`, so errors that a user can correct come as a message; account, size and invalid fields
have true status codes. `error` and `notes` are additions of ours.
"""

import base64
import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from easyphoto.api.intake import decoded
from easyphoto.api.legacy_fields import (
    CONCEPTS,
    FROM_WORDS,
    INNER_POSE,
    NO_POSE,
    UPLOADED_POSE,
    USUAL_CHECKPOINTS,
    InferFields,
    TrainFields,
    drawing_values,
    infer_notes,
    infer_values,
    is_nothing,
    scene_words,
    sent,
    train_notes,
    train_values,
)
from easyphoto.api.paths import redacted_paths, told
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import BadSettings, EasyPhotoError, InputError, MissingCapability, NameTaken, TooFewPhotos
from easyphoto.jobs.bases import check_base
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.settings.declarations import settings_from
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.workspace.poses import all_poses

TRAINED = "The training has been completed."
SECONDS_BETWEEN_LOOKS = 5.0
MOST_SEED = 65535
MOST_WAITING = 32


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
            command = PhotographPersons(ids, settings=settings, options=options)
            if fields.tabs == FROM_WORDS:
                command = self._from_words(command, fields, notes)
            else:
                templates = self._templates(fields)
                command = replace(command, templates=templates, assignments=(seats,) * len(templates))
            job = self._over(self.service.submit(command))
        except EasyPhotoError as error:
            message = redacted_paths(str(error))
            return {"message": message, "outputs": [], "face_id_outputs": [], "error": error.code, "notes": notes}
        return self._pictures(fields, job, command.templates, ids, notes)

    def _train(self, fields: TrainFields, notes: list[str]) -> Job:
        if is_nothing(fields.user_id):
            raise InputError(text("User id cannot be set to empty."), advice=text("Send a user_id."))
        if fields.train_mode_choose not in CONCEPTS:
            raise MissingCapability(
                text("{train_mode_choose} does not exist here.", train_mode_choose=fields.train_mode_choose),
                advice=text("Known: {names}.", names=", ".join(CONCEPTS)),
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
            concept=CONCEPTS[fields.train_mode_choose],
            words=scene_words(fields),
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

    def _templates(self, fields: InferFields) -> tuple[Path, ...]:
        pictures = {
            0: fields.selected_template_images,
            1: [fields.init_image] if fields.init_image else [],
            2: fields.uploaded_template_images,
        }[fields.tabs]
        if not pictures:
            raise InputError(text("Please choose a template."), advice=text("Send the pictures that belong to `tabs`."))
        # The same picture twice is one template; `batch_size` makes several pictures of it.
        return tuple(dict.fromkeys(self._kept(pictures, "template")))

    def _from_words(self, command: PhotographPersons, fields: InferFields, notes: list[str]) -> PhotographPersons:
        """Return the command with what is drawn: words, size, pose, and the checkpoint that draws."""
        if not command.settings.prompt:
            raise InputError(text("Please input a prompt."), advice=text("Send text_to_image_input_prompt."))
        drawer = self._options(fields, notes, "prompt_generate_sd_model_checkpoint").base
        poses = [pose.id for pose in all_poses() if len(pose.figures) == len(command.persons)]
        values = drawing_values(fields, poses, command.settings.seed)
        if "prompt_generate_sd_model_checkpoint" in sent(fields):
            values["template_base"] = drawer or ""
        return replace(command, drawing=settings_from(DrawingSettings, values), pose_picture=self._pose(fields))

    def _pose(self, fields: InferFields) -> Path | None:
        if "t2i_control_way" not in sent(fields) or fields.t2i_control_way in (INNER_POSE, NO_POSE):
            return None
        if fields.t2i_control_way != UPLOADED_POSE:
            raise MissingCapability(
                text("{way} does not exist here.", way=fields.t2i_control_way),
                advice=text("Known: {names}.", names=", ".join((INNER_POSE, UPLOADED_POSE, NO_POSE))),
            )
        if not fields.t2i_pose_template:
            raise InputError(text("Please upload a pose template."), advice=text("Send t2i_pose_template."))
        return self._kept([fields.t2i_pose_template], "pose")[0]

    def _kept(self, pictures: Sequence[str], word: str) -> tuple[Path, ...]:
        named = [(f"{word} {number}", picture) for number, picture in enumerate(pictures, 1)]
        return tuple(self.service.keep(name, decoded(name, picture)).path for name, picture in named)

    def _options(
        self, fields: TrainFields | InferFields, notes: list[str], field: str, *, starts_from_base: bool = False
    ) -> Options:
        """Return options with the requested checkpoint. If the host lacks it, only the usual names of 2023
        are replaced.
        """
        known, wanted = self.service.facts().checkpoints, getattr(fields, field)
        app = self.service.app
        base = app.options.base or (next(iter(known), None) if starts_from_base else None)
        if field in sent(fields):
            found = next((name for name in known if same_checkpoint(name, wanted)), None)
            if found is None and wanted not in USUAL_CHECKPOINTS:
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
        drawn = dict.fromkeys(str(one["template"]) for one in result["pictures"])
        stems = [template.stem for template in templates] or list(drawn) or [""]
        made: Mapping[str, list[Any]] = {
            stem: [one for one in result["pictures"] if one["template"] == stem] for stem in stems
        }
        answer: dict[str, Any] = {
            "message": "\n".join(
                f"Template {number} {'Success.' if pictures else f'error: {why(job)}'}"
                for number, pictures in enumerate(made.values(), 1)
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
    seats = [(number, name) for number, name in enumerate(names) if not is_nothing(name)]
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
