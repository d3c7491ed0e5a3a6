"""Long commands over HTTP: each request becomes a command and a job, and is answered at once."""
# mypy: disable-error-code="valid-type,misc"
# Types here are values of functions, because pydantic 1.10 and 2 build them differently.

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Response
from pydantic import Field

from easyphoto.api.answers import job_answer
from easyphoto.api.errors import BadRequest, IdempotencyKeyReused, UnknownRun
from easyphoto.api.idempotency import REPLAYED, Once, key_header, key_in
from easyphoto.api.intake import options_of, settings_of, take_photos, take_picture, take_template, take_templates
from easyphoto.api.models import RequestModel, given, listed, request_model, whole, words_of
from easyphoto.api.schemas import (
    MOST_PERSONS,
    PARTS,
    BoxIn,
    FileName,
    JobAnswer,
    Name,
    NamedTemplate,
    Photos,
    Picture,
    Templates,
)
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import Command
from easyphoto.commands.change_words import ProposeWords
from easyphoto.commands.check import REFERENCE, CheckPhotos
from easyphoto.commands.choose_checkpoint import ChooseCheckpoint
from easyphoto.commands.draw_style_previews import DrawStylePreviews
from easyphoto.commands.draw_template import DrawTemplate
from easyphoto.commands.fetch_weights import FetchWeights
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.place import PlaceObject
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.setup_trainer import SetupTrainer
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import BadSettings, InputError
from easyphoto.jobs.bases import check_base
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.persons.scenes import check_face, scene_named
from easyphoto.settings.drawing import LEAST_SIDE, MOST_SIDE, SIDE_STEP, DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.placing import PlacingSettings
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.workspace.folders import checked_id

PREFIX = "/easyphoto/v1"
R = TypeVar("R", bound=RequestModel)
MOST_NAMES = 100
"""Limit for the names of one download; the catalogue has about fifty files."""
NAMED_REFERENCE = f"{REFERENCE} The name of an upload, or of a picture sent with the request."
PHOTOS = {
    "photos": {"photos": (Photos, ...)},
    # Sent with each photo instead.
    "chosen_faces": {},
    "reference": {"reference": (FileName | None, Field(None, description=NAMED_REFERENCE))},
}


class CheckRequest(request_model(CheckPhotos, PARTS, **PHOTOS)):
    pass


class AddRequest(request_model(AddPerson, PARTS, **PHOTOS)):
    pass


OWN_PHOTOS = {"photos": (Photos | None, Field(None, description="Without any: those that the person keeps."))}


class TrainRequest(request_model(TrainPerson, PARTS, **{**PHOTOS, "photos": OWN_PHOTOS})):
    pass


class ChooseRequest(request_model(ChooseCheckpoint, PARTS)):
    pass


class ResumeRequest(request_model(ResumeTraining, PARTS, person={})):
    pass


PERSONS = listed(Name, least=1, most=MOST_PERSONS)
SITTERS = {"persons": (PERSONS, Field(..., description=words_of(PhotographPersons, "persons")))}


MAYBE_TEMPLATES = {"templates": (Templates | None, Field(None, description="Without any, one is drawn from words."))}


POSE = {
    "pose_picture": (
        Picture | None,
        Field(
            None, description="Shows the pose to draw, instead of the name of one: a picture, or a drawing by OpenPose."
        ),
    )
}


class PhotographRequest(
    request_model(
        PhotographPersons, PARTS, persons=SITTERS, templates=MAYBE_TEMPLATES, assignments={}, pose_picture=POSE, out={}
    )
):
    pass


PLACES = {
    "template": {"template": (NamedTemplate | Picture, ...)},
    "mask": {"mask": (Picture | None, Field(None, description="Of the template's size; white where the object goes."))},
    "box": {"box": (BoxIn | None, Field(None, description="Instead of a mask."))},
}


class PlaceRequest(request_model(PlaceObject, PARTS, **PLACES, out={})):
    pass


SIDE = whole(LEAST_SIDE, MOST_SIDE, multiple_of=SIDE_STEP)


