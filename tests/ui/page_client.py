"""The page's server as a process of its own, and a client that speaks to gradio's routes without a browser."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from tests.ui.gradio_envs import gradio_python

HERE = Path(__file__).parent
NEWEST = "newest"
SECONDS = 30.0
"""For any answer; whoever opens a pipe or a device without an end waits for ever."""


@dataclass
class ServedPage:
    address: str
    workspace: Path
    is_three: bool
    process: subprocess.Popen[bytes]

    def client(self, account: tuple[str, str] | None = None) -> PageClient:
        """A browser of its own, with cookies of its own."""
        http = httpx.Client(base_url=self.address, timeout=SECONDS, trust_env=False, auth=account)
        http.get("/").raise_for_status()
        return PageClient(self, http)


@dataclass
class PageClient:
    page: ServedPage
    http: httpx.Client

    @cached_property
    def config(self) -> dict[str, Any]:
        return self.http.get("/config").json()

    @property
    def api(self) -> str:
        return str(self.config.get("api_prefix") or "")

    @cached_property
    def components(self) -> dict[int, dict[str, Any]]:
        return {each["id"]: each for each in self.config["components"]}

    def upload(self, name: str, content: bytes) -> str:
        """The path that gradio tells."""
        return str(self.http.post(f"{self.api}/upload", files={"files": (name, content)}).json()[0])

    def record(self, path: str, **more: Any) -> dict[str, Any]:
        """A file as this version's pages name it in an event."""
        if self.page.is_three:
            return {"name": path, "orig_name": Path(path).name, "is_file": True, "data": None, "size": 1, **more}
        return {"path": path, "orig_name": Path(path).name, "meta": {"_type": "gradio.FileData"}, **more}

    def event(self, elem_id: str, value: Any, *, order: str | None = None) -> httpx.Response:
        """The first event that takes the component `elem_id`, with `value` in it; the others hold what they hold."""
        wanted = next(id for id, each in self.components.items() if each["props"].get("elem_id") == elem_id)
        events = [(event.get("id", number), event) for number, event in enumerate(self.config["dependencies"])]
        number, event = next((number, event) for number, event in events if wanted in event["inputs"])
        data = [value if id == wanted else self.components[id]["props"].get("value") for id in event["inputs"]]
        body = {"data": data, "fn_index": number, "session_hash": "0123456789a", "event_data": None}
        return self.http.post(f"{self.api}/run/predict", json=body)


@contextmanager
def served(folder: Path, version: str, *more: str, workspace: Path | None = None) -> Iterator[ServedPage]:
    """`more`: what serve_page.py takes at the end. `workspace`: by default an empty one in `folder`."""
    workspace = workspace or folder / "workspace"
    python = Path(sys.executable) if version == NEWEST else gradio_python(version)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(python), str(HERE / "serve_page.py"), str(workspace), str(port), "en", sys.executable]
    variables = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "GRADIO_ANALYTICS_ENABLED": "False"}
    # As in a web UI: gradio's own folder, apart from the workspace.
    variables |= {"GRADIO_TEMP_DIR": str(folder / "gradio"), "no_proxy": "127.0.0.1"}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen([*words, *more], stdout=log, stderr=log, cwd=folder, env=variables)
    page = ServedPage(f"http://127.0.0.1:{port}", workspace, version.startswith("3."), process)
    try:
        _wait_for(page, folder / "log.txt")
        yield page
    finally:
        process.terminate()
        try:
            process.wait(SECONDS)
        finally:
            process.kill()


def _wait_for(page: ServedPage, log: Path) -> None:
    for _ in range(240):
        assert page.process.poll() is None, log.read_text("utf-8", "replace")
        try:
            httpx.get(page.address, timeout=SECONDS, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError(log.read_text("utf-8", "replace"))
