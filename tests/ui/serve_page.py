"""`python serve_page.py WORKSPACE PORT LANGUAGE TRAINER`: the page with a real desk, for the browser's tests.

Runs under every gradio; TRAINER is the Python that has what training needs.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from easyphoto.app import EasyPhoto
from easyphoto.host import HostFacts, ThisMachine
from easyphoto.jobs.desk import Desk
from easyphoto.jobs.queue import JobQueue
from easyphoto.ui.page import build_page
from easyphoto.workspace import Workspace


@dataclass(frozen=True)
class OtherTrainer(ThisMachine):
    language: str = "en"
    python: str = ""

    def facts(self) -> HostFacts:
        return replace(super().facts(), language=self.language, warnings=("Nothing is missing.",))

    def trainer(self, workspace: Workspace) -> Path | None:
        return Path(self.python)


def main(workspace: str, port: str, language: str, trainer: str) -> None:
    place = Workspace(Path(workspace))
    desk = Desk(EasyPhoto(place, host=OtherTrainer(language, trainer)), JobQueue(place))
    page = build_page(desk, standalone=True)
    page.blocks.launch(server_name="127.0.0.1", server_port=int(port), share=False, quiet=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
