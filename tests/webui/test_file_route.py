"""`/file=` of the gradios that web UIs run on hands out no person: real ones are asked, launched as the hosts do."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from easyphoto.webui import workspace_location
from easyphoto.webui.served_files import is_reached
from easyphoto.webui.workspace_location import settle
from tests.ui.gradio_envs import VERSIONS, gradio_python
from tests.workspace.test_upgrades import of_before, write

HERE = Path(__file__).parent
SECRET = b'{"format": 1, "id": "anna"}'

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Served:
    """A web UI's gradio with everything that a page can ask it for."""

    version: str
    data: Path
    port: int
    places: dict[str, Path]
    """Folders with a `persons/anna/person.json`."""

    def answer(self, path: str) -> tuple[int, bytes]:
        # By hand: other clients put such a path in order before it leaves.
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        asked.putrequest("GET", path)
        asked.endheaders()
        told = asked.getresponse()
        return told.status, told.read()

    def hands_out(self, file: Path | str) -> bool:
        status, content = self.answer(f"/file={quote(str(file))}")
        assert (status == 200) == (content == SECRET), (status, content[:200])
        return status == 200


@pytest.fixture(scope="module", params=VERSIONS)
def served(request, tmp_path_factory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    data, home = folder / "webui", folder / "home"
    write(data / "models" / "note.txt", SECRET)
    places = {
        "earlier": of_before(data / "easyphoto"), "dotted": of_before(data / ".easyphoto"),
        "chosen": of_before(data / "people"),
    }  # fmt: skip
    python = gradio_python(request.param)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch, (folder / "log.txt").open("wb") as log:
        for variable in ("HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_DATA_HOME"):
            patch.setenv(variable, str(home))
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        patch.setenv("PYTHONPATH", str(HERE.parents[1]))
        patch.setenv("no_proxy", "127.0.0.1")
        places["settled"] = workspace_location._home(data)
        words = [str(python), str(HERE / "serve_host.py"), str(data), str(port), str(places["chosen"])]
        server = subprocess.Popen(words, stdout=log, stderr=log, cwd=data)
        try:
            _wait_for(port, server, folder / "log.txt")
            yield Served(request.param, data, port, places)
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(port: int, server: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError(log.read_text("utf-8", "replace"))


def spellings(data: Path, file: Path) -> list[str]:
    """Of one path, as somebody writes it who wants it all the same."""
    up, below = os.path.relpath(file, data), str(file).lstrip("/")
    root = "../" * len(data.parts)
    return [
        str(file), f"/{file}", f"//{file}", f"{file.parent}/./{file.name}", f"{file.parent}/x/../{file.name}", up,
        f"{data}/{up}", f"{data}/models/../{up}", f"{data}/models/{root}{below}", f"models/{root}{below}",
        f"{data}/models/.././{up}", str(file).replace("/", "\\"), str(file).upper(), f"file://{file}", f"{file} ",
        f"{file}\0", quote(str(file)), quote(quote(str(file), safe=""), safe=""),
    ]  # fmt: skip


def test_what_the_routes_serve_is_what_is_said_of_them(served):
    """The reason for all this: otherwise the tests below could not fail."""
    person = Path("persons") / "anna" / "person.json"

    assert served.hands_out(served.data / "models" / "note.txt")
    assert served.hands_out(served.places["earlier"] / person)
    # Gradio 3 keeps back what has a dot in front. Gradio 4 does not, where the folder above was named.
    assert served.hands_out(served.places["dotted"] / person) is (served.version == "4.40.0")


def test_no_spelling_reaches_a_person_in_the_workspace(served, monkeypatch):
    root = settle(served.data).root
    file = root / "persons" / "anna" / "person.json"
    assert file.read_bytes() == SECRET
    assert not is_reached_by(served, root, monkeypatch)
    photo = root / "persons" / "anna" / "photos" / "1.jpg"

    for path in (file, photo):
        for spelling in spellings(served.data, path):
            for asked in (f"/file={quote(spelling)}", f"/file={quote(spelling, safe='')}", f"/file/{quote(spelling)}"):
                status, content = served.answer(asked)
                assert status in (400, 403, 404, 500), (status, asked)
                assert SECRET not in content, asked
                assert content != b"a face", asked
    # Where it lay until it was moved, nothing is left.
    assert served.answer(f"/file={served.places['earlier'] / 'persons' / 'anna' / 'person.json'}")[0] in (403, 404)


def test_a_chosen_workspace_within_reach_is_kept_back_as_far_as_gradio_can(served):
    assert not served.hands_out(served.places["chosen"] / "persons" / "anna" / "person.json")


def is_reached_by(served: Served, root: Path, monkeypatch) -> bool:
    """What EasyPhoto itself thinks of that gradio."""
    from types import SimpleNamespace

    modules = {"paths": SimpleNamespace(data_path=str(served.data), script_path=str(served.data)),
               "shared": SimpleNamespace(cmd_opts=SimpleNamespace(gradio_allowed_path=[str(served.data)]))}  # fmt: skip
    monkeypatch.setattr("easyphoto.webui.served_files.host_module", modules.__getitem__)
    monkeypatch.setattr("easyphoto.webui.served_files.loaded", lambda _: SimpleNamespace(__version__=served.version))
    return is_reached(root)
