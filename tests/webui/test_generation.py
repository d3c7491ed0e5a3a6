"""How a turn in the host is watched: from within its own steps, whose exceptions it would swallow."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from easyphoto.architectures.sd15 import SD15
from easyphoto.errors import BackendError
from easyphoto.progress import NullProgress
from easyphoto.webui import checkpoints
from easyphoto.webui.backend import WebuiBackend
from easyphoto.webui.generation import SamplingWatch, Turn
from tests.backends.contract import canny, inpaint_request
from tests.fakes import RecordingProgress
from tests.webui.conftest import MakeHost


class Bursting(NullProgress):
    def check(self) -> None:
        raise ZeroDivisionError("in the caller's own code")


def test_a_sampler_that_asks_twice_for_a_step_is_not_counted_twice(host: MakeHost) -> None:
    fake, progress = host(), RecordingProgress()
    watch = SamplingWatch(Turn(fake.state), progress, tuple)

    for _ in range(2 * 3):
        watch.begins_step(SimpleNamespace(total_sampling_steps=3))
    watch.conclude()

    assert [(done, total) for done, total, _ in progress.steps] == [(1, 3), (2, 3), (3, 3)]


def test_what_fails_while_watching_comes_out_as_it_was_and_the_host_stops(host: MakeHost) -> None:
    fake = host()
    backend = WebuiBackend(checkpoints.require("plain"), SD15)

    with pytest.raises(ZeroDivisionError, match="own code"):
        backend.inpaint(inpaint_request(steps=20), Bursting())

    assert fake.steps_made == 1
    assert fake.errors.exception_records == []
    assert not fake.state.interrupted


def test_a_control_that_nobody_could_see_at_work_is_an_error(host: MakeHost) -> None:
    fake = host()
    fake.tells_nobody = True

    with pytest.raises(BackendError, match="no step that could be watched"):
        WebuiBackend(checkpoints.require("plain"), SD15).inpaint(inpaint_request(controls=(canny(),)), NullProgress())


def test_without_anything_to_see_a_silent_host_is_good_enough(host: MakeHost) -> None:
    fake = host()
    fake.tells_nobody = True

    result = WebuiBackend(checkpoints.require("plain"), SD15).inpaint(inpaint_request(), NullProgress())

    assert result.applied_controls == ()
