"""What nobody came back for goes after a week, and nothing else."""

import os
import time

from easyphoto.commands.base import Subjects
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.sweeping import sweep
from easyphoto.workspace.folders import Workspace

DAY = 24 * 3600


def old_file(path, days):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"picture")
    os.utime(path, (time.time() - days * DAY,) * 2)
    return path


def job(workspace, id, kind, *, days, state=State.DONE, **fields):
    folder = workspace.jobs / id
    folder.mkdir(parents=True)
    os.utime(folder, (time.time() - days * DAY,) * 2)
    return Job(id, kind, id, state, "2026-01-01T00:00:00Z", "owner", **fields)


def test_a_check_nobody_came_back_for_goes_with_its_photos(tmp_path):
    workspace = Workspace(tmp_path)
    photo = old_file(workspace.uploads / "anna.jpg", 8)
    check = job(workspace, "check", "check", days=8, subject=Subjects((), ("anna.jpg",)))

    gone = sweep(workspace, [check])

    assert gone == (workspace.jobs / "check", photo)
    assert not photo.exists()
    assert not (workspace.jobs / "check").exists()


def test_what_a_training_or_a_photograph_names_stays(tmp_path):
    workspace = Workspace(tmp_path)
    photo = old_file(workspace.uploads / "anna.jpg", 30)
    template = old_file(workspace.uploads / "beach.jpg", 30)
    jobs = [
        job(workspace, "train", "train", days=30, subject=Subjects(("anna",), ("anna.jpg",))),
        job(workspace, "photo", "photograph", days=30, request={"templates": ["beach.jpg"]}),
    ]

    assert sweep(workspace, jobs) == ()
    assert photo.exists()
    assert template.exists()


def test_a_template_and_a_mask_that_an_object_was_placed_by_stay(tmp_path):
    workspace = Workspace(tmp_path)
    template, mask = (old_file(workspace.uploads / name, 30) for name in ("garden.jpg", "mask.png"))
    request = {"name": "rex", "template": "garden.jpg", "mask": "mask.png"}

    assert sweep(workspace, [job(workspace, "place", "place", days=30, request=request)]) == ()
    assert template.exists()
    assert mask.exists()


def test_what_is_younger_than_a_week_or_still_at_work_stays(tmp_path):
    workspace = Workspace(tmp_path)
    young = old_file(workspace.uploads / "young.jpg", 6)
    busy = old_file(workspace.uploads / "busy.jpg", 9)
    jobs = [
        job(workspace, "young", "check", days=6, subject=Subjects((), ("young.jpg",))),
        job(workspace, "busy", "check", days=9, state=State.RUNNING, subject=Subjects((), ("busy.jpg",))),
    ]

    assert sweep(workspace, jobs) == ()
    assert young.exists()
    assert busy.exists()
