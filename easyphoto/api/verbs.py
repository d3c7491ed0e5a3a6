"""What takes long: each request becomes a job, and is answered at once."""

from dataclasses import dataclass

from fastapi import Response

from easyphoto.api.answers import job_answer
from easyphoto.api.errors import UnknownRun
from easyphoto.api.intake import options_of, settings_of, take_photos, take_templates
from easyphoto.api.schemas import (
    CheckRequest,
    DrawRequest,
    JobAnswer,
    PhotographRequest,
    ResumeRequest,
    SetupRequest,
    TrainRequest,
)
from easyphoto.commands.check import CheckPhotos
from easyphoto.commands.draw_template import DrawTemplate
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.setup_trainer import SetupTrainer
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import InputError
from easyphoto.jobs.records import Job
from easyphoto.jobs.service import Service
from easyphoto.settings import InferenceSettings, PreprocessSettings, TrainSettings
from easyphoto.workspace.folders import checked_id

PREFIX = "/easyphoto/v1"


@dataclass(frozen=True)
class CommandRoutes:
    service: Service

    def check(self, request: CheckRequest, response: Response) -> JobAnswer:
        """A verdict for every photo: kept, or set aside and why. The job's `verdicts` event and result hold them."""
        options = options_of(self.service, request.options, starts_from_base=True)
        preprocess = settings_of(PreprocessSettings, request.preprocess)
        taken = take_photos(self.service, request.photos, request.reference)
        command = CheckPhotos(taken.paths, taken.faces, taken.reference, preprocess, options)
        return accepted(self.service.submit(command), response)

    def train(self, request: TrainRequest, response: Response) -> JobAnswer:
        """Learn a person's face from photos. Somebody trained before stays until the new training has succeeded."""
        checked_id(request.name)
        options = options_of(self.service, request.options, starts_from_base=True)
        settings = settings_of(TrainSettings, request.settings, preset_name=request.preset)
        preprocess = settings_of(PreprocessSettings, request.preprocess)
        taken = take_photos(self.service, request.photos, request.reference)
        command = TrainPerson(request.name, taken.paths, taken.faces, taken.reference, settings, preprocess, options)
        return accepted(self.service.submit(command), response)

    def photograph(self, request: PhotographRequest, response: Response) -> JobAnswer:
        """Put trained persons into templates."""
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
        """Go on with a training that was cancelled or cut off."""
        options = options_of(self.service, request.options, starts_from_base=False)
        try:
            return accepted(self.service.submit(ResumeTraining(request.run, options)), response)
        except (InputError, OSError) as error:
            raise UnknownRun(
                f"There is no run {request.run!r} to go on with.", advice="The `run` of a training's job is meant."
            ) from error

    def setup(self, request: SetupRequest, response: Response) -> JobAnswer:
        """Make the environment that trains beside a web UI. A training does so by itself."""
        return accepted(self.service.submit(SetupTrainer()), response)


def accepted(job: Job, response: Response) -> JobAnswer:
    response.headers["Location"] = f"{PREFIX}/jobs/{job.id}"
    return job_answer(job)
