"""The models of requests and answers; the OpenAPI document is generated from them."""
# mypy: disable-error-code="valid-type"
# Types here are values of functions, because pydantic 1.10 and 2 build them differently.

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from easyphoto.api.models import (
    AnswerModel,
    RequestModel,
    listed,
    number,
    settings_model,
    whole,
    words,
)
from easyphoto.jobs.answers import COMMANDS
from easyphoto.jobs.shapes import State
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import AUTO, ENGINES, FaceSettings, Options, WeightSettings
from easyphoto.settings.placing import PlacingSettings
from easyphoto.settings.training import PreprocessSettings, TrainSettings
from easyphoto.workspace.person_record import KINDS
from easyphoto.workspace.prompt_words import MOST_WORDS

MOST_PHOTOS, MOST_TEMPLATES, MOST_PERSONS = 200, 200, 8
TrainIn = settings_model(TrainSettings)
PreprocessIn = settings_model(PreprocessSettings)
InferenceIn = settings_model(InferenceSettings)
PlacingIn = settings_model(PlacingSettings)
DrawingIn = settings_model(DrawingSettings)
FacesIn = settings_model(FaceSettings)
# A client's path is never used as one.
WeightsIn = settings_model(WeightSettings, without=("webui",))
Name = words(200, least=1)
Words = words(MOST_WORDS)
ConceptName = Literal[KINDS]
"""What can be learned."""
FileName = words(255, least=1)


class UploadedPicture(RequestModel):
    upload: FileName = Field(..., description="The name that /uploads answered with.")


class InlinePicture(RequestModel):
    name: Name = Field(..., description="What people call the picture; only its letters matter.")
    data: words(60_000_000, least=1) = Field(
        ..., description="The file's bytes as base64, with or without a data: prefix. Never an address."
    )


FACE = Field(None, description="Which face of a photo with several is meant, from 1, as the verdicts number them.")
SEATS = Field(None, description="Which face of the template each person takes, from the left and from 0.")


class UploadedPhoto(UploadedPicture):
    face: whole(1, 1000) | None = FACE


class InlinePhoto(InlinePicture):
    face: whole(1, 1000) | None = FACE


class NamedTemplate(RequestModel):
    template: Name = Field(..., description="An id of /templates.")


class KnownTemplate(NamedTemplate):
    faces: listed(whole(0, 1000), most=MOST_PERSONS) | None = SEATS


class UploadedTemplate(UploadedPicture):
    faces: listed(whole(0, 1000), most=MOST_PERSONS) | None = SEATS


class InlineTemplate(InlinePicture):
    faces: listed(whole(0, 1000), most=MOST_PERSONS) | None = SEATS


Picture = UploadedPicture | InlinePicture
Photos = listed(UploadedPhoto | InlinePhoto, least=1, most=MOST_PHOTOS)
Templates = listed(KnownTemplate | UploadedTemplate | InlineTemplate, least=1, most=MOST_TEMPLATES)


class OptionsIn(RequestModel):
    base: Name | None = Field(None, description="A checkpoint of /capabilities, or a model family; never a path.")
    engine: Literal[ENGINES] = Field(AUTO, description="What the person's photos are.")
    faces: FacesIn | None = None
    weights: WeightsIn | None = None


class BoxIn(RequestModel):
    """In pixels, or as shares of the picture where nothing is above 1."""

    left: number(0, 1_000_000) = Field(..., description="From the picture's left edge.")
    top: number(0, 1_000_000) = Field(..., description="From its top edge.")
    width: number(0, 1_000_000) = Field(..., description="Above 0.")
    height: number(0, 1_000_000) = Field(..., description="Above 0.")


PARTS: Mapping[Any, Any] = {
    TrainSettings: TrainIn,
    PreprocessSettings: PreprocessIn,
    InferenceSettings: InferenceIn,
    PlacingSettings: PlacingIn,
    DrawingSettings: DrawingIn,
    Options: OptionsIn,
}
"""The models in which a command's settings and options are sent."""


class TemplateRequest(RequestModel):
    name: Name = Field(..., description="Becomes the template's id: letters, digits, _ and -.")
    picture: Picture


class RenameRequest(RequestModel):
    name: Name


class WordsRequest(RequestModel):
    words: Words = Field(
        ..., description='Plain words such as "grey hair, glasses"; empty: none. A proposal is thereby answered.'
    )


class FavouriteRequest(RequestModel):
    pass


ConfigurationKind = Literal["train", "photograph"]


class ConfigurationRequest(RequestModel):
    configuration: dict[str, Any] = Field(
        ..., description="What GET answers with, or the file that the page exports; settings may be left out."
    )


class TextTold(AnswerModel):
    code: str = Field("", description="What notes and phases are known by, whatever their wording.")
    template: str = Field(..., description="The English text with the names of its values in braces.")
    values: dict[str, Any] = Field(
        ..., description='A value that is a text itself is {"text": …}, with an entry of its own where it has values.'
    )


TEXTS: Any = Field({}, description="What the sentences of this answer were made from, by the sentence.")


class ErrorTold(AnswerModel):
    code: str
    message: str
    advice: str = ""
    values: dict[str, Any] = Field({}, description="What the message names: files, limits, persons.")
    weights: str = Field("", description="What /weights:fetch takes to bring it, with spaces between; else empty.")
    details: list[dict[str, Any]] | None = None


class ErrorAnswer(AnswerModel):
    error: ErrorTold
    texts: dict[str, TextTold] = TEXTS


KindName = Literal[tuple(COMMANDS)]
"""What can be listed by kind; a job of another version may have another."""


