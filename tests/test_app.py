"""The verbs: what they write, what they leave alone when something fails, and what goes when a person goes."""

import gc
import json
import weakref
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto import app as app_module
from easyphoto.app import EasyPhoto, TrainingCallbacks
from easyphoto.errors import (
    BadName,
    BadPicture,
    BadReference,
    DiskFailure,
    Diverged,
    InputError,
    NoFaceFound,
    TooFewPhotos,
    UnknownPerson,
)
from easyphoto.host.base import ThisMachine
from easyphoto.images.pictures import as_array, as_picture, picture_record, read_picture, write_picture
from easyphoto.inference.pipeline import PipelineModels
from easyphoto.progress import Cancelled, NullProgress
from easyphoto.report.parts import Gallery
from easyphoto.settings import InferenceSettings, Options, WeightSettings
from easyphoto.storage.records import read_json
from easyphoto.training.events import Done, Event, MemoryPlanned, Sample, Step, to_line
from easyphoto.training.run import TrainRun
from easyphoto.workspace.folders import Workspace
from tests import icc
from tests.fakes import FakeBackend, FakeEngine


@dataclass
class OnePersonEngine(FakeEngine):
    """Everybody is the same person."""

    def embed(self, picture, face):
        return np.array([1, 0], np.float32) if self.embedder else None


@dataclass
class Trainer:
    """Writes what a training leaves, or fails; remembers the runs."""

    error: BaseException | None = None
    content: bytes = b"lora one"

    def __call__(self, folder, progress, *, on_event, python=None):
        if self.error is not None:
            raise self.error
        on_event(MemoryPlanned("everything fits", 4, False, False, "float32", 100, 1000))
        (folder / "lora.safetensors").write_bytes(self.content)
        write_picture(folder / "portrait.png", Image.new("RGB", (128, 128), "tan"))
        done = Done("", "", "", 2, 0.8, 0.8, 0.7, {"2": 1.0}, 0.01, "fake-colours", ("a note",), {"train": 1.5})
        events: list[Event] = [Step(step, 2, 0.1, 1e-4, 0.1, 0.0, 10) for step in (1, 2)]
        events += [Sample(2, "portrait.png", 0, 0.8), done]
        (folder / "events.jsonl").write_text("\n".join(to_line(event) for event in events))
        return Result(folder / "lora.safetensors", folder / "portrait.png")


@dataclass
class Result:
    lora: Path
    portrait: Path


@pytest.fixture
def engine():
    return OnePersonEngine()


@pytest.fixture
def trainer():
    return Trainer()


@pytest.fixture
def app(tmp_path, monkeypatch, engine, trainer):
    base = tmp_path / "base"
    base.mkdir()
    monkeypatch.setattr(app_module, "choose_engine", lambda *_: engine)
    monkeypatch.setattr(app_module, "open_engine", lambda *_: engine)
    monkeypatch.setattr(app_module, "run_training", trainer)
    monkeypatch.setattr(
        app_module, "open_models", lambda *_, **__: PipelineModels(FakeBackend(), engine, NullProgress())
    )
    monkeypatch.setattr(EasyPhoto, "_base", lambda self: (self._family(), base))
    return EasyPhoto(Workspace(tmp_path / "workspace"), mirrors=())


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(5):
        noise = np.random.default_rng(seed).integers(0, 256, (16, 16, 3)).astype(np.uint8)
        as_picture(noise).resize((256, 256), Image.Resampling.NEAREST).save(folder / f"{seed}.png")
    return folder


@pytest.fixture
def template(tmp_path):
    noise = np.random.default_rng(99).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    as_picture(noise).save(tmp_path / "template.png")
    return tmp_path / "template.png"