class DrawRequest(request_model(DrawTemplate, PARTS, size={"width": (SIDE, 512), "height": (SIDE, 640)})):
    pass


STYLES: dict[str, Any] = {
    "names": (
        listed(Name, most=MOST_NAMES),
        Field([], description="Ids or names of /styles. Without any: those for the model that it has not drawn yet."),
    )
}


class PreviewRequest(request_model(DrawStylePreviews, PARTS, names=STYLES)):
    pass


class ProposeRequest(request_model(ProposeWords, PARTS)):
    pass


class SetupRequest(RequestModel):
    pass


NAMES = {"names": (listed(Name, least=1, most=MOST_NAMES), Field(..., description=words_of(FetchWeights, "names")))}


class FetchRequest(request_model(FetchWeights, PARTS, names=NAMES)):
    pass


@dataclass(frozen=True)
class CommandRoutes:
    service: Service

    def check(self, request: CheckRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Give a verdict for every photo: kept, or set aside and why. The job's `verdicts` event and
        result hold them.
        """
        return self._accepted(self._check, request, response, key)

    def add(self, request: AddRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Keep a person's best photos, without a training, in seconds. A training later turns the same person into a
        trained one.
        """
        return self._accepted(self._add, request, response, key)

    def train(self, request: TrainRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Learn a person's face from photos, or a scene or an object. What was trained before under that name stays
        until the new training has succeeded.
        """
        return self._accepted(self._train, request, response, key)

    def choose(self, request: ChooseRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Take another checkpoint of the last training; /persons/{id}/sheet shows what each has learned."""
        return self._accepted(self._choose, request, response, key)

    def photograph(self, request: PhotographRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Put persons into templates: who is trained by their LoRA, others by an identity engine. Without a template
        one is drawn from the words of `settings.prompt` and the style of `drawing`.
        """
        return self._accepted(self._photograph, request, response, key)

    def place(self, request: PlaceRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Put a learned object, pet or scene into a template, where a mask is painted or a box is. Beyond its soft edge
        every pixel stays as it was.
        """
        return self._accepted(self._place, request, response, key)

    def draw(self, request: DrawRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Draw a template from words; it becomes one of the user's own."""
        return self._accepted(self._draw, request, response, key)

    def preview(self, request: PreviewRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Draw previews of styles with a checkpoint: a person without a LoRA, the same seed for all."""
        return self._accepted(self._preview, request, response, key)

    def propose(self, request: ProposeRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Look at a person's photos again for what describes them. It is kept as `proposed_words`, and changes nothing
        else.
        """
        return self._accepted(self._propose, request, response, key)

    def resume(self, request: ResumeRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Continue a training that was cancelled or interrupted."""
        try:
            return self._accepted(self._resume, request, response, key)
        except (BadRequest, BadSettings, IdempotencyKeyReused):
            raise
        except InputError as error:
            raise unknown_run(request.run) from error

    def setup(self, request: SetupRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Create the training environment beside a web UI. A training does so by itself."""
        return self._accepted(lambda _: SetupTrainer(), request, response, key)

    def fetch(self, request: FetchRequest, response: Response, key: str | None = key_header()) -> JobAnswer:
        """Fetch what is missing of sets and files of /weights, and verify it. An interrupted download goes on where it
        stopped.
        """
        return self._accepted(self._fetch, request, response, key)

    def _accepted(self, build: Callable[[R], Command], request: R, response: Response, key: str | None) -> JobAnswer:
        """Queue the command of the request; with a key that has made a job already answer with that one."""
        key = key_in(key)
        if key is None:
            job = self.service.submit(build(request))
        else:
            once = Once.of(self.service, key, type(request).__name__, given(request))
            job, is_replayed = once.job(lambda: build(request))
            if is_replayed:
                response.headers[REPLAYED] = "true"
        response.headers["Location"] = f"{PREFIX}/jobs/{job.id}"
        return job_answer(job)

    def _check(self, request: CheckRequest) -> CheckPhotos:
        options = options_of(self.service, request.options, starts_from_base=True)
        preprocess = settings_of(PreprocessSettings, request.preprocess)
        taken = take_photos(self.service, request.photos, request.reference)
        return CheckPhotos(taken.paths, taken.faces, taken.reference, preprocess, options, request.kind)

    def _add(self, request: AddRequest) -> AddPerson:
        self.service.app.workspace.id_of(request.name)
        options = options_of(self.service, request.options, starts_from_base=True)
        preprocess = settings_of(PreprocessSettings, request.preprocess)
        taken = take_photos(self.service, request.photos, request.reference)
        return AddPerson(request.name, taken.paths, taken.faces, taken.reference, preprocess, options)

    def _train(self, request: TrainRequest) -> TrainPerson:
        self.service.app.workspace.id_of(request.name)
        options = options_of(self.service, request.options, starts_from_base=True)
        settings = settings_of(TrainSettings, request.settings, preset_name=request.preset)
        preprocess = settings_of(PreprocessSettings, request.preprocess)
        taken = take_photos(self.service, request.photos or [], request.reference)
        return TrainPerson(
            request.name, taken.paths, taken.faces, taken.reference, settings, preprocess, options,
            concept=request.kind, words=request.words,
        )  # fmt: skip

    def _choose(self, request: ChooseRequest) -> ChooseCheckpoint:
        return ChooseCheckpoint(request.name, request.step)

    def _photograph(self, request: PhotographRequest) -> PhotographPersons:
        for person in request.persons:
            check_face(self.service.app.workspace.person(person))
        options = options_of(self.service, request.options, starts_from_base=False)
        settings = settings_of(InferenceSettings, request.settings, preset_name=request.preset)
        drawing = settings_of(DrawingSettings, request.drawing)
        if drawing.template_base:
            check_base(drawing.template_base, self.service.facts().checkpoints)
        paths, assignments = take_templates(self.service, request.templates or [])
        pose = take_picture(self.service, request.pose_picture).path if request.pose_picture is not None else None
        return PhotographPersons(tuple(request.persons), paths, assignments, settings, options, drawing, pose)

    def _place(self, request: PlaceRequest) -> PlaceObject:
        name, box = scene_named(self.service.app.workspace, request.name).id, request.box
        options = options_of(self.service, request.options, starts_from_base=False)
        settings = settings_of(PlacingSettings, request.settings)
        return PlaceObject(
            name,
            take_template(self.service, request.template),
            None if request.mask is None else take_picture(self.service, request.mask).path,
            None if box is None else (box.left, box.top, box.width, box.height),
            settings,
            options,
        )

    def _draw(self, request: DrawRequest) -> DrawTemplate:
        checked_id(request.name)
        return DrawTemplate(
            name=request.name,
            prompt=request.prompt,
            negative=request.negative,
            size=(request.width, request.height),
            seed=request.seed,
            steps=request.steps,
            options=options_of(self.service, request.options, starts_from_base=True),
        )

    def _preview(self, request: PreviewRequest) -> DrawStylePreviews:
        options = options_of(self.service, request.options, starts_from_base=True)
        return DrawStylePreviews(tuple(request.names), request.again, options)

    def _propose(self, request: ProposeRequest) -> ProposeWords:
        self.service.app.workspace.person(request.name)
        return ProposeWords(request.name, options_of(self.service, request.options, starts_from_base=False))

    def _resume(self, request: ResumeRequest) -> ResumeTraining:
        options = options_of(self.service, request.options, starts_from_base=False)
        try:
            self.service.app.workspace.run_folder(request.run)
        except (InputError, OSError) as error:  # a name may be longer than the disk takes
            raise unknown_run(request.run) from error
        return ResumeTraining(request.run, options)

    def _fetch(self, request: FetchRequest) -> FetchWeights:
        options = options_of(self.service, request.options, starts_from_base=False)
        return FetchWeights(tuple(request.names), options)


def unknown_run(run: str) -> UnknownRun:
    return UnknownRun(
        text("There is no run {run!r} to resume.", run=run), advice=text("Give the `run` that a training's job names.")
    )
