"""Whether a person is photographed or drawn: decided at their training, kept with them, asked at every photograph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto import app as app_module
from easyphoto.app import EasyPhoto
from easyphoto.commands import photograph_series, training
from easyphoto.commands.add_person import AddPerson
from easyphoto.commands.base import NullContext
from easyphoto.commands.engines import domain_of, faces_of
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import MixedDomains
from easyphoto.faces.engine import Domain, Face
from easyphoto.faces.paired_engine import PairedEngine
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture
from easyphoto.inference.session import PipelineModels
from easyphoto.persons.photo_sources import photo_files
from easyphoto.progress import NullProgress
from easyphoto.settings.inference import InferenceSettings
from easyphoto.settings.options import Options
from easyphoto.storage.records import read_json, write_json
from easyphoto.workspace.folders import Workspace
from tests.commands.doubles import OnePersonEngine, Trainer
from tests.fakes import FakeBackend, face_at

DRAWINGS, PHOTOGRAPHS = Domain.DRAWINGS, Domain.PHOTOGRAPHS


class Kinds:
    """Both engines. Pictures are drawn where the file's name says so; what was opened for what is remembered."""

    def __init__(self) -> None:
        self.chosen: list[list[str]] = []
        self.opened: list[str] = []

    def of(self, domain: Domain) -> OnePersonEngine:
        return OnePersonEngine(id=domain.value, domain=domain)

    def choose(self, pictures, *_, **__) -> OnePersonEngine:
        self.chosen.append([picture.name for picture in pictures])
        return self.of(DRAWINGS if "drawn" in pictures[0].as_posix() else PHOTOGRAPHS)

    def open(self, name: str, *_, **__) -> OnePersonEngine:
        self.opened.append(name)
        return self.of(Domain(name))


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> Kinds:
    made = Kinds()
    monkeypatch.setattr(app_module, "choose_engine", made.choose)
    monkeypatch.setattr(app_module, "open_engine", made.open)
    return made


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kinds: Kinds) -> EasyPhoto:
    """Ann was photographed, Dora drawn; nothing of their trainings is remembered."""
    (tmp_path / "base").mkdir()
    monkeypatch.setattr(training, "run_training", Trainer())
    monkeypatch.setattr(
        photograph_series,
        "open_models",
        lambda app, base, family, engine, *_: PipelineModels(FakeBackend(), engine, NullProgress()),
    )
    monkeypatch.setattr(EasyPhoto, "base_model", lambda self: (self.family, tmp_path / "base"))
    app = EasyPhoto(Workspace(tmp_path / "workspace"), mirrors=())
    for name, kind in (("ann", "photographed"), ("dora", "drawn")):
        TrainPerson(name, photo_files(album(tmp_path / kind))).run(app, NullContext())
    kinds.chosen.clear()
    kinds.opened.clear()
    return app


def album(folder: Path) -> Path:
    folder.mkdir()
    for seed in range(3):
        picture(seed).save(folder / f"{seed}.png")
    return folder


