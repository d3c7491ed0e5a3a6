"""Photographs of persons: what is written, noted and refused."""

import gc
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from easyphoto.commands.base import NullContext
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.photograph_series import PhotographResult
from easyphoto.commands.taken_template import TemplateResult
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import (
    BadPicture,
    InputError,
    NoFaceFound,
    UnknownPerson,
)
from easyphoto.faces.engine import Likeness
from easyphoto.images.pictures import picture_record, read_picture
from easyphoto.inference import pipeline
from easyphoto.messages import Text
from easyphoto.persons.photo_sources import photo_files
from easyphoto.progress import Cancelled
from easyphoto.report.parts import Gallery, Section
from easyphoto.settings.inference import InferenceSettings
from tests import icc
from tests.commands.doubles import OnePersonEngine
from tests.fakes import RecordingContext, new_person


def test_a_photograph_is_written_with_its_record(app, photos, template, tmp_path):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    session = PhotographPersons(
        ("anna",), (template,), out=tmp_path / "out", settings=InferenceSettings(count=2, seed=7)
    ).run(app, NullContext())

    assert len(session.pictures) == 2
    record = picture_record(session.pictures[0])
    assert record["persons"] == ["anna"]
    assert record["template"] == "template.png"
    assert {picture_record(picture)["seed"] for picture in session.pictures} == {7, 8}
    assert Image.open(session.pictures[0]).size == (300, 200)
    assert session.report.is_file()


def test_a_result_keeps_its_templates_colours_and_says_what_became_of_them(app, photos, tmp_path):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    noise = np.random.default_rng(99).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    wide, grey = icc.rgb_profile(icc.DISPLAY_P3, icc.SRGB_CURVE), icc.grey_profile(icc.gamma(2.2))
    Image.fromarray(noise).save(tmp_path / "wide.png", icc_profile=wide)
    Image.fromarray(noise[..., 0]).save(tmp_path / "grey.png", icc_profile=grey)
    templates = [tmp_path / "wide.png", tmp_path / "grey.png"]

    context = RecordingContext()
    session = PhotographPersons(("anna",), tuple(templates), out=tmp_path / "out").run(app, context)

    made = context.pictures
    assert [file for file, _, _ in made] == list(session.pictures)
    for template, (picture, _, best), profile in zip(templates, made, (wide, grey), strict=True):
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
    assert "grey.png: The template is in shades of grey, and so is the result." in session.all_notes
    assert (np.ptp(np.asarray(made[1][2].image), axis=2) == 0).all()


def test_a_result_says_that_ai_made_it_and_shows_that_where_it_is_asked_for(app, photos, tmp_path):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    noise = np.random.default_rng(99).integers(0, 256, (400, 600, 3)).astype(np.uint8)
    wide = icc.rgb_profile(icc.DISPLAY_P3, icc.SRGB_CURVE)
    Image.fromarray(noise).save(tmp_path / "wide.png", icc_profile=wide)
    Image.fromarray(noise).save(tmp_path / "plain.png")
    templates = (tmp_path / "wide.png", tmp_path / "plain.png")

    def made(name: str, **settings: bool):
        context = RecordingContext()
        command = PhotographPersons(("anna",), templates, out=tmp_path / name, settings=InferenceSettings(**settings))
        command.run(app, context)
        return context.pictures

    for (bare, _, before), (labelled, template, after) in zip(made("off"), made("on", ai_label=True), strict=True):
        with Image.open(bare) as one, Image.open(labelled) as other, Image.open(template) as original:
            assert "compositeWithTrainedAlgorithmicMedia" in one.info["XML:com.adobe.xmp"]
            left, top, right, bottom = picture_record(labelled)["ai_label"]["box"]
            is_label = np.zeros(before.mask.shape, bool)
            is_label[top:bottom, left:right] = True
            changed = (np.asarray(one) != np.asarray(other)).any(axis=2)
            assert changed[is_label].mean() > 0.8
            assert not changed[~is_label].any()
            # Outside the paint, of which the label is part, the template's own bytes stay.
            assert (np.asarray(other)[after.mask == 0] == np.asarray(original)[after.mask == 0]).all()
            assert other.info.get("icc_profile") == original.info.get("icc_profile")
        assert "ai_label" not in (picture_record(bare) or {"ai_label": "there is no record"})
        assert picture_record(labelled)["settings"]["ai_label"] is True


