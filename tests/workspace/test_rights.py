"""Nobody else on the machine reads what a workspace holds: after every verb its folders are 0700, its files 0600."""

import os
import stat
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from easyphoto.api.routes import build_router
from easyphoto.cli.main import report_bug
from easyphoto.cli.server import page_folder
from easyphoto.commands.base import NullContext
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.import_persons import ImportPersons
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.train import TrainPerson
from easyphoto.persons.importing import first_of
from easyphoto.persons.photo_sources import photo_files
from easyphoto.storage.locks import file_lock
from easyphoto.weights.ledger import Ledger
from easyphoto.workspace.upgrades import open_workspace
from tests.api.calls import V1, finished, inline, photos
from tests.persons.arriving import write_earlier
from tests.services import picture, workshop

__all__ = ["workshop"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX rights")


@pytest.fixture
def usual_mask():
    """As people have it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def loose(root: Path) -> dict[str, str]:
    """What others may look into, or what its owner may not."""
    found = {}
    for path in (root, *root.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_IMODE(mode) != (0o700 if stat.S_ISDIR(mode) else 0o600):
            found[str(path.relative_to(root))] = oct(stat.S_IMODE(mode))
    return found


def as_the_worker_does(trainer, monkeypatch):
    """The real one has a process, and so a mask, of its own."""

    def trained(*arguments, **words):
        before = os.umask(0o077)
        try:
            return trainer(*arguments, **words)
        finally:
            os.umask(before)

    monkeypatch.setattr("easyphoto.commands.training.run_training", trained)


def test_whatever_is_made_in_a_workspace_is_for_its_owner_alone(usual_mask, workshop, monkeypatch, tmp_path):
    as_the_worker_does(workshop.trainer, monkeypatch)
    root = open_workspace(workshop.root).root
    app = FastAPI()
    app.include_router(build_router(workshop.service, accounts=None))
    client = TestClient(app)

    def asked(verb: str, **words):
        job = finished(client, client.post(f"{V1}/{verb}", json=words))
        assert job["state"] == "done", job
        return job

    client.post(f"{V1}/uploads", files={"files": ("beach.png", picture(7), "image/png")})
    asked("photos:check", photos=photos())
    asked("train", name="anna", photos=photos())
    asked("photograph", persons=["anna"], templates=[inline(99, (300, 200))])
    workshop.service.add_template("garden", picture(98, (300, 200)))
    write_earlier(tmp_path / "webui", "carl")
    ImportPersons(tmp_path / "webui").run(workshop.service.app, NullContext())
    (tmp_path / "carl.zip").write_bytes(client.get(f"{V1}/persons/carl/export").content)
    client.patch(f"{V1}/persons/anna", json={"name": "Anna B."})
    first_of(ImportPersons(tmp_path / "carl.zip", name="bea").run(workshop.service.app, NullContext()))
    report_bug(root, RuntimeError("ours"))
    with page_folder(root / "page"), file_lock(root / "env.lock"):
        (tmp_path / "weight").write_bytes(bytes(2 << 20))
        Ledger(root / "weights" / "hashes.json").hash_of(tmp_path / "weight")
        made = {path.name for path in root.iterdir()}

        assert loose(root) == {}

    assert made >= {"persons", "runs", "results", "jobs", "uploads", "templates", "weights", "page", "reports"}
    assert {person.id for person in workshop.service.app.workspace.list_persons()} == {"anna", "bea", "carl"}


def test_results_elsewhere_have_the_usual_rights(usual_mask, workshop, tmp_path, monkeypatch):
    as_the_worker_does(workshop.trainer, monkeypatch)
    (tmp_path / "photos").mkdir()
    for seed in range(5):
        (tmp_path / "photos" / f"{seed}.png").write_bytes(picture(seed))
    (tmp_path / "template.png").write_bytes(picture(99, (300, 200)))
    app = workshop.service.app
    TrainPerson("anna", photo_files(tmp_path / "photos")).run(app, NullContext())
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)

    PhotographPersons(("anna",), (tmp_path / "template.png",), out=shared / "out").run(app, NullContext())
    ExportPerson("anna", shared / "anna.zip").run(app, NullContext())

    assert stat.S_IMODE((shared / "anna.zip").stat().st_mode) == 0o644
    assert {stat.S_IMODE(path.stat().st_mode) for path in (shared / "out").rglob("*.png")} == {0o644}
    assert stat.S_IMODE((shared / "out").stat().st_mode) == 0o755
