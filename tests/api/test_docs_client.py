"""The client of docs/api.md, as somebody would run it, against a server that paints with the miniature."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from PIL import Image

from easyphoto.app import EasyPhoto
from easyphoto.bench.persons import draw_member, write_photos
from easyphoto.cli.server import build_app, open_port
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.workspace.folders import Workspace

ROOT = Path(__file__).resolve().parents[2]
CLIENT, TEMPLATE = ROOT / "docs" / "client.py", ROOT / "templates" / "03-room.png"


@contextmanager
def served(workspace, accounts):
    service = Service(EasyPhoto(Workspace(workspace), mirrors=()), JobQueue(Workspace(workspace)))
    server = uvicorn.Server(uvicorn.Config(build_app(service, accounts, tabs=False), log_level="error"))
    with open_port("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            service.queue.close()


def run(address, account, *words, folder):
    told = {"EASYPHOTO_SERVER": address, "EASYPHOTO_ACCOUNT": account}
    return subprocess.run(
        [sys.executable, str(CLIENT), *map(str, words)], env={**os.environ, **told}, cwd=folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_client_is_short_and_is_shown():
    lines = CLIENT.read_text("utf-8").split('"""', 2)[2].split("\n\n\n", 1)[1].splitlines()

    assert len([line for line in lines if line.strip()]) <= 35
    assert "client.py" in (ROOT / "docs" / "api.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_client_adds_a_person_follows_photographs_them_and_fetches_the_picture(tmp_path):
    photos = write_photos(draw_member(7), tmp_path / "photos")
    with served(tmp_path / "workspace", {"anna": "secret"}) as address:
        refused = run(address, "anna:wrong", "eva", *photos, TEMPLATE, folder=tmp_path)
        made = run(address, "anna:secret", "eva", *photos, TEMPLATE, folder=tmp_path)
        again = run(address, "anna:secret", "eva", *photos, TEMPLATE, folder=tmp_path)

    assert (refused.returncode, refused.stderr.split(":")[0]) == (1, "Unauthorised")
    assert made.returncode == 0, made.stdout + made.stderr
    *phases, picture = made.stdout.splitlines()
    assert phases
    with Image.open(tmp_path / picture) as result, Image.open(TEMPLATE) as template:
        assert result.size == template.size
        assert result.convert("RGB").tobytes() != template.convert("RGB").tobytes()
    assert (again.returncode, again.stderr.split(":")[0]) == (1, "NameTaken")