def test_no_picture_stays_in_memory_when_it_is_written(app, photos, template, tmp_path):
    """Twenty templates at their own size would fill it; the report needs them small."""
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    images = []

    class Seeing(NullContext):
        def picture_finished(self, file, template, made):
            images.extend(weakref.ref(stage.image) for stage in made.stages)

    session = PhotographPersons(("anna",), (template,), out=tmp_path / "out").run(app, Seeing())

    gc.collect()
    assert images
    assert [image() for image in images if image() is not None] == []
    shown = [
        figure.image.size for section in session.sections for part in section.parts if isinstance(part, Gallery)
        for figure in part.figures
    ]  # fmt: skip
    assert max(max(size) for size in shown) <= 2 * 380


@pytest.fixture
def alike(monkeypatch):
    """How like the person the next pictures are."""
    cosines = []
    monkeypatch.setattr(pipeline, "likenesses", lambda *_, **__: (Likeness("fake-colours", cosines.pop(0)),))
    return cosines


def test_each_picture_is_written_and_told_before_the_next_is_begun_and_the_best_comes_first_in_the_end(
    app, photos, template, tmp_path, alike
):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    alike += [0.2, 0.9, 0.5]
    told = []

    class Telling(NullContext):
        def step(self, done, total, message="", *, preview=None):
            told.append(str(message))

        def picture_finished(self, file, template, made):
            told.append(f"{file.name} is {'there' if file.is_file() else 'missing'}")

    command = PhotographPersons(
        ("anna",), (template,), out=tmp_path / "out", settings=InferenceSettings(count=3, seed=7, first_steps=1)
    )
    session = command.run(app, Telling())

    painting = [f"seed {seed}: face 1, first pass" for seed in (7, 8, 9)]
    finished = [f"template-anna-{seed}.png is there" for seed in (7, 8, 9)]
    assert [one for one in dict.fromkeys(told) if one in (*painting, *finished)] == [
        said for both in zip(painting, finished, strict=True) for said in both
    ]
    assert [file.name for file in session.pictures] == [f"template-anna-{seed}.png" for seed in (8, 9, 7)]


def test_a_cancelled_series_leaves_the_pictures_that_were_finished(app, photos, template, tmp_path):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    class Impatient(NullContext):
        finished = 0

        def picture_finished(self, file, template, made):
            self.finished += 1

        def check(self):
            if self.finished == 2:
                raise Cancelled

    command = PhotographPersons(("anna",), (template,), out=tmp_path / "out", settings=InferenceSettings(count=4))
    with pytest.raises(Cancelled):
        command.run(app, Impatient())

    left = sorted((tmp_path / "out").glob("*.png"))
    assert len(left) == 2
    assert all(picture_record(file)["persons"] == ["anna"] for file in left)


def test_of_many_pictures_only_the_best_one_s_steps_and_the_first_one_s_stay_in_memory(
    app, photos, template, tmp_path, alike
):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    alike += [0.2, 0.9, 0.5, 0.6]
    steps, alive = [], []

    class Seeing(NullContext):
        def picture_finished(self, file, template, made):
            gc.collect()
            alive.append([step() is not None for step in steps])
            steps.append(weakref.ref(next(stage.image for stage in made.stages if stage.name == "first pass")))

    PhotographPersons(("anna",), (template,), out=tmp_path / "out", settings=InferenceSettings(count=4)).run(
        app, Seeing()
    )

    assert alive == [[], [True], [True, True], [True, True, False]]


def test_a_template_without_a_face_is_noted_and_the_others_are_done(app, photos, template, tmp_path, engine):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    Image.new("RGB", (64, 64)).save(tmp_path / "empty.png")
    detect = engine.detect
    engine.detect = lambda picture: () if picture.size == (64, 64) else detect(picture)

    session = PhotographPersons(("anna",), (tmp_path / "empty.png", template), out=tmp_path / "out").run(
        app, NullContext()
    )

    assert len(session.made) == 1
    assert [said for said in session.notes if said.startswith("empty.png: ")]
    with pytest.raises(NoFaceFound):
        PhotographPersons(("anna",), (tmp_path / "empty.png",), out=tmp_path / "out").run(app, NullContext())


