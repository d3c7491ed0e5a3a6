"""Long commands over HTTP: each request becomes a command and a job, and is answered at once."""
# mypy: disable-error-code="valid-type,misc"
# Types here are values of functions, because pydantic 1.10 and 2 build them differently.

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Response
from pydantic import Field

from easyphoto.api.answers import job_answer
from easyphoto.api.errors import UnknownRun
from easyphoto.api.intake import options_of, settings_of, take_photos, take_templates
from easyphoto.api.models import RequestModel, listed, request_model, whole, words_of
from easyphoto.api.schemas import MOST_PERSONS, PARTS, FileName, JobAnswer, Name, Photos, Templates
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.check import REFERENCE, CheckPhotos
from easyphoto.commands.draw_template import LEAST_SIDE, MOST_SIDE, SIDE_STEP, DrawTemplate
from easyphoto.commands.fetch_weights import FetchWeights
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.setup_trainer import SetupTrainer
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import InputError
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.messages import text
from easyphoto.settings import InferenceSettings, PreprocessSettings, TrainSettings
from easyphoto.workspace.folders import checked_id

PREFIX = "/easyphoto/v1"
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


class ResumeRequest(request_model(ResumeTraining, PARTS, person={})):
    pass


PERSONS = listed(Name, least=1, most=MOST_PERSONS)
SITTERS = {"persons": (PERSONS, Field(..., description=words_of(PhotographPersons, "persons")))}


class PhotographRequest(
    request_model(
        PhotographPersons, PARTS, persons=SITTERS, templates={"templates": (Templates, ...)}, assignments={}, out={}
    )
):
    pass


SIDE = whole(LEAST_SIDE, MOST_SIDE, multiple_of=SIDE_STEP)


class DrawRequest(request_model(DrawTemplate, PARTS, size={"width": (SIDE, 512), "height": (SIDE, 640)})):
    pass


class SetupRequest(RequestModel):
    pass


NAMES = {"names": (listed(Name, least=1, most=MOST_NAMES), Field(..., description=words_of(FetchWeights, "names")))}


class FetchRequest(request_model(FetchWeights, PARTS, names=NAMES)):
    pass


@dataclass(frozen=True)
class CommandRoutes:
    service: Service

    def table(self) -> tuple[tuple[str, Callable[..., JobAnswer], str], ...]:
        """Return path, handler and summary of each route."""
        return (
            ("/photos:check", self.check, "Check photos"),
            ("/persons", self.add, "Add a person"),
            ("/train", self.train, "Train a person"),
            ("/photograph", self.photograph, "Photograph persons"),
            ("/templates:draw", self.draw, "Draw a template"),
            ("/resume", self.resume, "Resume a training"),
            ("/setup", self.setup, "Set up the trainer"),
            ("/weights:fetch", self.fetch, "Fetch weights"),
        )

    def check(self, request: CheckRequest, response: Response) -> JobAnswer:
        """Give a verdict for every photo: kept, or set aside and why. The job's `verdicts` event and
        result hold them.
        """
        options = options_of(self.service, request.options, starts_from_base=True)
        preprocess = settings_of(PreprocessSettings, request.preprocess)
        taken = take_photos(self.service, request.photos, request.reference)
        command = CheckPhotos(taken.paths, taken.faces, taken.reference, preprocess, options)
        return accepted(self.service.submit(command), response)

    def add(self, request: AddRequest, response: Response) -> JobAnswer:
        """Keep a person's best photos, without a training, in seconds. A training later turns the same person into a
        trained one.
        """
        checked_id(request.name)
        options = options_of(self.service, request.options, starts_from_base=True)
        preprocess = settings_of(PreprocessSettings, request.preprocess)
        taken = take_photos(self.service, request.photos, request.reference)
        command = AddPerson(request.name, taken.paths, taken.faces, taken.reference, preprocess, options)
        return accepted(self.service.submit(command), response)

    def train(self, request: TrainRequest, response: Response) -> JobAnswer:
        """Learn a person's face from photos. A person trained before stays until the new training has succeeded."""
        checked_id(request.name)
        options = options_of(self.service, request.options, starts_from_base=True)
        settings = settings_of(TrainSettings, request.settings, preset_name=request.preset)
        preprocess = settings_of(PreprocessSettings, request.preprocess)
        taken = take_photos(self.service, request.photos or [], request.reference)
        command = TrainPerson(request.name, taken.paths, taken.faces, taken.reference, settings, preprocess, options)
        return accepted(self.service.submit(command), response)

    def photograph(self, request: PhotographRequest, response: Response) -> JobAnswer:
        """Put persons into templates: who is trained by their LoRA, others by an identity engine."""
        for person in request.persons:
            self.service.app.workspace.person(person)
        options = options_of(self.service, request.options, starts_from_base=False)
        settings = settings_of(InferenceSettings, request.settings, preset_name=request.preset)
        paths, assignments = take_templates(self.service, request.templates)
        command = PhotographPersons(tuple(request.persons), paths, assignments, settings, options)
        return accepted(self.service.submit(command), response)

    def draw(self, request: DrawRequest, response: Response) -> JobAnswer:
        """Draw a template from words; it becomes one of the user's own."""
        checked_id(request.name)
        command = DrawTemplate(
            name=request.name,
            prompt=request.prompt,
            negative=request.negative,
            size=(request.width, request.height),
            seed=request.seed,
            steps=request.steps,
            options=options_of(self.service, request.options, starts_from_base=True),
        )
        return accepted(self.service.submit(command), response)

    def resume(self, request: ResumeRequest, response: Response) -> JobAnswer:
        """Continue a training that was cancelled or interrupted."""
        options = options_of(self.service, request.options, starts_from_base=False)
        try:
            return accepted(self.service.submit(ResumeTraining(request.run, options)), response)
        except (InputError, OSError) as error:
            raise UnknownRun(
                text("There is no run {run!r} to resume.", run=request.run),
                advice=text("Give the `run` that a training's job names."),
            ) from error

    def setup(self, request: SetupRequest, response: Response) -> JobAnswer:
        """Create the training environment beside a web UI. A training does so by itself."""
        return accepted(self.service.submit(SetupTrainer()), response)

    def fetch(self, request: FetchRequest, response: Response) -> JobAnswer:
        """Fetch what is missing of sets and files of /weights, and verify it. An interrupted download goes on where it
        stopped.
        """
        options = options_of(self.service, request.options, starts_from_base=False)
        return accepted(self.service.submit(FetchWeights(tuple(request.names), options)), response)


def accepted(job: Job, response: Response) -> JobAnswer:
    response.headers["Location"] = f"{PREFIX}/jobs/{job.id}"
    return job_answer(job)
