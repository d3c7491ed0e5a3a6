"""A warm server: the second portrait loads nothing, and nothing of somebody stays in memory who is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.bench.demo import demo_template
from easyphoto.commands import photograph_series
from easyphoto.commands.delete_person import DeletePerson
from easyphoto.commands.photograph import PhotographPersons
from easyphoto.commands.rename_person import RenamePerson
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import State
from easyphoto.jobs.service import SECONDS_KEPT, Service
from easyphoto.persons import deletion
from easyphoto.settings.inference import InferenceSettings
from tests.services import done
from tests.trained import copy_of_trained

pytestmark = pytest.mark.slow
QUICK = InferenceSettings(first_steps=2, seed=1)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With anna, trained for a moment on the real miniature."""
    workspace = copy_of_trained(tmp_path_factory, tmp_path_factory.mktemp("warm") / "workspace")
    service = Service(EasyPhoto(workspace), JobQueue(workspace))
    yield service
    service.queue.close()


def portrait(service: Service, settings: InferenceSettings = QUICK) -> np.ndarray:
    job = done(service, service.submit(PhotographPersons(("anna",), (demo_template(),), settings=settings)))
    assert job.state is State.DONE, job.error
    assert job.result is not None
    return np.asarray(Image.open(service.queue.file(job.id, job.result["pictures"][0]["file"])))


def loads_of(service: Service, settings: InferenceSettings = QUICK) -> tuple[int, np.ndarray]:
    before = service.app.cache.loads
    picture = portrait(service, settings)
    return service.app.cache.loads - before, picture


def test_the_second_portrait_loads_nothing_and_is_the_same_picture(service: Service) -> None:
    service.app.cache.clear()

    first, cold = loads_of(service)
    second, warm = loads_of(service)

    assert first > 5, "networks, ControlNets, the face engine, prompts and the person"
    assert second == 0
    assert np.array_equal(cold, warm)


def test_other_words_are_encoded_and_nothing_else_is_loaded(service: Service) -> None:
    portrait(service)

    loads, _ = loads_of(service, InferenceSettings(first_steps=2, seed=1, prompt="a hat"))

    assert loads == 1


def test_a_lora_of_another_weight_is_not_painted_with_the_earlier_words(service: Service) -> None:
    service.app.cache.clear()
    weaker = InferenceSettings(first_steps=2, seed=1, lora_weight=0.2)
    _, alone = loads_of(service, weaker)

    portrait(service)
    _, after = loads_of(service, weaker)

    assert np.array_equal(alone, after)


def test_what_nobody_used_for_an_hour_is_let_go(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    portrait(service)
    assert service.app.cache.bytes > 1_000_000
    import time

    now = time.monotonic()
    monkeypatch.setattr("easyphoto.model_cache.time.monotonic", lambda: now + SECONDS_KEPT + 60)
    service.sweep()

    assert service.app.cache.bytes == 0


def traces_of(service: Service, person: str) -> set[str]:
    """Kinds of what the cache holds that was made from a person's folder, by whatever path it is known."""
    entries = service.app.cache._entries.values()
    return {str(entry.key[0]) for entry in entries if person in str((entry.key, entry.owners))}  # type: ignore[index]


def test_nothing_of_somebody_who_was_renamed_stays_in_memory(service: Service) -> None:
    portrait(service)
    assert traces_of(service, "anna") == {"person", "prompts", "face", "identity vectors"}

    service.rename(RenamePerson("anna", "Mia", "mia"))

    assert traces_of(service, "anna") == set()
    service.rename(RenamePerson("mia", "Anna", "anna"))


def test_nothing_of_a_person_stays_in_memory_who_is_deleted_while_a_job_measures_them(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.app.cache.clear()
    begun, deleting = threading.Event(), threading.Event()
    measure = photograph_series.subject_from

    def measured_late(*values: Any, **named: Any) -> Any:
        begun.set()
        assert deleting.wait(30)
        return measure(*values, **named)

    monkeypatch.setattr(photograph_series, "subject_from", measured_late)
    service.submit(PhotographPersons(("anna",), (demo_template(),), settings=QUICK))
    assert begun.wait(30)
    monkeypatch.setattr(deletion, "_workers", telling_when_asked(deletion._workers, deleting))

    service.delete(DeletePerson("anna"))

    assert traces_of(service, "anna") == set()


def telling_when_asked(look: Callable[..., Any], asked: threading.Event) -> Callable[..., Any]:
    def looked(*values: Any) -> Any:
        asked.set()
        return look(*values)

    return looked
