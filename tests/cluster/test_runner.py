"""Jobs on the machines of a cluster: what they need travels, what they make is published once, whatever is lost."""

import json
import os
import threading
from pathlib import Path

import pytest

from easyphoto.cluster.messages import NodeSetup
from easyphoto.cluster.node import Node
from easyphoto.cluster.shipment import shipment_of
from easyphoto.commands.choose_checkpoint import ChooseCheckpoint
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.resume import ResumeTraining
from easyphoto.commands.train import TrainPerson
from easyphoto.errors import DiskFailure, InputError, WeightsMissing
from easyphoto.jobs.records import State
from easyphoto.settings.options import Options
from easyphoto.storage.files import write_text
from easyphoto.workspace.folders import folders_in
from tests.cluster.near import LINK
from tests.services import done, five_photos, picture


@pytest.fixture
def template(service):
    return service.add_template("garden", picture(9)).path


def photograph(service, template):
    return service.submit(PhotographPersons(("anna",), (template,)))


def test_a_training_elsewhere_leaves_the_person_the_run_and_the_jobs_files_here(service, workspace, nodes):
    job = done(service, service.submit(TrainPerson("anna", five_photos(service))))

    assert (job.state, job.lane, job.error) == (State.DONE, "node-1", None)
    assert workspace.person("anna").lora == "lora.safetensors"
    assert (workspace.person_folder("anna") / "lora.safetensors").read_bytes() == b"lora one"
    assert [folder.name for folder in folders_in(workspace.runs)] == [job.run]
    assert service.queue.file(job.id, "report.html").parent == workspace.runs / job.run
    assert (workspace.jobs / job.id / "photo-000.jpg").is_file()


def test_a_portrait_elsewhere_is_handed_out_as_one_made_here(service, anna, template, workspace):
    job = done(service, photograph(service, template))

    (made,) = job.result["pictures"]
    assert job.state is State.DONE
    assert service.queue.file(job.id, made["file"]).parent.parent == workspace.results
    assert [service.queue.file(job.id, stage["file"]).is_file() for stage in made["stages"]]
    assert [folder.name for folder in folders_in(workspace.results)] == [job.result["folder"]]


def test_only_what_the_machine_lacks_travels(service, anna, template, cluster):
    done(service, photograph(service, template))
    done(service, photograph(service, template))

    # Anna was trained there; the template is nobody's, and does not stay.
    assert [files for _, files in cluster.attempts] == [("templates/garden.png",), ("templates/garden.png",)]


def test_what_was_changed_here_travels_again(service, anna, template, cluster, workspace):
    lora = workspace.person_folder("anna") / "lora.safetensors"
    lora.write_bytes(b"lora two")

    done(service, photograph(service, template))

    ((_, files),) = cluster.attempts
    assert {*files} == {"persons/anna/lora.safetensors", "templates/garden.png"}
    (node,) = cluster.nodes.values()
    assert (node.workspace.person_folder("anna") / "lora.safetensors").read_bytes() == b"lora two"


def test_what_was_measured_there_stays_until_the_person_changes(service, anna, template, cluster, workspace):
    (node,) = cluster.nodes.values()
    measured = node.workspace.person_folder("anna") / "embeddings" / "an-embedder.json"
    write_text(measured, "{}")

    done(service, photograph(service, template))
    assert measured.is_file()
    (workspace.person_folder("anna") / "lora.safetensors").write_bytes(b"lora two")
    done(service, photograph(service, template))

    assert not measured.exists()


def test_what_is_gone_here_goes_there(service, anna, template, cluster, workspace):
    (workspace.person_folder("anna") / "portrait.png").unlink()

    done(service, photograph(service, template))

    (node,) = cluster.nodes.values()
    assert not (node.workspace.person_folder("anna") / "portrait.png").exists()


def test_after_a_job_only_the_persons_files_stay_on_the_machine(service, anna, template, cluster):
    done(service, photograph(service, template))

    (node,) = cluster.nodes.values()
    assert {each.name for each in node.workspace.root.iterdir() if each.is_dir()} == {"persons"}
    assert [folder.name for folder in folders_in(node.workspace.persons)] == ["anna"]


def test_persons_files_leave_the_machine_after_an_hour_without_a_job(service, anna, cluster):
    (node,) = cluster.nodes.values()

    node.expire(3600)
    assert [folder.name for folder in folders_in(node.workspace.persons)] == ["anna"]
    node.expire(0)
    assert folders_in(node.workspace.persons) == ()


def test_files_that_arrive_are_not_taken_for_those_of_somebody_long_gone(anna, workspace, nodes):
    node = Node(NodeSetup(Options()))
    node.open()
    shipment = shipment_of(PhotographPersons(("anna",)), workspace)

    for number in node.lacks(shipment):
        node.keep(shipment.files[number], 0, Path(shipment.files[number].source).read_bytes())
    node.expire(60)

    assert node.lacks(shipment) == ()
    node.close()


