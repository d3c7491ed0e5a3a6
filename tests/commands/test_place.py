"""An object in a template, as a command: what is written, recorded and refused."""

import numpy as np
import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.commands.base import NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.place import PlaceObject
from easyphoto.commands.records import read_command
from easyphoto.errors import BadMask, BadPicture, UnknownScene, WrongFamily, WrongKind
from easyphoto.host.base import ThisMachine
from easyphoto.images.pictures import picture_record, read_picture
from easyphoto.settings.options import Options
from easyphoto.settings.placing import PlacingSettings
from easyphoto.storage.records import read_json
from easyphoto.workspace.person_record import Person
from tests import icc
from tests.fakes import FakeBackend, RecordingContext

BOX = (0.3, 0.3, 0.3, 0.4)
QUICK = PlacingSettings(first_steps=2, second_steps=2)


def learned(app: EasyPhoto, id: str, kind: str = "object", family: str = "miniature") -> Person:
    person = Person(
        id, id.title(), family, "2026-01-01T00:00:00Z", lora="lora.safetensors", base=family, kind=kind,
        words=f"my {id}",
    )  # fmt: skip
    app.workspace.save_person(person)
    (app.workspace.person_folder(id) / "lora.safetensors").write_bytes(b"lora")
    return person


@pytest.fixture
def cup(app) -> Person:
    return learned(app, "cup")


@pytest.fixture
def mask(tmp_path):
    """Of the template's size; a disc of 80 pixels is painted."""
    rows, columns = np.indices((200, 300))
    disc = np.hypot(rows - 100, columns - 150) < 40
    Image.fromarray((disc * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def test_a_placed_object_is_written_with_its_record_and_a_report(app, cup, template, mask, tmp_path):
    settings = PlacingSettings(first_steps=2, second_steps=2, count=2, seed=7)

    made = PlaceObject("Cup", template, mask=mask, settings=settings, out=tmp_path / "out").run(app, NullContext())

    assert [file.name for file in made.pictures] == ["template-cup-7.png", "template-cup-8.png"]
    record = picture_record(made.pictures[0])
    assert (record["kind"], record["persons"], record["seed"]) == ("place", ["cup"], 7)
    assert (record["template"], record["mask"], record["box"]) == ("template.png", "mask.png", None)
    assert record["object"]["words"] == ["my cup"]
    assert record["settings"]["count"] == 2
    with Image.open(made.pictures[0]) as opened:
        assert "compositeWithTrainedAlgorithmicMedia" in opened.info["XML:com.adobe.xmp"]
        assert opened.info["Comment"] == "made with AI"
    report = made.report.read_text("utf-8")
    assert "Cup, placed" in report
    for step in ("mask", "first pass", "composed"):
        assert f"<figcaption>{step}" in report or step in report
    assert read_json(tmp_path / "out" / "photograph.json")["persons"] == ["cup"]


def test_a_box_stands_for_a_mask(app, cup, template, tmp_path):
    by_share = PlaceObject("cup", template, box=BOX, settings=QUICK, out=tmp_path / "a").run(app, NullContext())
    by_pixel = PlaceObject("cup", template, box=(90, 60, 90, 80), settings=QUICK, out=tmp_path / "b").run(
        app, NullContext()
    )

    assert (
        np.asarray(Image.open(by_share.pictures[0])).tobytes() == np.asarray(Image.open(by_pixel.pictures[0])).tobytes()
    )
    assert picture_record(by_share.pictures[0])["box"] == [0.3, 0.3, 0.3, 0.4]


SHINING = np.tile(np.linspace(40, 255, 300), (200, 1)).astype(np.uint8)
FORMS = {
    "plain": (lambda noise: noise, None),
    "Display P3": (lambda noise: noise, icc.rgb_profile(icc.DISPLAY_P3, icc.SRGB_CURVE)),
    "grey with a profile": (lambda noise: noise[..., 0], icc.grey_profile(icc.gamma(2.2))),
    "half transparent": (lambda noise: np.dstack([noise, SHINING]), None),
}


@pytest.mark.parametrize("name", FORMS)
def test_beyond_mask_and_feather_every_value_of_the_template_s_file_stays(app, cup, mask, tmp_path, name):
    noise = np.random.default_rng(5).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    drawn, profile = FORMS[name]
    Image.fromarray(drawn(noise)).save(tmp_path / "garden.png", icc_profile=profile)
    context = RecordingContext()

    made = PlaceObject("cup", tmp_path / "garden.png", mask=mask, settings=QUICK).run(app, context)

    with Image.open(made.pictures[0]) as after, Image.open(tmp_path / "garden.png") as before:
        assert (after.mode, after.size) == (before.mode, before.size)
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        new, old = np.asarray(after), np.asarray(before)
    # 80 px of disc: grown by 3, feathered by 5.
    rows, columns = np.indices((200, 300))
    beyond = np.hypot(rows - 100, columns - 150) > 40 + 3 + 5 + 2
    assert (new[beyond] == old[beyond]).all()
    assert (new[~beyond] != old[~beyond]).mean() > 0.3
    # What the report shows is what the file looks like; what is nearly transparent cannot show all of the paint.
    ((_, _, best),) = context.pictures
    off = np.abs(np.asarray(read_picture(made.pictures[0])).astype(int) - np.asarray(best.image)).mean()
    assert off < 1 or name == "half transparent"


def test_a_template_that_exif_turns_is_painted_as_it_is_seen(app, cup, tmp_path):
    noise = np.random.default_rng(5).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(noise)).save(tmp_path / "lying.png", exif=exif)

    made = PlaceObject("cup", tmp_path / "lying.png", box=(0, 0, 100, 80), settings=QUICK).run(app, NullContext())

    new = np.asarray(Image.open(made.pictures[0]))
    assert new.shape == (200, 300, 3)
    assert (new[100:, 130:] == noise[100:, 130:]).all()
    assert (new[:80, :100] != noise[:80, :100]).mean() > 0.9


def test_an_object_under_transparency_is_said_to_be_unseen(app, cup, mask, tmp_path):
    clear = np.zeros((200, 300, 4), np.uint8)
    clear[:, :40] = 255
    Image.fromarray(clear).save(tmp_path / "clear.png")
    context = RecordingContext()

    PlaceObject("cup", tmp_path / "clear.png", mask=mask, settings=QUICK).run(app, context)

    assert any("transparent, so it cannot be seen" in note for note in context.notes)


def test_the_label_keeps_off_the_object(app, cup, template, tmp_path):
    settings = PlacingSettings(first_steps=2, second_strength=0.0, ai_label=True)
    box = (0.5, 0.5, 0.5, 0.5)

    made = PlaceObject("cup", template, box=box, settings=settings).run(app, NullContext())

    left, top, right, bottom = picture_record(made.pictures[0])["ai_label"]["box"]
    assert right <= 150 or bottom <= 100
    with Image.open(made.pictures[0]) as opened, Image.open(template) as before:
        assert (np.asarray(opened)[top:bottom, left:right] != np.asarray(before)[top:bottom, left:right]).any()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({}, "The place of the object is not said."),
        ({"mask": "mask", "box": BOX}, "The place of the object is said twice."),
        ({"box": (0.9, 0.9, 0.3, 0.3)}, "reaches beyond the template"),
    ],
)
def test_a_place_that_is_none_is_refused_before_anything_is_opened(app, cup, template, mask, monkeypatch, where, said):
    monkeypatch.setattr(ThisMachine, "open_backend", lambda *_: pytest.fail("networks were opened"))
    where = {**where, **({"mask": mask} if "mask" in where else {})}

    for way in ("run", "validated"):
        command = PlaceObject("cup", template, settings=QUICK, **where)
        with pytest.raises(BadMask, match=said):
            command.run(app, NullContext()) if way == "run" else command.validated(app)