def everything(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_training_leaves_a_person_who_is_ready(app, photos):
    made = app.train("Anna", photos)

    folder = app.workspace.persons / "anna"
    assert made.person == app.workspace.person("anna")
    assert made.lora == folder / "lora.safetensors"
    assert {path.name for path in folder.iterdir()} == {
        "person.json", "photos", "dataset", "portrait.png", "lora.safetensors"
    }  # fmt: skip
    assert len(list((folder / "photos").iterdir())) == len(made.check.kept) == 5
    # The fake crops are all of one colour: the portrait is just as alike as every photo.
    assert made.person.likeness == {
        "embedder": "fake-colours", "cosine": 1.0, "percentile": 50.0, "strangers": 100.0
    }  # fmt: skip
    assert made.report == made.run_folder / "report.html"
    assert (made.run_folder / "report.png").is_file()
    assert not (made.run_folder / "person").exists()


def test_the_reference_that_was_chosen_is_trained_with_and_kept_when_the_training_is_gone_on_with(app, photos, trainer):
    started = []
    trainer.error = Cancelled()
    with pytest.raises(Cancelled):
        app.train("anna", photos, reference="3.png", watch=TrainingCallbacks(started=started.append))
    trainer.error = None

    made = app.resume(started[0].name)

    verdicts = read_json(made.run_folder / "verdicts.json")
    assert (verdicts["reference"], verdicts["reference_chosen"]) == ("3.png", True)
    dataset = app.workspace.persons / "anna" / "dataset"
    assert read_json(dataset / "dataset.json")["reference_photo"] == "3.png"
    assert (
        as_array(read_picture(dataset / "reference.png")).tolist() == as_array(read_picture(photos / "3.png")).tolist()
    )


def test_a_reference_that_is_not_there_stops_a_training_before_it_writes(app, photos):
    with pytest.raises(BadReference, match=r"other\.png is not among the 5 photos"):
        app.train("anna", photos, reference="other.png")

    assert not app.workspace.runs.exists()


def test_the_plan_is_said_before_the_first_step(app, photos):
    said = []

    app.train("anna", photos, watch=TrainingCallbacks(event=said.append))

    assert [event.text for event in said if isinstance(event, MemoryPlanned)] == ["everything fits"]


def test_a_run_that_was_cut_off_is_gone_on_with_without_the_original_photos(app, photos, trainer):
    started = []
    trainer.error = Cancelled()
    with pytest.raises(Cancelled):
        app.train("Anna Meyer".replace(" ", "-"), photos, watch=TrainingCallbacks(started=started.append))
    for photo in photos.iterdir():
        photo.unlink()
    trainer.error = None

    made = app.resume(started[0].name)

    assert made.person.name == "Anna-Meyer"
    assert made.person.is_ready
    assert len(made.person.photos) == 5
    assert (app.workspace.persons / "anna-meyer" / "lora.safetensors").read_bytes() == b"lora one"


@pytest.mark.parametrize("name", ["../persons", "nothing", "", "."])
def test_only_a_run_can_be_resumed(app, name):
    with pytest.raises(InputError):
        app.resume(name)


@dataclass(frozen=True)
class LendingHost(ThisMachine):
    """Remembers what it was asked for."""

    said: list = field(default_factory=list)

    def trainer(self, workspace):
        self.said.append("trainer")
        return Path("/python")

    @contextmanager
    def lent_device(self, what_for):
        self.said.append(f"lent for {what_for}")
        try:
            yield
        finally:
            self.said.append("given back")

    def publish(self, lora):
        self.said.append(f"published {lora.read_bytes().decode()}")
        return Path("/host") / "easyphoto-anna.safetensors"

    def withdraw(self, lora):
        self.said.append(f"withdrawn {lora.read_bytes().decode()}")
        return Path("/host") / "easyphoto-anna.safetensors"


def test_the_host_lends_its_device_for_the_training_only_and_lists_the_lora(app, photos):
    host = LendingHost()

    made = replace(app, host=host).train("anna", photos)

    assert host.said == ["trainer", "lent for the training of anna", "given back", "published lora one"]
    assert made.published == Path("/host/easyphoto-anna.safetensors")


def test_who_is_trained_again_leaves_no_earlier_lora_in_the_hosts_folder(app, photos, trainer):
    host = LendingHost()
    app = replace(app, host=host)
    app.train("anna", photos)
    trainer.content = b"lora two"

    app.train("anna", photos)

    assert host.said[-3:] == ["withdrawn lora one", "given back", "published lora two"]


def test_an_earlier_lora_is_listed_again_where_the_new_person_cannot_be_installed(app, photos, monkeypatch):
    host = LendingHost()
    app = replace(app, host=host)
    app.train("anna", photos)
    monkeypatch.setattr("easyphoto.app.install_person", lambda *_, **__: (_ for _ in ()).throw(DiskFailure("full")))

    with pytest.raises(DiskFailure):
        app.train("anna", photos)

    assert host.said[-3:] == ["withdrawn lora one", "published lora one", "given back"]


@dataclass(frozen=True)
class FullHost(LendingHost):
    """Its LoRA folder can neither be written nor cleared."""

    def publish(self, lora):
        raise DiskFailure("The disk is full.")

    def withdraw(self, lora):
        raise DiskFailure("The file is in use.")


def test_a_lora_that_cannot_be_listed_or_taken_away_is_a_note_and_no_failed_training(app, photos):
    app = replace(app, host=FullHost())
    app.train("anna", photos)

    made = app.train("anna", photos)

    assert made.published is None
    assert made.person.notes[-2:] == (
        "The LoRA of the earlier training is still in the web UI's list. The file is in use.",
        "The LoRA is not in the web UI's list yet. The disk is full.",
    )
    assert app.workspace.person("anna").notes == made.person.notes


def test_a_host_that_cannot_take_its_device_back_does_not_cost_the_training(app, photos):
    class Stuck(LendingHost):
        @contextmanager
        def lent_device(self, what_for):
            yield
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        replace(app, host=Stuck()).train("anna", photos)

    assert app.workspace.person("anna").is_ready


def test_the_host_gets_its_device_back_when_a_training_fails(app, photos, trainer):
    trainer.error = Diverged("no number")
    host = LendingHost()

    with pytest.raises(Diverged):
        replace(app, host=host).train("anna", photos)

    assert host.said[-2:] == ["lent for the training of anna", "given back"]


def test_who_is_deleted_goes_from_the_hosts_folder_too(app, photos):
    host = LendingHost()
    app = replace(app, host=host)
    app.train("anna", photos)

    gone = app.delete("anna").gone

    assert host.said[-1] == "withdrawn lora one"
    assert Path("/host/easyphoto-anna.safetensors") in gone


def test_a_training_is_told_whole_paths_because_it_works_in_another_folder(app, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    near = replace(app, workspace=Workspace(Path("near")), options=Options(weights=WeightSettings(webui="webui")))
    near = replace(near, mirrors=(Path("mirror"),))

    run_folder = near.train("anna", photos).run_folder
    run = TrainRun.read(run_folder / "run.json")

    # A workspace may be moved, so what lies in it is named as seen from the run.
    assert (run.dataset, run.weights) == ("dataset", "../../weights")
    assert (run_folder / run.weights).resolve() == tmp_path / "near" / "weights"
    assert run.weight_settings.webui == str(tmp_path / "webui")
    assert run.mirrors == (str(tmp_path / "mirror"),)


@pytest.mark.parametrize(
    "error", [Diverged("no number"), Cancelled(), KeyboardInterrupt(), OSError(28, "full")], ids=repr
)
def test_a_failed_training_leaves_the_person_as_before(app, photos, trainer, error):
    app.train("anna", photos)
    before = everything(app.workspace.persons)
    trainer.error = error

    with pytest.raises(type(error)):
        app.train("anna", photos)

    assert everything(app.workspace.persons) == before


def test_a_failed_first_training_leaves_nobody(app, photos, trainer):
    trainer.error = Diverged("no number")

    with pytest.raises(Diverged):
        app.train("anna", photos)

    assert app.persons() == ()


def test_a_swap_that_fails_puts_the_person_back(app, photos, monkeypatch):
    import os

    app.train("anna", photos)
    before = everything(app.workspace.persons)
    place, rename = app.workspace.persons / "anna", os.rename

    def fails_on_the_new(source, target):
        if Path(target) == place and Path(source).name == "person":
            raise OSError(5, "input/output")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fails_on_the_new)
    with pytest.raises(Exception, match="could not be replaced"):
        app.train("anna", photos)

    assert everything(app.workspace.persons) == before


def test_a_second_training_replaces_the_first_and_keeps_the_day(app, photos, trainer):
    first = app.train("Anna", photos)
    trainer.content = b"lora two"

    second = app.train("anna", photos)

    assert second.lora.read_bytes() == b"lora two"
    assert (second.person.name, second.person.created) == ("Anna", first.person.created)
    assert second.person.run != first.person.run


@pytest.mark.parametrize("name", ["../anna", "a/b", "", "con"])
def test_a_path_like_name_is_refused_before_anything_is_written(app, photos, name):
    with pytest.raises(BadName):
        app.train(name, photos)

    assert not app.workspace.root.exists()


def test_photos_without_a_face_are_too_few_and_say_why(app, photos, engine):
    engine.faces = ()

    with pytest.raises(TooFewPhotos, match="5 × no face"):
        app.train("anna", photos)

    assert app.persons() == ()


def test_no_photos_and_no_folder_are_different_errors(app, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(TooFewPhotos):
        app.check(tmp_path / "empty")
    with pytest.raises(InputError, match="no folder"):
        app.check(tmp_path / "nowhere")


def test_a_photograph_is_written_with_its_record(app, photos, template, tmp_path):
    app.train("anna", photos)

    session = app.photograph(["anna"], [template], tmp_path / "out", settings=InferenceSettings(count=2, seed=7))

    assert len(session.pictures) == 2
    record = picture_record(session.pictures[0])
    assert record["persons"] == ["anna"]
    assert record["template"] == "template.png"
    assert {picture_record(picture)["seed"] for picture in session.pictures} == {7, 8}
    assert Image.open(session.pictures[0]).size == (300, 200)
    assert session.report.is_file()
    assert (tmp_path / "out" / "report.png").is_file()


def test_a_result_keeps_its_templates_colours_and_says_what_became_of_them(app, photos, tmp_path):
    app.train("anna", photos)
    noise = np.random.default_rng(99).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    wide, grey = icc.rgb_profile(icc.DISPLAY_P3, icc.SRGB_CURVE), icc.grey_profile(icc.gamma(2.2))
    Image.fromarray(noise).save(tmp_path / "wide.png", icc_profile=wide)
    Image.fromarray(noise[..., 0]).save(tmp_path / "grey.png", icc_profile=grey)
    templates = [tmp_path / "wide.png", tmp_path / "grey.png"]

    made = []
    session = app.photograph(
        ["anna"], templates, tmp_path / "out", finished=lambda file, _, photograph: made.append((file, photograph))
    )

    assert [file for file, _ in made] == list(session.pictures)
    for template, (picture, best), profile in zip(templates, made, (wide, grey), strict=True):
        with Image.open(picture) as opened, Image.open(template) as before:
            untouched = best.mask == 0
            assert opened.info["icc_profile"] == profile
            assert (np.asarray(opened)[untouched] == np.asarray(before)[untouched]).all()
            assert (np.asarray(opened)[~untouched] != np.asarray(before)[~untouched]).any()
        assert picture_record(picture)["persons"] == ["anna"]
        # What the report shows is what the file looks like.
        shown = np.asarray(read_picture(picture)).astype(int) - np.asarray(best.image)
        assert np.abs(shown[best.mask == 1]).mean() < 1
        assert best.stages[-1].image is best.image
    assert "The template is in shades of grey, and so is the result." in session.all_notes
    assert (np.ptp(np.asarray(made[1][1].image), axis=2) == 0).all()


def test_no_picture_stays_in_memory_when_it_is_written(app, photos, template, tmp_path):
    """Twenty templates at their own size would fill it; the report needs them small."""
    app.train("anna", photos)
    images = []

    def finished(file, _, photograph):
        images.extend(weakref.ref(stage.image) for stage in photograph.stages)

    session = app.photograph(["anna"], [template], tmp_path / "out", finished=finished)

    gc.collect()
    assert images
    assert [image() for image in images if image() is not None] == []
    shown = [
        figure.image.size for section in session.sections for part in section.parts if isinstance(part, Gallery)
        for figure in part.figures
    ]  # fmt: skip
    assert max(max(size) for size in shown) <= 2 * 380


def test_a_template_without_a_face_is_noted_and_the_others_are_done(app, photos, template, tmp_path, engine):
    app.train("anna", photos)
    Image.new("RGB", (64, 64)).save(tmp_path / "empty.png")
    detect = engine.detect
    engine.detect = lambda picture: () if picture.size == (64, 64) else detect(picture)

    session = app.photograph(["anna"], [tmp_path / "empty.png", template], tmp_path / "out")

    assert len(session.made) == 1
    assert session.notes
    with pytest.raises(NoFaceFound):
        app.photograph(["anna"], [tmp_path / "empty.png"], tmp_path / "out")


def test_somebody_unknown_or_not_trained_is_refused(app, template, tmp_path):
    app.workspace.new_person("ben", "miniature")

    with pytest.raises(UnknownPerson):
        app.photograph(["anna"], [template], tmp_path / "out")
    with pytest.raises(InputError, match="not trained"):
        app.photograph(["ben"], [template], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unreadable_template_is_named_before_anything_is_made(app, photos, tmp_path):
    app.train("anna", photos)
    (tmp_path / "text.jpg").write_text("dear diary")

    with pytest.raises(BadPicture, match=r"text\.jpg"):
        app.photograph(["anna"], [tmp_path / "text.jpg"], tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_person_goes_with_runs_and_results(app, photos, template, tmp_path):
    for name in ("anna", "ben"):
        app.train(name, photos)
        app.photograph([name], [template])
    app.photograph(["anna"], [template], tmp_path / "mine")

    app.delete("anna")

    left = [json.loads(path.read_text()).get("person", "") for path in app.workspace.root.rglob("run.json")]
    assert [person.id for person in app.persons()] == ["ben"]
    assert left == ["ben"]
    assert not any("anna" in path.name for path in app.workspace.root.rglob("*"))
    # What somebody put elsewhere is theirs.
    assert (tmp_path / "mine" / "report.html").is_file()


def test_an_export_holds_the_whole_person(app, photos, tmp_path):
    made = app.train("anna", photos)

    target = app.export("anna", tmp_path / "anna.zip")

    with zipfile.ZipFile(target) as archive:
        assert archive.read("anna/lora.safetensors") == made.lora.read_bytes()
        assert "anna/person.json" in archive.namelist()


def test_an_engine_without_an_embedder_is_said(app, photos, engine):
    engine.embedder = None

    made = app.train("anna", photos)

    assert made.person.likeness is None
    assert any("identity not checked" in note for note in made.person.notes)