@pytest.mark.parametrize("messages", [0, 1, 5, 9])
@pytest.mark.parametrize("what", ["node-1", LINK])
def test_a_job_whose_machine_is_lost_runs_again_and_is_published_once(
    service, anna, template, cluster, workspace, messages, what
):
    cluster.losses.append((messages, what))

    job = done(service, photograph(service, template))

    assert (job.state, len(cluster.attempts)) == (State.DONE, 2)
    assert [folder.name for folder in folders_in(workspace.results)] == [job.result["folder"]]
    assert {file.name for file in (workspace.jobs / job.id).iterdir() if file.name.startswith(".")} == set()
    numbers = [event.number for event in service.queue.events(job.id)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert any("begins again" in str(note) or "asked for" in str(note) for note in job.notes)


def test_a_training_whose_machine_is_lost_begins_again_and_leaves_one_run(service, cluster, workspace):
    cluster.losses.append((12, "node-1"))

    job = done(service, service.submit(TrainPerson("anna", five_photos(service))))

    assert job.state is State.DONE
    assert [folder.name for folder in folders_in(workspace.runs)] == [job.run]
    assert workspace.person("anna").run == job.run


def test_a_job_with_which_three_machines_end_fails_by_name(service, anna, template, cluster, workspace):
    cluster.losses += [(1, "node-1")] * 3

    job = done(service, photograph(service, template))

    assert (job.state, job.error["code"]) == (State.FAILED, "WorkerLost")
    assert job.error["message"].startswith("3 machines of the cluster ended with this job. node-1 was lost")
    assert folders_in(workspace.results) == ()


def test_machines_that_end_before_they_have_the_job_are_not_its_fault(service, anna, template, cluster):
    cluster.losses += [(0, "node-1")] * 4

    assert done(service, photograph(service, template)).state is State.DONE


def test_a_job_that_no_machine_begins_fails_by_name(service, anna, template, cluster):
    cluster.losses += [(0, "node-1")] * 10

    job = done(service, photograph(service, template))

    assert (job.state, job.error["code"]) == (State.FAILED, "WorkerLost")
    assert job.error["message"] == "node-1 was lost before it began: it was killed."


def test_lost_connections_are_not_the_jobs_fault(service, anna, template, cluster):
    cluster.losses += [(1, LINK)] * 4

    assert done(service, photograph(service, template)).state is State.DONE


def test_while_there_is_no_cluster_a_job_waits_and_says_why(service, anna, template, cluster):
    cluster.away += ["its head does not answer"] * 2

    job = done(service, photograph(service, template))

    phases = [str(event.values["phase"]) for event in service.queue.events(job.id) if event.type == "progress"]
    assert job.state is State.DONE
    assert phases[0] == "waiting for the cluster: its head does not answer"


def test_a_training_that_is_cancelled_elsewhere_can_be_resumed(service, trainer, cluster, workspace):
    trainer.gate.clear()
    job = service.submit(TrainPerson("anna", five_photos(service)))
    assert trainer.begun.wait(30)
    service.queue.cancel(job.id)
    job = done(service, job)
    assert (job.state, [folder.name for folder in folders_in(workspace.runs)]) == (State.CANCELLED, [job.run])

    trainer.gate.set()
    again = done(service, service.submit(ResumeTraining(job.run)))

    assert (again.state, again.error) == (State.DONE, None)
    assert workspace.person("anna").run == job.run
    assert (workspace.runs / job.run / "lora.safetensors").is_file()


def test_an_error_there_is_the_jobs_error_here(service, trainer):
    trainer.error = InputError("The photos are odd.", advice="Take others.")

    job = done(service, service.submit(TrainPerson("anna", five_photos(service))))

    assert job.state is State.FAILED
    assert job.error == {"code": "InputError", "message": "The photos are odd.", "advice": "Take others."}


def test_what_is_missing_there_is_an_error_that_names_the_machine(service, trainer):
    trainer.error = WeightsMissing("There is no base sd15.", advice="Put it there.")

    job = done(service, service.submit(TrainPerson("anna", five_photos(service))))

    assert (job.error["code"], job.error["message"]) == ("WeightsMissing", "On node-1: There is no base sd15.")


def test_a_bug_there_leaves_its_traceback_here(service, trainer, workspace):
    trainer.error = ZeroDivisionError("odd")

    job = done(service, service.submit(TrainPerson("anna", five_photos(service))))

    assert (job.error["code"], job.error["message"]) == ("InternalError", "ZeroDivisionError: odd")
    assert "doubles.py" in (workspace.jobs / job.id / "traceback.txt").read_text()


def test_what_moves_files_of_this_workspace_runs_here(service, anna, cluster):
    with pytest.raises(InputError):
        service.submit(ChooseCheckpoint("anna", 7))
    done(service, service.submit(ChooseCheckpoint("anna")))

    assert cluster.attempts == []


def test_words_that_were_changed_during_a_training_elsewhere_stay(service, anna, trainer, workspace):
    trainer.gate.clear()
    trainer.begun.clear()
    job = service.submit(TrainPerson("anna", five_photos(service)))
    assert trainer.begun.wait(30)
    person = json.loads((workspace.person_folder("anna") / "person.json").read_text())
    (workspace.person_folder("anna") / "person.json").write_text(json.dumps({**person, "words": "red hair"}))
    trainer.gate.set()
    done(service, job)

    assert workspace.person("anna").words == "red hair"


def test_who_is_deleted_is_gone_on_every_machine(service, anna, cluster, nodes):
    found = service.delete(DeletePerson("anna"))

    assert found.left == ()
    assert not [path for path in nodes.rglob("*") if path.name == "anna"]


def test_who_is_deleted_while_a_machine_trains_them_has_the_training_stopped(service, trainer, cluster, workspace):
    trainer.gate.clear()
    job = service.submit(TrainPerson("anna", five_photos(service)))
    assert trainer.begun.wait(30)

    found = service.delete(DeletePerson("anna"))

    assert found.left == ()
    assert job.id not in [each.id for each in service.queue.list()]
    assert not list(workspace.root.glob("*/*anna*"))


def test_a_machine_that_cannot_be_reached_is_named(service, anna, cluster):
    cluster.unreached = True

    (left,) = service.delete(DeletePerson("anna")).left

    assert (left.what, left.why) == ("node-1", "it does not answer")


def test_what_a_lost_machine_may_hold_is_named_until_a_process_begins_there(start, cluster, workspace, template):
    service = start(("node-1",))
    done(service, service.submit(TrainPerson("anna", five_photos(service))))
    cluster.losses += [(1, "node-1")] * 3
    done(service, photograph(service, template))
    assert cluster.remnants.left_of("anna")

    cluster.node("node-1")

    assert cluster.remnants.left_of("anna") == ()


def test_jobs_of_a_lost_server_are_done_by_the_next_under_their_ids(start, trainer, cluster, workspace):
    first = start(("node-1",))
    trainer.gate.clear()
    running = first.submit(TrainPerson("anna", five_photos(first)))
    assert trainer.begun.wait(30)
    waiting = first.submit(TrainPerson("ben", five_photos(first)))
    lose(first, cluster)
    numbers = [event.number for event in first.queue.events(running.id)]
    trainer.gate.set()

    second = start(("node-1",))
    second.submit_again()
    ended = [done(second, job) for job in (running, waiting)]

    assert [(job.id, job.state, job.error) for job in ended] == [
        (running.id, State.DONE, None), (waiting.id, State.DONE, None),
    ]  # fmt: skip
    after = [event.number for event in second.queue.events(running.id)]
    assert after == list(range(1, len(after) + 1))
    assert len(after) > len(numbers)
    assert [person.id for person in workspace.list_persons()] == ["anna", "ben"]


def test_a_command_that_cannot_be_read_any_more_fails_its_job(start, trainer, cluster, workspace):
    first = start(("node-1",))
    trainer.gate.clear()
    job = first.submit(TrainPerson("anna", five_photos(first)))
    assert trainer.begun.wait(30)
    lose(first, cluster)
    (workspace.jobs / job.id / "command.json").write_text("{")
    trainer.gate.set()

    second = start(("node-1",))
    second.submit_again()

    assert (second.queue.get(job.id).state, second.queue.get(job.id).error["code"]) == (State.FAILED, "BadRecord")


def test_the_whole_command_is_handed_out_to_nobody_and_goes_with_the_job(service, trainer, workspace):
    trainer.gate.clear()
    job = service.submit(TrainPerson("anna", five_photos(service)))
    assert (workspace.jobs / job.id / "command.json").is_file()
    with pytest.raises(InputError):
        service.queue.file(job.id, "command.json")
    trainer.gate.set()
    done(service, job)

    assert not (workspace.jobs / job.id / "command.json").exists()


def test_a_full_disk_fails_the_job_and_leaves_nothing_half(service, anna, template, monkeypatch, workspace):
    def full(*_, **__):
        raise DiskFailure("The disk is full.")

    monkeypatch.setattr("easyphoto.cluster.runner.Arrivals.keep", full)

    job = done(service, photograph(service, template))

    assert (job.state, job.error["code"]) == (State.FAILED, "DiskFailure")
    assert folders_in(workspace.results) == ()


def lose(service, cluster):
    """As if the server had been killed: nothing of it is written any more, its lock is given up, its machines end."""
    for node in cluster.nodes.values():
        node.close()
    cluster.nodes.clear()
    book = service.queue._book
    book.store.write = book.store.add = book.end = lambda *_, **__: None
    book.own.clear()
    service.queue._owner.close()


def test_previews_that_fall_out_of_the_record_leave_the_folder(service, anna, template, workspace):
    job = done(service, photograph(service, template))

    there = {name for name in os.listdir(workspace.jobs / job.id) if name.startswith("preview-")}
    assert there == {*job.previews}


def test_two_machines_work_side_by_side(start, trainer, workspace):
    service = start()
    trainer.gate.clear()
    jobs = [service.submit(TrainPerson(name, five_photos(service))) for name in ("anna", "ben")]
    until = threading.Event()
    for _ in range(600):
        if len(service.queue.running()) == 2:
            break
        until.wait(0.05)
    trainer.gate.set()

    assert {done(service, job).lane for job in jobs} == {"node-1", "node-2"}
