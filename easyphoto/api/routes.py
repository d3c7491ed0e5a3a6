"""Every route of the API: where it is, what it answers, and what it can refuse."""

from collections.abc import Iterator, Mapping

from fastapi import APIRouter

from easyphoto.api.capabilities import CapabilityRoutes
from easyphoto.api.configurations import ConfigurationRoutes
from easyphoto.api.errors import BadRequest, UnknownFile, UnknownRun, UnknownTemplate, UnknownUpload, UrlRefused
from easyphoto.api.events import MEDIA_TYPE
from easyphoto.api.gallery_schemas import PosesAnswer, StyleAnswer, StylesAnswer, TemplateAnswer, TemplatesAnswer
from easyphoto.api.guard import BYTES, FORM, JSON, MOST_HELD, ZIP, ZIPS, BodyRule
from easyphoto.api.jobs import JobRoutes
from easyphoto.api.lanes import LaneRoutes
from easyphoto.api.legacy import LegacyRoutes
from easyphoto.api.persons import PersonRoutes
from easyphoto.api.poses import PoseRoutes
from easyphoto.api.route import Route, RouteGroup, job_route
from easyphoto.api.schemas import (
    CapabilitiesAnswer,
    CheckpointsAnswer,
    ConfigurationAnswer,
    ConfigurationsAnswer,
    DeletedAnswer,
    JobAnswer,
    JobsAnswer,
    LanesAnswer,
    PersonAnswer,
    PersonDeletedAnswer,
    PersonsAnswer,
    UploadsAnswer,
    WeightsAnswer,
)
from easyphoto.api.styles import StyleRoutes
from easyphoto.api.templates import TemplateRoutes
from easyphoto.api.uploads import BODY, UploadRoutes
from easyphoto.api.verbs import PREFIX, CommandRoutes
from easyphoto.api.waiting import RequestMemory
from easyphoto.api.weights import WeightRoutes
from easyphoto.errors import (
    BadMask,
    BadName,
    BadPicture,
    BadRecord,
    BadReference,
    BadSettings,
    BadWords,
    DiskFailure,
    HostBusy,
    InputError,
    LicenceRefused,
    NameTaken,
    RunBusy,
    TooFewPhotos,
    UnknownCheckpoint,
    UnknownConfiguration,
    UnknownJob,
    UnknownPerson,
    UnknownPose,
    UnknownScene,
    UnknownStyle,
    WeightsMissing,
    WrongKind,
)
from easyphoto.images.formats import FORMATS
from easyphoto.jobs.service import Service
from easyphoto.jobs.uploads import MOST_ARCHIVE
from easyphoto.messages import text

PICTURES = tuple(format.media for format in FORMATS)
FILES = ("image/jpeg", "image/png", "text/html", JSON, "text/plain", BYTES)
SENT = (BadPicture, UrlRefused, UnknownUpload)
"""What a picture of a request can be refused for."""
CHECKED = (*SENT, BadReference, BadSettings)
ONE = (UnknownPerson, BadName, BadRecord)
"""What a person who is named can be refused for."""


def build_router(service: Service, *, accounts: Mapping[str, str] | None, has_door: bool = False) -> APIRouter:
    """Build every route below /easyphoto; with `accounts` (user → password) each requires an account.

    `has_door`: a door in front asks for accounts instead.
    """
    router = APIRouter()
    for group in groups(service.for_clients()):
        router.include_router(group.router(accounts, is_guarded=bool(accounts) or has_door))
    return router


def addresses(service: Service) -> list[tuple[str, str]]:
    """Return method and path of every route."""
    return [(route.method, group.prefix + route.path) for group in groups(service) for route in group.routes]


def parse_accounts(written: str | None) -> dict[str, str] | None:
    """Parse `user:password,user2:password2`, the format of web UIs; returns None for an empty text.

    Raises InputError if it names no account: whoever wrote it did not mean to open the server to everybody.
    """
    if not (written or "").strip():
        return None
    pairs = [account.strip().partition(":") for account in str(written).split(",")]
    if not all(user and colon for user, colon, _ in pairs):
        raise InputError(
            text("The accounts of the API cannot be read."), advice=text("Write user:password, separated by commas.")
        )
    return {user: password for user, _, password in pairs}