def test_of_several_templates_a_note_says_which_one_it_is_about(app, photos, template, tmp_path):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    Image.open(template).convert("L").save(tmp_path / "grey.png")
    grey = "The template is in shades of grey, and so is the result."
    context = RecordingContext()

    def notes(*templates) -> list[str]:
        context.notes.clear()
        PhotographPersons(("anna",), templates, out=tmp_path / "out").run(app, context)
        return list(context.notes)

    alone, both = notes(tmp_path / "grey.png"), notes(template, tmp_path / "grey.png")
    assert grey in alone
    assert grey not in both
    of_one = next(said for said in both if said == f"grey.png: {grey}")
    alone_one = next(said for said in alone if said == grey)
    assert isinstance(of_one, Text)
    assert isinstance(alone_one, Text)
    assert of_one.code == alone_one.code
    # What holds for all is said once, as for one.
    shutil.copy(tmp_path / "grey.png", tmp_path / "same.png")
    assert notes(tmp_path / "grey.png", tmp_path / "same.png") == alone
    # Templates of two folders are told apart.
    (tmp_path / "far").mkdir()
    Image.open(template).convert("L").save(tmp_path / "far" / "template.png")
    assert f"far-template.png: {grey}" in notes(template, tmp_path / "far" / "template.png")


def test_somebody_unknown_or_not_trained_is_refused(app, template, tmp_path):
    new_person(app.workspace, "ben")

    with pytest.raises(UnknownPerson):
        PhotographPersons(("anna",), (template,), out=tmp_path / "out").run(app, NullContext())
    with pytest.raises(InputError, match="not trained"):
        PhotographPersons(("ben",), (template,), out=tmp_path / "out").run(app, NullContext())
    assert not (tmp_path / "out").exists()


def test_an_unreadable_template_is_named_before_anything_is_made(app, photos, tmp_path):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    (tmp_path / "text.jpg").write_text("dear diary")

    with pytest.raises(BadPicture, match=r"text\.jpg"):
        PhotographPersons(("anna",), (tmp_path / "text.jpg",), out=tmp_path / "out").run(app, NullContext())

    assert not (tmp_path / "out").exists()


class Standing(OnePersonEngine):
    """Finds the face only where the picture stands upright: with its red corner at the upper left."""

    def detect(self, picture):
        is_upright = tuple(np.asarray(picture.convert("RGB"))[0, 0]) == (255, 0, 0)
        return super().detect(picture) if is_upright else ()


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_lying_template_is_painted_upright_and_the_result_lies_as_it_does(app, photos, tmp_path, engine, rotation):
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())
    noise = np.random.default_rng(99).integers(0, 256, (200, 300, 4)).astype(np.uint8)
    noise[..., 3] = 200
    noise[0, 0] = (255, 0, 0, 255)
    upright = Image.fromarray(noise)
    upright.save(tmp_path / "upright.png")
    lying = upright.rotate(rotation, expand=True)
    lying.save(tmp_path / "lying.png")
    engine.__class__ = Standing

    made = [
        PhotographPersons(("anna",), (tmp_path / name,), out=tmp_path / name[:-4]).run(app, NullContext())
        for name in ("upright.png", "lying.png")
    ]

    one, other = (Image.open(session.pictures[0]) for session in made)
    assert other.size == lying.size
    assert other.rotate(-rotation, expand=True).tobytes() == one.tobytes()
    assert not any(note.code == "template-lies" for note in made[0].all_notes if isinstance(note, Text))
    assert f"The template lies turned by {360 - rotation}°: its faces were painted upright" in " ".join(
        made[1].all_notes
    )


def test_a_note_on_many_templates_names_three_and_counts_the_others():
    made = [
        TemplateResult(Path(f"{number}.png"), (), ("It is grey.",) if number < 99 else (), {}, Section("", ()))
        for number in range(100)
    ]

    assert PhotographResult(tuple(made), Path("r")).all_notes == ("0.png, 1.png, 2.png and 96 more: It is grey.",)
