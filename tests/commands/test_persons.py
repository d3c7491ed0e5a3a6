"""What goes when a person goes, and what an export holds."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

from easyphoto.commands.base import NullContext
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.export_person import ExportPerson
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.train import TrainPerson
from easyphoto.persons.photo_sources import photo_files
from tests.commands.doubles import LendingHost


def test_who_is_deleted_goes_from_the_hosts_folder_too(app, photos):
    host = LendingHost()
    app = replace(app, host=host)
    TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    gone = DeletePerson("anna").run(app, NullContext()).gone

    assert host.said[-1] == "withdrawn lora one"
    assert Path("/host/easyphoto-anna.safetensors") in gone


def test_a_person_goes_with_runs_and_results(app, photos, template, tmp_path):
    for name in ("anna", "ben"):
        TrainPerson(name, photo_files(photos)).run(app, NullContext())
        PhotographPersons((name,), (template,)).run(app, NullContext())
    PhotographPersons(("anna",), (template,), out=tmp_path / "mine").run(app, NullContext())

    DeletePerson("anna").run(app, NullContext())

    left = [json.loads(path.read_text()).get("person", "") for path in app.workspace.root.rglob("run.json")]
    assert [person.id for person in app.workspace.list_persons()] == ["ben"]
    assert left == ["ben"]
    assert not any("anna" in path.name for path in app.workspace.root.rglob("*"))
    # What somebody put elsewhere is theirs.
    assert (tmp_path / "mine" / "report.html").is_file()


def test_an_export_holds_the_whole_person(app, photos, tmp_path):
    made = TrainPerson("anna", photo_files(photos)).run(app, NullContext())

    target = ExportPerson("anna", tmp_path / "anna.zip").run(app, NullContext())

    with zipfile.ZipFile(target) as archive:
        assert archive.read("anna/lora.safetensors") == made.lora.read_bytes()
        assert "anna/person.json" in archive.namelist()