class JobSummary(AnswerModel):
    id: str
    kind: str = Field(
        ...,
        description="What is done: check, add, train, resume, choose, photograph, place, template, previews, propose, "
        "setup, weights.",
    )
    title: str = Field(..., description="The same in words.")
    persons: list[str] = Field(..., description="Ids of the persons that it is about.")
    state: State = Field(..., description="queued, running, done, failed, cancelled or interrupted.")
    created: str = Field(..., description="When it was asked for, in UTC: 2026-01-31T12:00:00.000Z.")
    started: str | None = Field(None, description="When its turn came.")
    ended: str | None = Field(None, description="When it was over.")
    phase: str = Field(..., description="What it is at, in words.")
    done: int = Field(..., description="How much of `total` is done.")
    total: int = Field(..., description="0: that is not known yet.")
    eta_seconds: float | None = Field(None, description="How long it still takes, where that can be told.")
    error: ErrorTold | None = Field(None, description="Why it failed.")
    notes: list[str] = Field(..., description="What people should know although the work went on.")
    run: str | None = Field(None, description="What /resume takes.")
    lane: str | None = Field(
        None, description="Where it runs or ran: a `name` of /lanes, or look, fetch. Null: its turn has not come."
    )
    texts: dict[str, TextTold] = TEXTS


class JobAnswer(JobSummary):
    previews: list[str] = Field(..., description="Pictures of the job so far, newest last: /jobs/{id}/files/{name}.")
    files: list[str] = Field(..., description="Names that /jobs/{id}/files/ has besides the previews.")
    request: dict[str, Any] = Field(..., description="What was asked for, with every setting, pictures by their name.")
    result: dict[str, Any] | None = Field(None, description="What came of it, by the kind of job.")


class JobsAnswer(AnswerModel):
    jobs: list[JobSummary]
    next: str | None = Field(None, description="The `cursor` of the next page; null after the last one.")


class LaneAnswer(AnswerModel):
    name: str = Field(..., description="work for the only one, else its devices: cuda:0, cuda:1+cuda:2, cpu:0.")
    device: str = Field(..., description="The device in words.")
    node: str | None = Field(None, description="The machine, in a cluster.")
    state: str = Field(..., description="idle, starting, busy or lost; one that is lost starts anew with its next job.")
    job: str | None = Field(None, description="What it works on, where that is a job that /jobs lists.")
    takes: list[str] = Field(..., description="The only kinds of jobs that it takes; empty: all.")


class LanesAnswer(AnswerModel):
    lanes: list[LaneAnswer]
    texts: dict[str, TextTold] = TEXTS


class UploadAnswer(AnswerModel):
    name: str
    size: int


class UploadsAnswer(AnswerModel):
    uploads: list[UploadAnswer]


class PersonAnswer(AnswerModel):
    id: str
    name: str
    family: str
    domain: str | None = Field(None, description="What their photos are: photographs or drawings.")
    created: str
    is_ready: bool = Field(..., description="Whether they can be photographed: trained, or with photos of their own.")
    is_trained: bool
    photos: int
    has_portrait: bool
    likeness: dict[str, Any] | None
    notes: list[str]
    words: str = Field("", description="What describes them in prompts; of a scene or an object, what calls it.")
    proposed_words: str = Field("", description="What was seen on their photos, and becomes `words` only on request.")
    run: str | None
    trained: dict[str, Any] | None = Field(None, description="With what, where the run is still there.")
    kind: str = Field(..., description="face, scene or object. Only of a face is there a likeness, and a photograph.")
    texts: dict[str, TextTold] = TEXTS


class CheckpointsAnswer(AnswerModel):
    run: str = Field(..., description="The training.")
    steps: list[int]
    chosen: int | None = Field(None, description="What /persons:choose took; null: the LoRA that the training wrote.")


class DamagedAnswer(AnswerModel):
    id: str
    reason: str


class PersonsAnswer(AnswerModel):
    persons: list[PersonAnswer]
    damaged: list[DamagedAnswer] = Field([], description="Who is there and cannot be read.")


class DeletedAnswer(AnswerModel):
    deleted: list[str] = Field(..., description="What went, as paths below the workspace, or names in the host.")


class LeftTold(AnswerModel):
    what: str = Field(..., description="A person's id, or a path below the workspace.")
    why: str


class PersonDeletedAnswer(DeletedAnswer):
    left: list[LeftTold] = Field(
        default_factory=list, description="What has not gone yet; it is deleted as soon as that is possible."
    )


class WeightSetAnswer(AnswerModel):
    name: str
    files: list[str] = Field(..., description="Ids of the files.")


class WeightAnswer(AnswerModel):
    id: str
    file: str
    bytes: int | None
    licence: str
    commercial: str = Field(..., description="Whether the licence allows commercial use: yes, no or unknown.")
    needed_by: str
    is_allowed: bool = Field(..., description="Whether the server's choice of licences allows it.")
    at_hand: bool
    bytes_begun: int = Field(..., description="What an interrupted download has left, from which the next one goes on.")


class WeightsAnswer(AnswerModel):
    licences: str
    offline: bool
    sets: list[WeightSetAnswer]
    files: list[WeightAnswer]


class ConfigurationEntry(AnswerModel):
    kind: str
    name: str


class ConfigurationsAnswer(AnswerModel):
    configurations: list[ConfigurationEntry]


class ConfigurationAnswer(AnswerModel):
    configuration: dict[str, Any]
    notes: list[str] = Field([], description="What was not taken, of a file of another version.")


class CapabilitiesAnswer(AnswerModel):
    version: str
    host: dict[str, Any]
    families: list[dict[str, Any]]
    settings: dict[str, list[dict[str, Any]]]
    presets: dict[str, dict[str, dict[str, Any]]]
    limits: dict[str, int]
    devices: list[dict[str, Any]] = Field(
        [], description="Where jobs run side by side: what /lanes says of each lane, without what changes."
    )
