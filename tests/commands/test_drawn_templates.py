"""Photographs without a template: drawn from words, drawn again until everybody has a face, put through the passes."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from easyphoto.app import EasyPhoto
from easyphoto.architectures.miniature import MINIATURE
from easyphoto.architectures.sd15 import SD15
from easyphoto.backends.base import GenerateRequest, InpaintRequest
from easyphoto.backends.conditions import LoraCondition, loras_in
from easyphoto.commands import photograph_series
from easyphoto.commands.base import NullContext, Subjects
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import (
    BadSettings,
    InputError,
    NameTaken,
    NoFaceFound,
    UnknownPose,
    UnknownScene,
    UnknownStyle,
    WrongFamily,
    WrongKind,
)
from easyphoto.faces.engine import Covering, Face
from easyphoto.geometry import Box, Size
from easyphoto.host.base import HostFacts, ThisMachine
from easyphoto.images.pictures import as_picture, picture_record, read_picture
from easyphoto.inference.session import PipelineModels
from easyphoto.model_cache import ModelCache
from easyphoto.persons.folder import base_of
from easyphoto.persons.photo_sources import photo_files
from easyphoto.settings.drawing import DrawingSettings
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options
from easyphoto.storage.files import write_bytes
from easyphoto.workspace.folders import Workspace
from tests.commands.doubles import OnePersonEngine, Trainer, stand_in
from tests.fakes import FakeBackend, RecordingContext, face_at, new_person
from tests.tiny_family import write_tiny_family, write_tiny_lora

WORDS = InferenceSettings(prompt="a violinist on a stage", seed=10)
ONE, LEFT, RIGHT = face_at(Box(30, 30, 90, 90)), face_at(Box(8, 30, 48, 80)), face_at(Box(80, 30, 120, 80))
TINY, CUT = face_at(Box(60, 60, 67, 68)), face_at(Box(-30, 30, 30, 90))
GREY = 128


@dataclass
class SeedBackend(FakeBackend):
    """Draws grey pictures whose corners are their seed, however they are turned."""

    said: list[str] = field(default_factory=list)

    def generate(self, request, progress):
        result = super().generate(request, progress)
        pixels = np.full((request.size.height, request.size.width, 3), GREY, np.uint8)
        pixels[[0, 0, -1, -1], [0, -1, 0, -1]] = request.seed
        return replace(result, image=as_picture(pixels))

    def close(self):
        super().close()
        self.said.append(f"{self.family} closed")

    @property
    def drawn(self) -> list[GenerateRequest]:
        return [request for request in self.requests if isinstance(request, GenerateRequest)]

    @property
    def painted(self) -> list[InpaintRequest]:
        return [request for request in self.requests if isinstance(request, InpaintRequest)]


@dataclass
class SeedEngine(OnePersonEngine):
    """Finds one face on every drawing, or what `on` says for its seed."""

    on: dict[int, tuple[Face, ...]] = field(default_factory=dict)
    hidden: tuple[int, ...] = ()
    """Seeds of drawings whose faces are covered."""
    always: tuple[Face, ...] = (ONE,)

    def detect(self, picture):
        return self.on.get(self._seed(picture), self.always)

    def covering(self, picture, face):
        return Covering(left_eye=True, right_eye=True) if self._seed(picture) in self.hidden else None

    def _seed(self, picture) -> int:
        return int(np.asarray(picture.convert("RGB"))[0, 0, 0])


@pytest.fixture
def engine():
    return SeedEngine()


@pytest.fixture
def backend(monkeypatch, app, engine):
    """Paints, and draws where no other checkpoint is asked for."""
    made = SeedBackend()

    def opened(app, base, family, engine, settings, progress):
        made.said.append(f"{made.family} opened")
        scenes = photograph_series.called_loras(app, settings.scene, photograph_series.SCENE_WEIGHT, family)
        return PipelineModels(made, engine, progress, scenes=scenes)

    monkeypatch.setattr(photograph_series, "open_models", opened)
    return made


@pytest.fixture
def anna(app, photos, backend):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    return app.workspace.person("anna")


def photographed(app: EasyPhoto, out: Path, settings: InferenceSettings = WORDS, **asked):
    return PhotographPersons(asked.pop("persons", ("anna",)), settings=settings, out=out, **asked).run(
        app, asked.pop("context", NullContext())
    )


def seeds_of(pictures) -> list[int]:
    return [picture_record(picture)["seed"] for picture in pictures]


def test_as_many_pictures_are_drawn_as_are_asked_for_and_each_is_painted_once(app, anna, backend, tmp_path):
    session = photographed(app, tmp_path / "out", replace(WORDS, count=3))

    assert [request.seed for request in backend.drawn] == [10, 11, 12]
    assert sorted({request.seed for request in backend.painted}) == [10, 11, 12]
    assert seeds_of(session.pictures) == [10, 11, 12]
    assert [made.template.name for made in session.made] == ["drawn-10.png", "drawn-11.png", "drawn-12.png"]
    assert (np.asarray(read_picture(tmp_path / "out" / "drawn-11.png"))[5, 5] == GREY).all()


def test_a_drawing_without_a_usable_face_is_drawn_again_with_the_next_seed_that_nobody_used(
    app, anna, backend, engine, tmp_path
):
    engine.on = {10: (), 13: (LEFT, RIGHT)}

    session = photographed(app, tmp_path / "out", replace(WORDS, count=3))

    assert [request.seed for request in backend.drawn] == [10, 13, 14, 11, 12]
    assert seeds_of(session.pictures) == [14, 11, 12]
    assert (
        "drawn-14.png: Drawn again with seed 14, because the drawing before was not usable "
        "(seed 10: it shows no face; seed 13: it shows 2 faces for 1 person)."
    ) in session.all_notes


def test_after_four_drawings_a_picture_is_given_up_by_name_and_the_others_are_made(
    app, anna, backend, engine, tmp_path
):
    engine.on = {10: (), 12: (TINY,), 13: (CUT,)}
    engine.hidden = (14,)

    session = photographed(app, tmp_path / "out", replace(WORDS, count=2))

    assert [request.seed for request in backend.drawn] == [10, 12, 13, 14, 11]
    assert seeds_of(session.pictures) == [11]
    assert session.notes == (
        "Picture 1: none of 4 drawings has the faces that are needed (seed 10: it shows no face; "
        "seed 12: face 1: it is only 7 pixels wide; seed 13: face 1: it is cut off by the edge of the picture; "
        "seed 14: face 1: the eyes are covered (sunglasses?)).",
    )


def test_where_no_drawing_is_usable_the_error_names_every_seed(app, anna, backend, engine, tmp_path):
    engine.always = ()

    with pytest.raises(NoFaceFound, match="None of 8 drawings has the faces that are needed") as failed:
        photographed(app, tmp_path / "out", replace(WORDS, count=2))

    assert [request.seed for request in backend.drawn] == [10, 12, 13, 14, 11, 15, 16, 17]
    assert all(f"seed {seed}: it shows no face" in failed.value.message for seed in range(10, 18))
    assert "give a template" in failed.value.advice
    assert backend.painted == []
    assert backend.said[-1] == "miniature closed"


def test_a_covered_face_is_usable_where_covered_faces_are_painted(app, anna, backend, engine, tmp_path):
    engine.hidden = (10,)

    photographed(app, tmp_path / "out", replace(WORDS, paint_covered=True))

    assert [request.seed for request in backend.drawn] == [10]


def test_two_persons_take_the_drawn_faces_from_the_left(app, anna, backend, engine, photos, tmp_path):
    TrainPerson("ben", photo_files(photos)).run(app, NullContext())
    engine.on = {10: (ONE,)}
    engine.always = (RIGHT, LEFT)

    session = photographed(app, tmp_path / "out", persons=("ben", "anna"))

    assert [request.seed for request in backend.drawn] == [10, 11]
    assert "2 people" in backend.drawn[0].prompt
    record = picture_record(session.pictures[0])
    assert [(seat["face"], seat["sitter"]) for seat in record["seats"]] == [(0, "ben"), (1, "anna")]
    folder = app.workspace.persons
    assert backend.drawn[0].conditions == tuple(
        LoraCondition(folder / name / "lora.safetensors", 0.125) for name in ("ben", "anna")
    )


def test_the_records_say_what_was_drawn_and_the_report_shows_it(app, anna, backend, engine, tmp_path):
    engine.on = {10: ()}
    base = base_of(app.workspace, anna)
    drawing = DrawingSettings(drawing_steps=7, template_base=base)

    session = photographed(app, tmp_path / "out", drawing=drawing)

    template, result = picture_record(tmp_path / "out" / "drawn-11.png"), picture_record(session.pictures[0])
    assert template["drawn"] == result["drawn"] == {
        "checkpoint": Path(base).name, "family": "miniature", "seed": 11, "size": [128, 128], "steps": 7, "cfg": 5.0,
        "prompt": "a violinist on a stage, 1person, easyphoto_face, easyphoto", "negative": "",
        "sampler": "DPM++ 2M SDE Karras", "controls": [],
        "conditions": [{"name": "lora.safetensors", "weight": 0.25}],
        "failed": [{"seed": 10, "why": "it shows no face"}],
    }  # fmt: skip
    assert template["persons"] == result["persons"] == ["anna"]
    # A path would disclose the user's folders.
    assert (result["drawing"]["drawing_steps"], result["drawing"]["template_base"]) == (7, Path(base).name)
    assert (result["template"], result["seed"]) == ("drawn-11.png", 11)
    assert result["settings"]["prompt"] == "a violinist on a stage"
    page = session.report.read_text("utf-8")
    assert "drawn from words" in page
    assert "a violinist on a stage, seed 11" in page


def test_a_picture_is_repeated_by_its_own_seed(app, anna, backend, engine, tmp_path):
    engine.on = {10: ()}
    first = photographed(app, tmp_path / "one", replace(WORDS, count=2))

    again = photographed(app, tmp_path / "two", replace(WORDS, seed=seeds_of(first.pictures)[0]))

    assert read_picture(again.pictures[0]).tobytes() == read_picture(first.pictures[0]).tobytes()


def test_an_earlier_drawing_in_the_same_folder_stays(app, anna, backend, tmp_path):
    photographed(app, tmp_path / "out")
    photographed(app, tmp_path / "out", replace(WORDS, prompt="a garden"))

    assert picture_record(tmp_path / "out" / "drawn-10.png")["drawn"]["prompt"].startswith("a violinist")
    assert picture_record(tmp_path / "out" / "drawn-10-2.png")["drawn"]["prompt"].startswith("a garden")


def test_drawings_are_kept_as_templates_under_one_name_with_numbers(app, anna, backend, engine, tmp_path):
    engine.on = {11: (), 13: (), 14: (), 15: ()}
    drawing = DrawingSettings(save_template="Stage")

    session = photographed(app, tmp_path / "out", replace(WORDS, count=3), drawing=drawing)

    assert [made.drawn.saved.name for made in session.made] == ["stage.png", "stage-2.png"]
    folder = app.workspace.templates
    assert sorted(file.name for file in folder.iterdir()) == ["stage-2.png", "stage.png"]
    assert (folder / "stage-2.png").read_bytes() == (tmp_path / "out" / "drawn-12.png").read_bytes()
    with pytest.raises(NameTaken, match="There is already a template 'Stage'"):
        photographed(app, tmp_path / "more", drawing=drawing)
    assert not (tmp_path / "more").exists()


def test_a_name_that_only_a_later_drawing_would_get_is_refused_at_once_too(app, anna, backend, tmp_path):
    write_bytes(app.workspace.templates / "stage-2.png", b"mine")
    command = PhotographPersons(
        ("anna",), settings=replace(WORDS, count=2), drawing=DrawingSettings(save_template="stage")
    )

    with pytest.raises(NameTaken, match="stage-2"):
        command.validated(app)
    assert backend.requests == []


@pytest.mark.parametrize(("weight", "is_a_trace"), [(0.25, True), (0.0, False)])
def test_a_kept_drawing_goes_with_the_person_whose_lora_is_in_it_also_under_a_new_id(
    app, anna, backend, tmp_path, weight, is_a_trace
):
    drawing = DrawingSettings(save_template="stage", drawing_lora_weight=weight)
    photographed(app, tmp_path / "out", drawing=drawing)
    kept = app.workspace.templates / "stage.png"
    before = read_picture(kept).tobytes()

    RenamePerson("anna", "Anna Smith", "anna-smith").run(app, NullContext())

    assert read_picture(kept).tobytes() == before
    DeletePerson("anna-smith").run(app, NullContext())
    assert kept.exists() is not is_a_trace


@pytest.fixture
def elsewhere(monkeypatch, backend):
    """Another checkpoint, of SD 1.5, which says in the same list when it is opened and closed."""
    made = SeedBackend("sd15", said=backend.said)

    def opened(self, base, family, store, settings, models=None):
        made.said.append(f"{base} opened")
        assert family is SD15
        if models is not None:
            models.borrow("its networks", lambda: "networks", size=lambda _: 5)
        return made

    monkeypatch.setattr(ThisMachine, "open_backend", opened)
    return made


def test_another_checkpoint_draws_and_is_closed_before_the_persons_own_is_opened(
    app, anna, backend, elsewhere, tmp_path
):
    session = photographed(
        app, tmp_path / "out", replace(WORDS, count=2), drawing=DrawingSettings(template_base="sd15")
    )

    assert backend.said == ["sd15 opened", "sd15 closed", "miniature opened", "miniature closed"]
    assert [request.seed for request in elsewhere.drawn] == [10, 11]
    assert (elsewhere.painted, backend.drawn) == ([], [])
    assert elsewhere.drawn[0].size == Size(512, 768)
    assert elsewhere.drawn[0].negative == SD15.negative
    assert elsewhere.drawn[0].conditions == ()
    assert picture_record(session.pictures[0])["drawn"]["checkpoint"] == "sd15"
    assert (
        "anna: drawn without their LoRA, which was trained for the miniature, not for SD 1.5; the face is painted "
        "with it."
    ) in session.all_notes


@pytest.mark.parametrize("is_by_name", [True, False])
def test_the_persons_own_checkpoint_draws_and_paints_without_being_opened_twice(
    app, anna, backend, tmp_path, monkeypatch, is_by_name
):
    own = base_of(app.workspace, anna)
    if is_by_name:
        # As a checkpoint that is called by its name, and was trained on by its path.
        monkeypatch.setattr(ThisMachine, "base_model", lambda self, name, settings: (MINIATURE, tmp_path / "base"))
    said = "its name" if is_by_name else own

    photographed(app, tmp_path / "out", drawing=DrawingSettings(template_base=said))

    assert backend.said == ["miniature opened", "miniature closed"]
    assert len(backend.drawn) == 1


@pytest.mark.parametrize(("room", "kept"), [(100, 5), (4, 0)])
def test_its_networks_are_given_back_before_the_others_are_loaded_and_stay_where_there_is_room(
    app, anna, backend, elsewhere, tmp_path, monkeypatch, room, kept
):
    cache, found = ModelCache(room), []
    opened = photograph_series.open_models
    monkeypatch.setattr(
        photograph_series, "open_models", lambda app, *rest: [found.append(cache.bytes), opened(app, *rest)][1]
    )

    with replace(app, cache=cache).at_hand() as leasing:
        photographed(leasing, tmp_path / "out", drawing=DrawingSettings(template_base="sd15"))

    assert found == [kept]


def test_a_checkpoint_of_a_web_ui_elsewhere_is_taken_for_the_kind_of_the_persons(
    app, anna, backend, tmp_path, monkeypatch
):
    there, title = SeedBackend(), "dreamer.safetensors [1a2b3c4d]"
    monkeypatch.setattr(ThisMachine, "facts", lambda self: HostFacts("a web UI", "remote", checkpoints=(title,)))
    monkeypatch.setattr(ThisMachine, "open_backend", lambda *rest: there)

    session = photographed(app, tmp_path / "out", drawing=DrawingSettings(template_base=title))

    assert [request.seed for request in there.drawn] == [10]
    assert (
        "The web UI does not say what kind of model dreamer.safetensors [1a2b3c4d] is: it is taken for the miniature."
    ) in session.all_notes


def with_scene(app: EasyPhoto, name: str, family: str = "miniature") -> Path:
    scene = replace(
        new_person(app.workspace, name, family), kind="scene", words="special_scene", lora="lora.safetensors"
    )
    app.workspace.save_person(scene)
    file = app.workspace.person_folder(name) / "lora.safetensors"
    write_bytes(file, b"a room")
    return file


def test_a_scene_is_drawn_at_0_8_and_not_painted_again(app, anna, backend, tmp_path):
    room = with_scene(app, "room")

    session = photographed(app, tmp_path / "out", replace(WORDS, scene="room"))

    assert loras_in(backend.drawn[0].conditions)[1] == LoraCondition(room, 0.8)
    assert backend.drawn[0].prompt.startswith("a violinist on a stage, special_scene, 1person")
    assert all(room not in [lora.path for lora in loras_in(request.conditions)] for request in backend.painted)
    assert picture_record(session.pictures[0])["settings"]["scene"] == "room"


def test_over_a_template_a_scene_is_painted_at_0_4_in_every_pass(app, anna, backend, template, tmp_path):
    room = with_scene(app, "room")

    photographed(app, tmp_path / "out", InferenceSettings(scene="room", second_strength=0.3), templates=(template,))

    assert len(backend.painted) == 2
    assert all(LoraCondition(room, 0.4) in request.conditions for request in backend.painted)
    assert all("special_scene" in request.prompt for request in backend.painted)


def test_a_persons_own_words_are_in_the_drawing_and_in_the_passes(app, anna, backend, tmp_path):
    app.workspace.save_person(replace(anna, words="grey hair, glasses"))

    photographed(app, tmp_path / "out")

    assert backend.drawn[0].prompt == "a violinist on a stage, 1person, grey hair, glasses, easyphoto_face, easyphoto"
    assert {request.prompt for request in backend.painted} == {"easyphoto_face, easyphoto, 1person, grey hair, glasses"}


STYLE = """{"format": 1, "name": "Stage", "positive": "red curtain", "negative": "daylight",
 "loras": [{"name": "lights", "weight": 0.6}], "sizes": {"miniature": [128, 192]}, "families": ["FAMILY"]}"""


@pytest.mark.parametrize(("medium", "painted"), [("photo", ""), ("artwork", "red curtain")])
def test_the_face_on_a_painting_is_painted_as_that_is(app, anna, backend, tmp_path, medium: str, painted: str):
    style = f'{{"format": 1, "name": "Stage", "positive": "red curtain", "medium": "{medium}"}}'
    write_bytes(app.workspace.styles / "stage.json", style.encode())

    photographed(app, tmp_path / "out", drawing=DrawingSettings(style="Stage"))

    words = "easyphoto_face, easyphoto, 1person"
    assert {request.prompt for request in backend.painted} == {f"{words}, {painted}" if painted else words}


def test_a_style_brings_its_words_its_loras_and_its_size(app, anna, backend, tmp_path):
    lights = with_scene(app, "lights")
    write_bytes(app.workspace.styles / "stage.json", STYLE.replace("FAMILY", "miniature").encode())

    photographed(app, tmp_path / "out", InferenceSettings(), drawing=DrawingSettings(style="Stage"))

    request = backend.drawn[0]
    assert request.prompt.startswith("special_scene, red curtain, 1person")
    assert (request.negative, request.size) == ("daylight", Size(128, 192))
    assert LoraCondition(lights, 0.6) in request.conditions


def test_a_style_whose_lora_is_not_here_is_named_with_it(app, anna, backend, tmp_path):
    write_bytes(app.workspace.styles / "stage.json", STYLE.replace("FAMILY", "miniature").encode())

    with pytest.raises(UnknownScene, match="The style Stage needs a LoRA") as raised:
        photographed(app, tmp_path / "out", drawing=DrawingSettings(style="Stage"))
    assert "There is no scene or object 'lights'." in str(raised.value)
    assert "take it out of the style's file" in raised.value.advice


def test_a_style_for_other_models_is_refused_before_anything_is_opened(app, anna, backend, tmp_path):
    write_bytes(app.workspace.styles / "stage.json", STYLE.replace("FAMILY", "sdxl").encode())
    said = list(backend.said)

    with pytest.raises(WrongFamily, match="The style Stage is for sdxl, not for the miniature"):
        photographed(app, tmp_path / "out", drawing=DrawingSettings(style="Stage"))
    assert backend.said == said


@pytest.mark.parametrize(
    ("drawing", "error"),
    [
        ({"size": "large"}, BadSettings),
        ({"style": "nothing of the kind"}, UnknownStyle),
        ({"pose": "on her head"}, UnknownPose),
    ],
)
def test_what_is_wrong_with_a_drawing_is_said_when_it_is_asked_for(app, anna, drawing, error):
    command = PhotographPersons(("anna",), settings=WORDS, drawing=DrawingSettings(**drawing))

    with pytest.raises(error):
        command.validated(app)


def test_a_pose_holds_the_drawing_as_far_as_the_model_knows_poses(app, anna, backend, tmp_path):
    session = photographed(app, tmp_path / "out", drawing=DrawingSettings(pose="standing", pose_weight=0.6))

    control = backend.drawn[0].controls[0]
    assert (control.kind, control.weight, control.image.size) == ("facepoints", 0.6, (128, 128))
    assert picture_record(session.pictures[0])["drawn"]["controls"] == ["facepoints"]


def test_hires_draws_the_usable_drawing_again_at_one_and_a_half_times_its_size(app, anna, backend, engine, tmp_path):
    engine.on = {10: ()}

    session = photographed(app, tmp_path / "out", drawing=DrawingSettings(hires=True))

    again = backend.painted[0]
    assert [request.seed for request in backend.drawn] == [10, 11]
    assert (again.size, again.denoise, again.seed) == (Size(192, 192), 0.20, 11)
    assert read_picture(session.pictures[0]).size == (192, 192)


def test_without_a_template_and_without_words_both_ways_are_named(app, anna):
    for command in (PhotographPersons(("anna",)), PhotographPersons(("anna",), settings=InferenceSettings(prompt=" "))):
        with pytest.raises(InputError, match="A photograph needs a template, or words from which one is drawn") as said:
            command.validated(app)
        assert "--template" in said.value.advice
        assert "--prompt" in said.value.advice


def test_what_a_template_makes_useless_is_said(app, anna, backend, template, tmp_path):
    context = RecordingContext()

    PhotographPersons(
        ("anna",), (template,), drawing=DrawingSettings(style="Stage", hires=True), out=tmp_path / "out"
    ).run(app, context)

    assert "A template was given, so these settings of a drawing are not used: style, hires." in context.notes
    assert backend.drawn == []


def test_a_picture_of_somebody_stays_when_the_scene_behind_them_is_deleted(app, anna):
    with_scene(app, "room")
    command = PhotographPersons(("anna",), settings=replace(WORDS, scene="room:0.5"))

    assert command.subjects(app.workspace) == Subjects(("anna",))


def test_an_unknown_scene_is_refused_before_the_job_waits(app, anna):
    with_scene(app, "room")

    with pytest.raises(UnknownScene, match="There is no scene or object 'rom'") as refused:
        PhotographPersons(("anna",), settings=replace(WORDS, scene="room:0.5, rom")).validated(app)
    assert "room" in str(refused.value.advice)
    with pytest.raises(WrongKind):
        PhotographPersons(("anna",), settings=replace(WORDS, scene="anna")).validated(app)


def test_few_steps_that_the_painter_lacks_are_refused_before_anything_is_drawn(app, anna, backend, tmp_path):
    with pytest.raises(InputError, match="has no lcm LoRA"):
        photographed(app, tmp_path / "out", replace(WORDS, few_steps="lcm"))
    assert backend.drawn == []


def test_several_persons_on_sd15_with_networks_of_random_weights(tmp_path, monkeypatch, photos):
    """The miniature draws one person; groups are held here by the whole way on small networks of SD 1.5's layout."""
    from easyphoto.backends.local import open_local

    tiny = write_tiny_family(tmp_path / "tiny")
    lora = write_tiny_lora(tmp_path / "tiny.safetensors").read_bytes()
    faces = face_at(Box(120, 30, 190, 110)), face_at(Box(20, 30, 90, 110))
    engine = SeedEngine(always=(face_at(Box(48, 48, 208, 208)),))
    stand_in(monkeypatch, engine, Trainer(content=lora), tmp_path / "base")
    monkeypatch.setattr(
        photograph_series, "open_models",
        lambda app, base, family, engine, settings, progress: PipelineModels(open_local(SD15, tiny), engine, progress),
    )  # fmt: skip
    app = EasyPhoto(Workspace(tmp_path / "workspace"), Options(base="sd15"), mirrors=())
    for name in ("anna", "ben"):
        TrainPerson(name, photo_files(photos)).run(app, NullContext())
    settings = replace(WORDS, first_steps=2, second_steps=2, resolution=128)
    drawing = DrawingSettings(size="208x136", drawing_steps=2)
    engine.always = faces

    made = photographed(app, tmp_path / "out", settings, persons=("anna", "ben"), drawing=drawing)

    record = picture_record(made.pictures[0])
    assert [(seat["face"], seat["sitter"]) for seat in record["seats"]] == [(0, "anna"), (1, "ben")]
    assert [step["pass"] for step in record["passes"]] == [
        "first pass", "second pass", "first pass", "second pass", "joint pass"
    ]  # fmt: skip
    assert record["drawn"]["prompt"].startswith(
        "a violinist on a stage, 2 people, group photo of two people side by side, two faces, looking at viewer"
    )
    assert [each["weight"] for each in record["drawn"]["conditions"]] == [0.125, 0.125]
    drawn, result = read_picture(made.made[0].template), read_picture(made.pictures[0])
    assert drawn.size == result.size == (208, 136)
    assert np.asarray(drawn).std() > 1
