from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from easyphoto import app as app_module
from easyphoto.app import EasyPhoto
from easyphoto.errors import InputError, MissingCapability, NoFaceFound, UnknownPerson
from easyphoto.faces.engine import Covering
from easyphoto.geometry import Box
from easyphoto.images.pictures import as_picture
from easyphoto.inference.identities.lora import TrainedLora
from easyphoto.inference.subject import Subject
from easyphoto.settings.inference import InferenceSettings
from easyphoto.webui import insert
from easyphoto.webui.script_request import ScriptRequest
from easyphoto.workspace.folders import Workspace
from easyphoto.workspace.person_record import Person
from tests.fakes import FakeEngine, face_at
from tests.webui.fake_host.loras import write_lora

QUICK = InferenceSettings(first_steps=4, second_steps=4, resolution=64, retouch=False)


@pytest.fixture
def picture():
    noise = np.random.default_rng(99).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    return as_picture(noise).resize((256, 192), Image.Resampling.NEAREST)


@pytest.fixture
def app(tmp_path, picture, monkeypatch):
    """A workspace with anna, trained on a checkpoint `elsewhere`; FakeEngine sees a face in every picture."""
    workspace = Workspace(tmp_path / "workspace")
    workspace.save_person(
        Person("anna", "Anna", "sd15", "2026-01-01T00:00:00Z", reference="r.png", lora="l.safetensors")
    )
    lora = write_lora(tmp_path / "anna.safetensors", salt="anna")
    subject = Subject("Anna", reference=picture, identities=(TrainedLora(lora),))
    monkeypatch.setattr(app_module, "open_engine", lambda *_, **__: FakeEngine())
    monkeypatch.setattr(app_module, "choose_engine", lambda *_, **__: FakeEngine())
    monkeypatch.setattr(insert, "subject_from", lambda *_, **__: subject)
    return EasyPhoto(workspace, mirrors=())


def job(there, **more):
    """What the host is busy with: its queue is held."""
    said = {"seeds": [11, 12], "batch_index": 1, "tiling": False, "get_token_merging_ratio": lambda: 0.0}
    return SimpleNamespace(scripts=there.txt2img, sd_model=there.sd_model, **(said | more))


def test_the_person_is_painted_while_the_hosts_queue_is_held_for_the_outer_picture(host, app, picture):
    there = host()

    with there.lock:
        made = insert.put_into(app, job(there), picture, ScriptRequest("anna", QUICK))

    assert made.image.size == picture.size
    assert np.asarray(made.image).tobytes() != np.asarray(picture).tobytes()
    assert len(there.requests) == 2
    assert there.lock.taken == 1


def test_it_is_painted_with_the_checkpoint_that_the_host_paints_with(host, app, picture):
    there = host()
    there.options.data["sd_model_checkpoint"] = there.checkpoints.aliases["other"].title
    there.checkpoints.reload()
    there.checkpoints.loads.clear()

    with there.lock:
        insert.put_into(app, job(there), picture, ScriptRequest("anna", QUICK))

    assert there.checkpoints.loads == []
    assert there.sd_model.sd_checkpoint_info.name == "other.safetensors"


@pytest.mark.parametrize(
    ("wanted", "seed"), [(ScriptRequest("anna", QUICK), 12), (ScriptRequest("anna", QUICK, has_seed=True), 0)]
)
def test_the_seed_is_the_outer_pictures_unless_one_was_asked_for(host, app, picture, wanted, seed):
    there = host()

    with there.lock:
        made = insert.put_into(app, job(there), picture, wanted)

    assert made.seed == seed


def test_the_hosts_progress_is_left_as_it_was(host, app, picture):
    there = host()
    there.state.begin(job="txt2img")
    there.state.job_no, there.state.job_count, there.state.sampling_step = 3, 8, 17
    before = there.state.snapshot()

    with there.lock:
        insert.put_into(app, job(there), picture, ScriptRequest("anna", QUICK))

    assert there.state.snapshot() == before


def test_a_checkpoint_of_another_family_is_refused_in_words(host, app, picture):
    there = host()
    there.add_checkpoint("large", family="sdxl")
    there.options.data["sd_model_checkpoint"] = there.checkpoints.aliases["large"].title

    with there.lock, pytest.raises(MissingCapability, match=r"large\.safetensors is a"):
        insert.put_into(app, job(there), picture, ScriptRequest("anna", QUICK))


def test_of_two_faces_the_portrait_is_taken_and_the_passer_by_to_its_left_stays(host, app, picture, monkeypatch):
    there = host()
    passer_by, portrait = face_at(Box(4, 8, 40, 53), score=1.0), face_at(Box(130, 40, 230, 165), score=0.8)
    monkeypatch.setattr(app_module, "open_engine", lambda *_, **__: FakeEngine(faces=(portrait, passer_by)))

    with there.lock:
        made = insert.put_into(app, job(there), picture, ScriptRequest("anna", QUICK))

    changed = np.asarray(made.image) != np.asarray(picture)
    assert changed[40:165, 130:230].any()
    assert not changed[:, :45].any()
    assert "Face 1 from the left stays as it is: nobody was assigned to it." in made.notes


def test_the_reason_for_a_covered_face_is_said_and_nothing_is_painted(host, app, picture, monkeypatch):
    there = host()
    box = Box(64, 40, 192, 168)
    engine = FakeEngine(faces=(face_at(box),), covered=((box, Covering(mouth=True)),))
    monkeypatch.setattr(app_module, "open_engine", lambda *_, **__: engine)

    with there.lock, pytest.raises(NoFaceFound, match=r"the mouth is covered \(a mask or a hand\?\)") as caught:
        insert.put_into(app, job(there), picture, ScriptRequest("anna", QUICK))
    assert "template" not in str(caught.value)

    assert there.requests == []


def test_a_picture_without_a_face_is_refused_and_nothing_is_painted(host, app, picture, monkeypatch):
    there = host()
    monkeypatch.setattr(app_module, "open_engine", lambda *_, **__: FakeEngine(faces=()))

    with there.lock, pytest.raises(NoFaceFound) as caught:
        insert.put_into(app, job(there), picture, ScriptRequest("anna", QUICK))

    assert there.requests == []
    assert str(caught.value) == (
        "There is no face in the generated picture. "
        "Ask for a person in the prompt, close enough for the face to be clearly visible."
    )


def test_somebody_unknown_or_not_trained_is_refused(host, app, picture):
    there = host()
    app.workspace.save_person(Person("begun", "Begun", "sd15", "2026-01-01T00:00:00Z"))

    with pytest.raises(UnknownPerson, match="nobody"):
        insert.put_into(app, job(there), picture, ScriptRequest("nobody", QUICK))
    with pytest.raises(InputError, match="'begun' is not trained yet"):
        insert.put_into(app, job(there), picture, ScriptRequest("begun", QUICK))