def picture(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    return as_picture(noise).resize((256, 256), Image.Resampling.NEAREST)


@pytest.fixture
def drawn_template(tmp_path: Path) -> Path:
    picture(9).save(tmp_path / "drawn-template.png")
    return tmp_path / "drawn-template.png"


def test_a_training_keeps_what_the_persons_photos_are(app: EasyPhoto) -> None:
    assert [(person.id, person.domain) for person in app.workspace.list_persons()] == [
        ("ann", "photographs"),
        ("dora", "drawings"),
    ]


def test_the_persons_photos_choose_the_engine_and_no_template_does(
    app: EasyPhoto, kinds: Kinds, drawn_template: Path
) -> None:
    made = PhotographPersons(("ann",), (drawn_template,)).run(app, NullContext())

    assert made.made[0].best.made_by["engine"] == "photographs"
    assert kinds.opened == ["photographs"]
    assert kinds.chosen == []


def test_a_photographed_and_a_drawn_person_are_not_put_into_one_picture(app: EasyPhoto, drawn_template: Path) -> None:
    with pytest.raises(MixedDomains, match=r"ann of photographs, dora of drawings\. .* one at a time, or .* --engine"):
        PhotographPersons(("ann", "dora"), (drawn_template,)).run(app, NullContext())


def test_who_says_which_engine_is_not_asked_about_the_persons(app: EasyPhoto, drawn_template: Path) -> None:
    made = PhotographPersons(("ann",), (drawn_template,)).run(
        replace(app, options=Options(engine="drawings")), NullContext()
    )

    assert made.made[0].best.made_by["engine"] == "drawings"


def as_before(app: EasyPhoto, id: str, *, engine: str) -> None:
    """The records as they were written before: who analysed the photos stood in the training's only."""
    file = app.workspace.person_folder(id) / "person.json"
    record = read_json(file)
    del record["domain"]
    write_json(file, record)
    run = app.workspace.runs / record["run"] / "run.json"
    write_json(run, {**read_json(run), "engine": engine})


def test_of_a_person_of_before_the_photos_decide_and_not_who_analysed_them_then(app: EasyPhoto, kinds: Kinds) -> None:
    as_before(app, "ann", engine="drawings")

    assert app.workspace.person("ann").domain is None
    assert domain_of(app, ["ann"]) == "photographs"
    assert [sorted(names) for names in kinds.chosen] == [["0.png", "1.png", "2.png"]]
    assert app.workspace.person("ann").domain == "photographs"


def test_a_renamed_person_stays_what_they_are(app: EasyPhoto) -> None:
    RenamePerson("ann", "Änne", new_id="aenne").run(app, NullContext())

    assert app.workspace.person("aenne").domain == "photographs"


def test_a_templates_faces_are_numbered_as_the_persons_photograph_will(
    app: EasyPhoto, kinds: Kinds, drawn_template: Path
) -> None:
    faces_of(app, drawn_template, domain="photographs")
    faces_of(app, drawn_template)

    assert kinds.opened == ["photographs"]
    assert kinds.chosen == [["drawn-template.png"]]
    assert domain_of(app, []) is None


def looks_by_size(image: Image.Image, face: Face) -> Domain:
    """Small pictures are drawn."""
    return DRAWINGS if image.width < 200 else PHOTOGRAPHS


def paired(*, embedder: str | None = "fake-colours") -> PairedEngine:
    faces = (face_at(Box(60, 60, 140, 140)),)
    own = OnePersonEngine(faces, id="drawings", domain=DRAWINGS, embedder=embedder)
    return PairedEngine(own, lambda: OnePersonEngine(faces, domain=PHOTOGRAPHS), looks_by_size)


@pytest.mark.parametrize("embedder", ["fake-colours", None])
def test_no_likeness_is_told_of_a_face_of_another_kind_and_that_is_said(
    app: EasyPhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedder: str | None
) -> None:
    monkeypatch.setattr(app_module, "open_engine", lambda *_, **__: paired(embedder=embedder))
    picture(9).save(tmp_path / "photographed-template.png")

    made = PhotographPersons(
        ("dora",), (tmp_path / "photographed-template.png",), settings=InferenceSettings(retouch=False)
    ).run(app, NullContext())

    said = "looks photographed, while the person's photos are treated as drawings"
    said += ": its likeness cannot be measured." if embedder else "."
    assert made.made[0].before is None
    assert made.made[0].best.likeness == (None,)
    assert f"Face 1 from the left on the template {said}" in made.made[0].notes
    assert f"Face 1 from the left on the result {said}" in made.made[0].notes
    assert (
        "If the person's photos are photographs, say so: --engine photographs (in the tab: Kind of pictures; in "
        in (" ".join(made.made[0].notes))
    )
    assert "The likeness of the result could not be measured." in made.made[0].notes


def test_sessions_of_one_kind_say_nothing_about_kinds(app: EasyPhoto, drawn_template: Path) -> None:
    made = PhotographPersons(("dora",), (drawn_template,)).run(app, NullContext())

    assert not [note for note in made.all_notes if "looks" in note]
    assert photograph_series.SESSION_FILE in {file.name for file in made.report.parent.iterdir()}


def test_who_was_only_added_has_the_kind_of_their_photos(app: EasyPhoto, kinds: Kinds, tmp_path: Path) -> None:
    for name, kind in (("eva", "photographed-2"), ("fay", "drawn-2")):
        AddPerson(name, photo_files(album(tmp_path / kind))).run(app, NullContext())
    kinds.chosen.clear()

    assert [domain_of(app, [name]) for name in ("eva", "fay")] == ["photographs", "drawings"]
    assert kinds.chosen == []
    with pytest.raises(MixedDomains, match=r"ann of photographs, fay of drawings"):
        domain_of(app, ["ann", "fay"])