def test_a_mask_of_another_size_is_refused_when_it_is_asked_for(app, cup, template, tmp_path):
    Image.new("L", (200, 300), 255).save(tmp_path / "mask.png")

    with pytest.raises(BadMask, match="200×300 pixels, the template 300×200"):
        PlaceObject("cup", template, mask=tmp_path / "mask.png").validated(app)


def test_a_broken_template_is_refused_by_name(app, cup, mask, tmp_path):
    (tmp_path / "garden.png").write_bytes(b"no picture")

    with pytest.raises(BadPicture, match=r"garden\.png"):
        PlaceObject("cup", tmp_path / "garden.png", mask=mask).validated(app)


def test_a_person_is_refused_with_the_verb_for_persons(app, template):
    learned(app, "anna", kind="face")

    for way in ("run", "validated"):
        command = PlaceObject("anna", template, box=BOX)
        with pytest.raises(WrongKind) as refused:
            command.run(app, NullContext()) if way == "run" else command.validated(app)
        assert "easyphoto photograph anna" in refused.value.advice


def test_a_scene_may_be_painted_through_a_mask_too(app, template):
    learned(app, "beach", kind="scene")

    context = RecordingContext()

    made = PlaceObject("beach", template, box=BOX, settings=QUICK).run(app, context)

    assert picture_record(made.pictures[0])["persons"] == ["beach"]
    # The miniature's objects are cut out of what it paints around them; a scene is that itself.
    assert not any("told from its background" in note for note in context.notes)


def test_something_unknown_is_refused_with_what_may_have_been_meant(app, cup, template):
    with pytest.raises(UnknownScene) as refused:
        PlaceObject("cupp", template, box=BOX).validated(app)

    assert "cup" in refused.value.advice


def test_an_object_is_not_painted_by_another_kind_of_model(app, cup, template):
    learned(app, "rex", family="sd15")

    with pytest.raises(WrongFamily):
        PlaceObject("cup", template, box=BOX, options=Options(base="sd15")).run(app, NullContext())


def test_the_networks_are_closed_even_where_painting_fails(app, cup, template, monkeypatch):
    backend = FakeBackend(loras=())
    monkeypatch.setattr(ThisMachine, "open_backend", lambda *_: backend)

    with pytest.raises(Exception, match="no LoRA"):
        PlaceObject("cup", template, box=BOX, settings=QUICK).run(app, NullContext())

    assert backend.closed == 1


def test_what_was_placed_goes_with_the_object(app, cup, template):
    made = PlaceObject("cup", template, box=BOX, settings=QUICK).run(app, NullContext())
    assert made.pictures[0].is_file()

    DeletePerson("cup").run(app, NullContext())

    assert not made.report.parent.exists()


def test_a_record_is_read_back_as_it_was_written(template, mask):
    command = PlaceObject("cup", template, mask=mask, settings=PlacingSettings(count=3))
    boxed = PlaceObject("cup", template, box=(0.1, 0.2, 0.3, 0.4))

    again, box = (read_command(PlaceObject, one.record()) for one in (command, boxed))

    assert (again.name, again.template.name, again.mask.name) == ("cup", "template.png", "mask.png")
    assert again.settings.count == 3
    assert (box.box, box.mask) == ((0.1, 0.2, 0.3, 0.4), None)
    assert command.record()["mask"] == "mask.png"