def groups(service: Service) -> Iterator[RouteGroup]:
    """Yield all routes, those of a tag one after another."""
    memory = RequestMemory(MOST_HELD)
    json = BodyRule(room=memory)
    # Archives go to disk, so several may arrive at the same time.
    archives = BodyRule((*ZIPS, BYTES), MOST_ARCHIVE, is_streamed=True, room=RequestMemory(2 * MOST_ARCHIVE))
    yield RouteGroup("work", PREFIX, json, work_routes(CommandRoutes(service)))
    yield RouteGroup("jobs", PREFIX, json, job_routes(JobRoutes(service)))
    yield RouteGroup("persons", PREFIX, json, person_routes(PersonRoutes(service)))
    yield RouteGroup("persons", PREFIX, archives, (import_route(PersonRoutes(service)),))
    yield RouteGroup("templates", PREFIX, json, template_routes(TemplateRoutes(service)))
    yield RouteGroup("poses", PREFIX, json, pose_routes(PoseRoutes(service)))
    yield RouteGroup("styles", PREFIX, json, style_routes(StyleRoutes(service)))
    yield RouteGroup("uploads", PREFIX, BodyRule((JSON, FORM), room=memory), (upload_route(UploadRoutes(service)),))
    yield RouteGroup("configurations", PREFIX, json, configuration_routes(ConfigurationRoutes(service)))
    yield RouteGroup("server", PREFIX, json, server_routes(service))
    yield RouteGroup("legacy", "/easyphoto", json, legacy_routes(LegacyRoutes(service)))


def work_routes(verbs: CommandRoutes) -> tuple[Route, ...]:
    return (
        job_route("/photos:check", "checkPhotos", "Check photos", verbs.check, *CHECKED),
        job_route("/persons", "addPerson", "Add a person", verbs.add, *CHECKED, BadName, NameTaken, RunBusy),
        job_route(
            "/train", "trainPerson", "Train a person", verbs.train,
            *CHECKED, BadName, TooFewPhotos, RunBusy, WrongKind,
        ),
        job_route("/persons:choose", "chooseCheckpoint", "Choose a checkpoint", verbs.choose, *ONE, UnknownCheckpoint),
        job_route(
            "/photograph", "photograph", "Photograph persons", verbs.photograph,
            *SENT, BadSettings, BadName, BadRecord, UnknownPerson, UnknownScene, UnknownTemplate, WrongKind,
        ),
        job_route(
            "/place", "placeObject", "Place an object", verbs.place,
            *SENT, BadMask, BadSettings, BadRecord, UnknownScene, UnknownTemplate, WrongKind,
        ),
        job_route("/templates:draw", "drawTemplate", "Draw a template", verbs.draw, BadName, BadSettings, NameTaken),
        job_route(
            "/styles:preview", "drawPreviews", "Draw previews of styles", verbs.preview,
            BadSettings, BadRecord, UnknownStyle,
        ),
        job_route(
            "/words:propose", "proposeWords", "Propose a person's words", verbs.propose,
            BadName, UnknownPerson, WrongKind,
        ),
        job_route("/resume", "resumeTraining", "Resume a training", verbs.resume, UnknownRun, BadSettings),
        job_route("/setup", "setUpTrainer", "Set up the trainer", verbs.setup),
        job_route(
            "/weights:fetch", "fetchWeights", "Fetch weights", verbs.fetch,
            InputError, BadSettings, LicenceRefused, WeightsMissing,
        ),
    )  # fmt: skip


