"""What is assumed about photos is said before anybody waits for a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.cli.main import main
from easyphoto.cli.output import tell
from easyphoto.commands.base import Context
from easyphoto.commands.train import TrainPerson
from easyphoto.commands.training import TrainedPerson
from easyphoto.preprocess.verdict import Check
from easyphoto.workspace.person_record import Person

CHECK = Check((), None, "photographs", "photographs", None, ("Taken for photographs.", "Only 3 photos."), 0.0)
ANNA = Person("anna", "anna", "miniature", "2026-01-01T00:00:00Z", notes=(*CHECK.notes, "The host cannot list it."))


def test_a_training_says_its_notes_first_and_each_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: TrainPerson, app: EasyPhoto, context: Context) -> TrainedPerson:
        for note in CHECK.notes:
            context.note(note)
        tell("training")
        made = TrainedPerson(ANNA, tmp_path / "lora", tmp_path, tmp_path / "report.html", (), None)
        return replace(made, check=CHECK)

    monkeypatch.setattr(TrainPerson, "run", run)
    (tmp_path / "photo.png").touch()

    assert main(["train", "anna", "--photos", str(tmp_path), "--workspace", str(tmp_path)]) == 0

    assert [line for line in capsys.readouterr().err.splitlines() if not line.startswith("Report")] == [
        "Note: Taken for photographs.",
        "Note: Only 3 photos.",
        "training",
        "Note: The host cannot list it.",
    ]
