"""Weights are fetched as a job: counted in bytes, cancelled, gone on with, refused by name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from easyphoto.app import EasyPhoto
from easyphoto.commands.fetch_weights import FetchWeights
from easyphoto.errors import InputError, LicenceRefused, WeightsMissing
from easyphoto.jobs.lanes import LaneKind
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.records import Job, State
from easyphoto.jobs.service import Service
from easyphoto.progress import NullProgress
from easyphoto.settings.options import Options, WeightSettings
from easyphoto.ui.card import card_html
from easyphoto.ui.language import Translator
from easyphoto.weights.catalog import weight_file
from easyphoto.weights.delivery import AllFiles
from easyphoto.weights.sources import url_of
from tests.services import done
from tests.weights.shelf import Manner, Shelf, gives, open_server, refuses, safetensors_bytes, sha256, stalls_after

# Two files whose hash nobody published, so that small ones of ours are taken for them on first use.
MID, HYPER = "diffusers_xl_canny_mid", "hyper-sd15-8step"


@pytest.fixture
def shelf(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A server in the hub's place; nothing else of this machine is looked into."""
    empty = tmp_path_factory.mktemp("empty")
    for name in ("HF_HUB_CACHE", "MODELSCOPE_CACHE", "HOME"):
        monkeypatch.setenv(name, str(empty))
    for name in ("HF_HUB_OFFLINE", "EASYPHOTO_OFFLINE", "EASYPHOTO_WEIGHTS_MIRROR", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    server, shelf = open_server()
    for name in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT"):
        monkeypatch.setenv(name, shelf.url)
    # What no test serves lies at addresses that answer nothing.
    monkeypatch.setenv("https_proxy", shelf.url)
    yield shelf
    shelf.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    from easyphoto.workspace.folders import Workspace

    workspace = Workspace(tmp_path / "workspace")
    service = Service(EasyPhoto(workspace, mirrors=()), JobQueue(workspace))
    yield service
    service.queue.close()


def serve(shelf: Shelf, id: str, *manners: Manner) -> None:
    for source in weight_file(id).sources:
        shelf.serve(url_of(source).removeprefix(shelf.url), *manners)


def until_bytes_came(service: Service, job: Job) -> Job:
    until = time.monotonic() + 20
    while (now := service.queue.get(job.id)).done == 0:
        assert time.monotonic() < until
        time.sleep(0.01)
    return now


def test_files_are_fetched_counted_together_and_named_with_licence_and_hash(service: Service, shelf: Shelf) -> None:
    one, two = safetensors_bytes(300_000), safetensors_bytes(100_000, fill=9)
    serve(shelf, MID, gives(one))
    serve(shelf, HYPER, gives(two))

    job = done(service, service.submit(FetchWeights((MID, HYPER))))

    assert (job.state, job.done, job.total) == (State.DONE, len(one) + len(two), len(one) + len(two))
    assert [(file["id"], file["licence"], file["sha256"]) for file in job.result["files"]] == [
        (MID, "OpenRAIL++", sha256(one)),
        (HYPER, "OpenRAIL++", sha256(two)),
    ]
    assert service.app.store.find(MID).read_bytes() == one


def test_a_download_does_not_wait_behind_a_training() -> None:
    assert LaneKind.of("weights") not in (LaneKind.of("train"), LaneKind.of("check"))


def test_what_is_at_hand_is_not_fetched_again(service: Service, shelf: Shelf) -> None:
    serve(shelf, HYPER, gives(safetensors_bytes(1000)))
    done(service, service.submit(FetchWeights((HYPER,))))

    again = done(service, service.submit(FetchWeights((HYPER,))))

    assert again.state is State.DONE
    assert len(shelf.asked) == 1


def test_a_cancelled_download_goes_on_where_it_stopped(service: Service, shelf: Shelf) -> None:
    content = safetensors_bytes(300_000)
    serve(shelf, MID, stalls_after(200_000, content), gives(content))
    job = service.submit(FetchWeights((MID,)))
    until_bytes_came(service, job)

    service.queue.cancel(job.id)
    shelf.closing.set()

    assert done(service, job).state is State.CANCELLED
    begun = service.app.store.bytes_begun(MID)
    assert 0 < begun <= 200_000
    assert not service.app.store.is_there(MID)

    assert done(service, service.submit(FetchWeights((MID,)))).state is State.DONE
    assert shelf.ranges()[-1] == f"bytes={begun}-"
    assert service.app.store.find(MID).read_bytes() == content
    assert service.app.store.bytes_begun(MID) == 0


def test_other_content_than_the_catalogue_names_is_not_kept(service: Service, shelf: Shelf) -> None:
    serve(shelf, MID, gives(b"<html>please log in</html>"))

    job = done(service, service.submit(FetchWeights((MID,))))

    assert (job.state, job.error["code"]) == (State.FAILED, "ChecksumMismatch")
    assert not service.app.store.is_there(MID)


def test_one_file_that_fails_does_not_stop_the_others(service: Service, shelf: Shelf) -> None:
    serve(shelf, MID, refuses(404))
    serve(shelf, HYPER, gives(safetensors_bytes(1000)))

    job = done(service, service.submit(FetchWeights((MID, HYPER))))

    assert (job.state, job.error["code"]) == (State.FAILED, "WeightsMissing")
    assert "diffusers_xl_canny_mid" in job.error["message"]
    assert service.app.store.is_there(HYPER)


def test_only_what_the_catalogue_names_can_be_asked_for(service: Service) -> None:
    for name in ("http://somewhere/else.bin", "../../etc/passwd", ""):
        with pytest.raises(InputError, match="There is no set and no weight file"):
            service.submit(FetchWeights((name,)))


def test_what_the_licences_refuse_is_refused_by_its_name_at_once(service: Service) -> None:
    with pytest.raises(LicenceRefused, match=r"buffalo_l .* is not allowed by the licence setting commercial-safe"):
        service.submit(FetchWeights(("photographs", "buffalo_l")))
    # CLIP alone would be allowed, and of no use.
    with pytest.raises(LicenceRefused, match="ip-adapter-faceid-plusv2-sd15"):
        service.submit(FetchWeights(("faceid-plus-sd15",)))

    assert service.queue.list() == ()


def test_offline_is_refused_by_its_name_at_once(service: Service) -> None:
    offline = Options(weights=WeightSettings(offline=True))

    with pytest.raises(WeightsMissing, match=r"yunet.* is not available: the offline switch is on"):
        service.submit(FetchWeights(("photographs",), offline))

    assert service.queue.list() == ()


def test_a_file_of_a_set_that_is_refused_becomes_a_note(service: Service, shelf: Shelf) -> None:
    serve(shelf, "control_v11p_sd15_openpose", gives(safetensors_bytes(1000)))

    job = done(service, service.submit(FetchWeights(("sd15",))))

    assert job.notes[0] == (
        "Left out, because the licence setting commercial-safe does not allow it: control_sd15_random_color "
        "(control_v11f1e_sd15_tile instead). With --licences research it is fetched too."
    )
    assert getattr(job.notes[0], "code", "") == "weight-refused"
    assert service.app.store.is_there("control_v11p_sd15_openpose")


def test_the_card_counts_megabytes() -> None:
    job = Job(
        "1", "weights", "fetch photographs", State.RUNNING, "2026-01-01T00:00:00Z", "o", done=12_340_000,
        total=261_000_000, phase="fetching auraface", eta_seconds=130.0,
    )  # fmt: skip

    assert "fetching auraface · 12.3 / 261.0 MB · about 2 min left" in card_html(job, Translator("en"))


def test_the_speed_is_said_and_the_files_to_come_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from easyphoto.messages import phase

    told: list[tuple[int, int, str]] = []

    class Listening(NullProgress):
        def step(self, done, total, message="", *, preview=None):
            told.append((done, total, message))

    clock = iter([0.0, 2.0])
    monkeypatch.setattr("easyphoto.weights.delivery.time.monotonic", lambda: next(clock))
    files = AllFiles(Listening(), {MID: 0, HYPER: 5_000_000})
    fetching = phase("fetch", "fetching {name}", name="canny")

    files.begin(weight_file(MID))
    files.step(1_000_000, 8_000_000, fetching)
    files.step(7_000_000, 8_000_000, fetching)
    files.end()

    assert told == [
        (1_000_000, 13_000_000, "fetching canny"),
        (7_000_000, 13_000_000, "fetching canny · 3.0 MB/s"),
    ]