def job_routes(jobs: JobRoutes) -> tuple[Route, ...]:
    one = (UnknownJob, BadRecord)
    return (
        Route("GET", "/jobs", "listJobs", "Jobs", jobs.list, JobsAnswer, "A page of jobs.", (BadRequest,)),
        Route("GET", "/jobs/{id}", "getJob", "Job", jobs.get, JobAnswer, "The job as it is now.", one),
        Route(
            "DELETE", "/jobs/{id}", "endJob", "Cancel or forget", jobs.end, JobAnswer,
            "The job as it is now, or was when it was forgotten.", (*one, HostBusy, BadRequest),
        ),
        Route(
            "GET", "/jobs/{id}/events", "followJob", "Follow a job", jobs.events, None,
            "The events so far, and further ones as they happen.", (*one, BadRequest), kinds=(MEDIA_TYPE,),
            more={204: {"description": "The job is over, and there is no event after that number."}},
        ),
        Route(
            "GET", "/jobs/{id}/files/{name}", "getJobFile", "A job's file", jobs.file, None, "The file.", one,
            kinds=FILES,
        ),
    )  # fmt: skip


def person_routes(persons: PersonRoutes) -> tuple[Route, ...]:
    one = ONE
    return (
        Route("GET", "/persons", "listPersons", "Persons", persons.list, PersonsAnswer, "Everybody.", (BadRequest,)),
        Route("GET", "/persons/{id}", "getPerson", "Person", persons.get, PersonAnswer, "The person.", one),
        Route(
            "PATCH", "/persons/{id}", "renamePerson", "Rename", persons.rename, PersonAnswer,
            "The person under their new name.", (*one, HostBusy, RunBusy),
        ),
        Route(
            "PUT", "/persons/{id}/words", "changeWords", "Change their words", persons.change_words, PersonAnswer,
            "The person with these words.", (*one, BadWords, RunBusy),
        ),
        Route(
            "DELETE", "/persons/{id}", "deletePerson", "Delete a person", persons.delete, PersonDeletedAnswer,
            "Everything went.", (UnknownPerson, BadName, RunBusy),
            more={202: {"model": PersonDeletedAnswer, "description": "Begun; something has not gone yet."}},
        ),
        Route(
            "GET", "/persons/{id}/portrait", "getPortrait", "Portrait", persons.portrait, None,
            "The picture of the training that is most like them.", (*one, UnknownFile),
            kinds=("image/png", "image/jpeg"),
        ),
        Route(
            "GET", "/persons/{id}/checkpoints", "listCheckpoints", "Checkpoints", persons.checkpoints,
            CheckpointsAnswer, "What the last training has kept.", (*one, UnknownCheckpoint),
        ),
        Route(
            "GET", "/persons/{id}/sheet", "getSheet", "Test pictures", persons.sheet, None,
            "The picture of all test pictures.", (*one, UnknownCheckpoint, UnknownFile), kinds=("image/png",),
        ),
        Route(
            "GET", "/persons/{id}/export", "exportPerson", "Export", persons.export, None, "The archive.",
            (*one, DiskFailure), kinds=(ZIP,),
        ),
    )  # fmt: skip


def import_route(persons: PersonRoutes) -> Route:
    content = {"schema": {"type": "string", "format": "binary"}}
    body = {"required": True, "content": {ZIP: content, BYTES: content}}
    return Route(
        "POST", "/persons:import", "importPerson", "Import a person", persons.take_in, PersonAnswer,
        "The person who has come.", (InputError, BadName, BadRecord, BadSettings, NameTaken), status=201, body=body,
    )  # fmt: skip


def template_routes(templates: TemplateRoutes) -> tuple[Route, ...]:
    where = {"Location": {"description": "Where its picture is.", "schema": {"type": "string"}}}
    return (
        Route("GET", "/templates", "listTemplates", "Templates", templates.list, TemplatesAnswer, "All templates."),
        Route(
            "POST", "/templates", "addTemplate", "Add a template", templates.add, TemplateAnswer, "The template.",
            (*SENT, BadName, NameTaken), status=201, headers=where,
        ),
        Route(
            "GET", "/templates/{id}/picture", "getTemplatePicture", "A template's picture", templates.picture, None,
            "The picture.", (UnknownTemplate,), kinds=PICTURES,
        ),
        Route(
            "DELETE", "/templates/{id}", "deleteTemplate", "Delete a template", templates.delete, DeletedAnswer,
            "It went.", (UnknownTemplate, InputError),
        ),
    )  # fmt: skip


