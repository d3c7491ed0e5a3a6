"""A job in another process tells its queue everything, ends as it does here, and its messages survive the way."""

import pickle
import queue as queues
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from easyphoto import errors
from easyphoto.app import EasyPhoto
from easyphoto.commands.base import Subjects
from easyphoto.devices import groups_of
from easyphoto.errors import BadPicture, DiskFailure, EasyPhotoError, WeightsMissing, WorkerLost
from easyphoto.host.base import ThisMachine
from easyphoto.host.remote import remote_host
from easyphoto.jobs.portable import portable
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Fault, State
from easyphoto.jobs.relay import (
    Changed,
    Failed,
    Finished,
    RelayedJobs,
    Run,
    Stopped,
    failure_of,
    followed,
    performed,
)
from easyphoto.messages import Text, note, text
from easyphoto.progress import Cancelled
from easyphoto.settings.options import Options, WeightSettings
from easyphoto.workspace.folders import Workspace
from tests.commands.test_records import COMMANDS
from tests.jobs.asked import Asked


def sent(message):
    """What arrives at the other end."""
    return pickle.loads(pickle.dumps(message))


@dataclass
class Relay:
    """Runs a job's work at the other end of a relay, in a thread."""

    queue: JobQueue
    threads: list[threading.Thread] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)

    def __call__(self, work, *, cancel=lambda jobs: jobs.cancel(), seconds_to_stop=10.0):
        """Submit a job with that work; `cancel` is how the other end is told."""

        def here(context):
            messages = queues.SimpleQueue()
            job = sent(Run(context.job, Asked())).job
            jobs = RelayedJobs(self.queue.workspace, job, lambda told: messages.put(sent(told)))

            def there():
                messages.put(sent(performed(jobs, lambda _, context: work(context), Asked())))

            def hear(seconds):
                try:
                    return messages.get(timeout=seconds)
                except queues.Empty:
                    return None

            self.threads.append(threading.Thread(target=there))
            self.threads[-1].start()
            end = {"kill": lambda: self.killed.append(1), "seconds_to_stop": seconds_to_stop}
            return followed(hear, context, cancel=lambda: cancel(jobs), **end)

        return self.queue.submit(Asked(), here)


@pytest.fixture
def relayed(queue):
    relay = Relay(queue)
    yield relay
    for thread in relay.threads:
        thread.join(10)


def over(queue, job):
    while not queue.get(job.id).state.is_over:
        queue.wait(job.id, len(queue.events(job.id)), 1.0)
    return queue.get(job.id)


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_command_arrives_as_it_was_sent(kind):
    assert sent(COMMANDS[kind]) == COMMANDS[kind]


NAMED = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EasyPhotoError)]


@pytest.mark.parametrize("kind", NAMED)
def test_every_named_error_arrives_with_its_words_in_any_language(kind):
    error = kind(text("{name} is missing.", name="ViT-H"), advice=text("Fetch {name}.", name="it"))

    arrived = sent(Failed(error)).error

    assert (type(arrived), str(arrived)) == (type(error), "ViT-H is missing. Fetch it.")
    assert isinstance(arrived.message, Text)
    assert (arrived.message.template, dict(arrived.message.values)) == ("{name} is missing.", {"name": "ViT-H"})
    assert (arrived.advice.template, arrived.exit_code) == ("Fetch {name}.", error.exit_code)


def test_what_errors_know_beside_their_words_arrives_too():
    assert sent(WeightsMissing("x", weights=("identity", "sd15"))).weights == ("identity", "sd15")
    assert sent(BadPicture("x", why="It is no picture.")).why == "It is no picture."
    assert sent(WorkerLost("x", log_tail="the last line")).log_tail == "the last line"


def test_an_error_of_a_package_arrives_without_the_package():
    class OutOfCards(Exception):
        pass

    failed = failure_of(OutOfCards("none left"))

    assert (type(sent(failed).error), str(sent(failed).error)) == (Fault, "OutOfCards: none left")
    assert "OutOfCards: none left" in failed.traceback
    assert type(failure_of(OSError(28, "No space left on device")).error) is DiskFailure


def test_texts_and_changes_of_the_record_arrive_as_texts():
    said = note("hair", "the hair of {name} is cut off", name="anna")
    changed = sent(Changed("imported", {"text": said}, {"subject": Subjects(("anna",)), "notes": (said,)}))

    assert changed.values["text"].code == "hair"
    assert changed.changes["notes"][0].template == "the hair of {name} is cut off"
    assert changed.changes["subject"].persons == ("anna",)


@pytest.mark.parametrize(
    "host", [ThisMachine("en", True, (Path("/models"),)), remote_host("http://gpu:7860", "anna:secret")]
)
def test_an_app_arrives_with_everything_but_what_it_holds_in_memory(tmp_path, host):
    options = Options("miniature", weights=WeightSettings("research"))
    app = EasyPhoto(Workspace(tmp_path), options, (Path("/mirror"),), host)
    if not isinstance(host, ThisMachine):
        assert host.webui  # a connection, which cannot be sent

    opened = sent(portable(app, groups_of("cuda:2+cuda:3", ())[0])).opened()

    assert (opened.workspace.root, opened.options, opened.host) == (tmp_path, options, host)
    assert opened.mirrors == (Path("/mirror"),)
    assert opened.devices.name == "cuda:0+cuda:1"
    assert opened.cache is not app.cache


def test_a_web_uis_host_stays_in_its_process(tmp_path):
    class Webui:
        pass

    with pytest.raises(TypeError):
        portable(EasyPhoto(Workspace(tmp_path), host=Webui()))


def told(queue, job):
    return [(event.type, {**event.values, "eta_seconds": None}) for event in queue.events(job.id)]


def test_a_job_tells_its_queue_what_it_would_tell_here(queue, relayed):
    def work(context):
        context.step(1, 2, text("painting {name}", name="anna"))
        context.note("one")
        context.note("one")
        (context.folder / "told.txt").write_text("told")
        context.hand_out("told.txt", context.folder / "told.txt")
        return {"kept": 5}

    there, here = over(queue, relayed(work)), over(queue, queue.submit(Asked(), work))

    assert (there.state, there.result, there.notes, there.phase) == (State.DONE, {"kept": 5}, ("one",), "painting anna")
    assert told(queue, there) == told(queue, here)
    assert queue.file(there.id, "told.txt").read_text() == "told"


def test_a_named_error_fails_the_job_as_it_does_here(queue, relayed):
    def work(context):
        raise WeightsMissing(text("{name} is missing.", name="ViT-H"), advice="Fetch it.", weights=("identity",))

    assert over(queue, relayed(work)).error == over(queue, queue.submit(Asked(), work)).error


def test_a_fault_is_named_as_it_is_here_and_its_traceback_is_kept(queue, workspace, relayed):
    job = over(queue, relayed(lambda context: {}["nothing"]))

    assert (job.error["code"], job.error["message"]) == ("InternalError", "KeyError: 'nothing'")
    assert "in performed" in (workspace.jobs / job.id / "traceback.txt").read_text()


def test_a_cancelled_job_is_told_so_once_and_waited_for(queue, relayed):
    told, ended = [], []

    def work(context):
        context.note("begun")
        try:
            while True:
                context.check()
                threading.Event().wait(0.005)
        finally:
            threading.Event().wait(0.6)
            ended.append(queue.get(job.id).state)

    job = relayed(work, cancel=lambda jobs: (told.append(1), jobs.cancel()))
    while not queue.get(job.id).notes:
        threading.Event().wait(0.01)
    queue.cancel(job.id)

    assert over(queue, job).state is State.CANCELLED
    assert (told, ended, relayed.killed) == ([1], [State.RUNNING], [])


def test_a_job_that_is_done_before_it_hears_that_it_is_cancelled_is_done(queue, relayed):
    goes_on = threading.Event()

    def work(context):
        context.note("begun")
        goes_on.wait(10)
        return {"kept": 5}

    job = relayed(work, cancel=lambda jobs: goes_on.set())
    while not queue.get(job.id).notes:
        threading.Event().wait(0.01)
    queue.cancel(job.id)

    assert (over(queue, job).state, over(queue, job).result) == (State.DONE, {"kept": 5})


def test_a_job_that_does_not_stop_in_time_is_ended_with_its_process(queue, relayed):
    goes_on = threading.Event()

    def work(context):
        context.note("begun")
        goes_on.wait(10)
        return {}

    job = relayed(work, cancel=lambda jobs: None, seconds_to_stop=0.1)
    while not queue.get(job.id).notes:
        threading.Event().wait(0.01)
    queue.cancel(job.id)

    assert over(queue, job).state is State.CANCELLED
    assert relayed.killed == [1]
    goes_on.set()


def test_a_full_disk_here_stops_the_job_there(queue, relayed, monkeypatch):
    def work(context):
        context.note("begun")
        while True:
            context.check()

    def full(_):
        raise DiskFailure("full", advice="Make room.")

    monkeypatch.setattr(queue._book.store, "write", full)
    with pytest.raises(DiskFailure):
        relayed(work)
    monkeypatch.undo()
    write, count = queue._book.store.write, []

    def fills_up(job):
        count.append(job)
        if job.notes:
            full(job)
        write(job)

    monkeypatch.setattr(queue._book.store, "write", fills_up)

    job = over(queue, relayed(work))

    assert (job.state, job.error["code"]) == (State.FAILED, "DiskFailure")


class Scripted:
    """A context that remembers, and may be cancelled."""

    def __init__(self, is_cancelled=False):
        self.is_cancelled = is_cancelled

    def check(self):
        if self.is_cancelled:
            raise Cancelled


def lost(seconds):
    raise WorkerLost("gone")


def heard_then_lost(messages):
    try:
        return next(messages)
    except StopIteration:
        return lost(0.0)


def test_a_process_that_ends_fails_its_job_unless_that_was_cancelled():
    with pytest.raises(WorkerLost):
        followed(lost, Scripted(), cancel=list, kill=list)

    heard = iter([None])
    with pytest.raises(Cancelled):
        followed(lambda _: heard_then_lost(heard), Scripted(True), cancel=list, kill=list)


def test_how_a_job_ended_is_its_answer():
    assert followed(lambda _: Finished({"made": 1}), Scripted(), cancel=list, kill=list) == {"made": 1}
    with pytest.raises(Cancelled):
        followed(lambda _: Stopped(), Scripted(), cancel=list, kill=list)