def pose_routes(poses: PoseRoutes) -> tuple[Route, ...]:
    return (
        Route("GET", "/poses", "listPoses", "Poses", poses.list, PosesAnswer, "All poses."),
        Route(
            "GET", "/poses/{id}/picture", "getPosePicture", "A pose's picture", poses.picture, None, "Its skeleton.",
            (UnknownPose,), kinds=("image/png",),
        ),
    )  # fmt: skip


def style_routes(styles: StyleRoutes) -> tuple[Route, ...]:
    one = (UnknownStyle, BadRecord)
    return (
        Route("GET", "/styles", "listStyles", "Styles", styles.list, StylesAnswer, "Those that fit.", (InputError,)),
        Route(
            "GET", "/styles/{id}/preview", "getStylePreview", "A style's preview", styles.preview, None,
            "The picture.", (*one, UnknownFile), kinds=PICTURES,
        ),
        Route(
            "PUT", "/styles/{id}/favourite", "markStyle", "Make it a favourite", styles.mark, StyleAnswer,
            "The style.", (*one, RunBusy),
        ),
        Route(
            "DELETE", "/styles/{id}/favourite", "unmarkStyle", "No favourite any more", styles.unmark, StyleAnswer,
            "The style.", (*one, RunBusy),
        ),
    )  # fmt: skip


def upload_route(uploads: UploadRoutes) -> Route:
    return Route(
        "POST", "/uploads", "uploadPictures", "Upload pictures", uploads.add, UploadsAnswer,
        "The names by which requests name them.", (BadPicture, UrlRefused), status=201, body=BODY,
    )  # fmt: skip


def configuration_routes(configurations: ConfigurationRoutes) -> tuple[Route, ...]:
    one, named = "/configurations/{kind}/{name}", (BadRequest, UnknownConfiguration)
    return (
        Route(
            "GET", "/configurations", "listConfigurations", "Saved settings", configurations.list,
            ConfigurationsAnswer, "What is saved.",
        ),
        Route(
            "GET", one, "getConfiguration", "Saved settings of that name", configurations.get, ConfigurationAnswer,
            "The settings.", (*named, BadRecord, BadSettings),
        ),
        Route(
            "PUT", one, "saveConfiguration", "Save settings", configurations.save, ConfigurationAnswer,
            "The settings as they were saved.", (BadName, BadRecord, BadSettings),
        ),
        Route(
            "DELETE", one, "deleteConfiguration", "Delete saved settings", configurations.delete, DeletedAnswer,
            "They went.", named,
        ),
    )  # fmt: skip


def server_routes(service: Service) -> tuple[Route, ...]:
    capabilities, lanes, weights = CapabilityRoutes(service), LaneRoutes(service), WeightRoutes(service)
    return (
        Route(
            "GET", "/capabilities", "getCapabilities", "Capabilities", capabilities.get, CapabilitiesAnswer,
            "What this server can do.",
        ),
        Route("GET", "/lanes", "listLanes", "Lanes", lanes.list, LanesAnswer, "Every lane, as it is now."),
        Route("GET", "/weights", "listWeights", "Weights", weights.list, WeightsAnswer, "The catalogue."),
    )  # fmt: skip


def legacy_routes(legacy: LegacyRoutes) -> tuple[Route, ...]:
    told = "What came of it: `message`, and what the form's clients expect besides."
    return (
        Route("POST", "/easyphoto_train_forward", "trainAsIn2023", "Train, as in 2023", legacy.train, None, told),
        Route(
            "POST", "/easyphoto_infer_forward", "photographAsIn2023", "Photograph, as in 2023", legacy.infer, None, told
        ),
    )  # fmt: skip
