"""`python serve_page.py WORKSPACE PORT LANGUAGE TRAINER [ACCOUNTS]`: our server, for the page's tests.

Runs under every gradio; TRAINER is the Python that has what training needs. With "in-a-host" for ACCOUNTS the page is a
part of another one, which gradio itself serves, as in web UIs.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr

from easyphoto.api.routes import parse_accounts
from easyphoto.app import EasyPhoto
from easyphoto.cli.server import serve
from easyphoto.host.base import HostFacts, ThisMachine
from easyphoto.jobs.queue import JobQueue
from easyphoto.jobs.service import Service
from easyphoto.ui.page import Page, build_page
from easyphoto.workspace.folders import Workspace

IN_A_HOST = "in-a-host"


@dataclass(frozen=True)
class OtherTrainer(ThisMachine):
    language: str = "en"
    python: str = ""

    def facts(self) -> HostFacts:
        return replace(super().facts(), language=self.language, warnings=("Nothing is missing.",))

    def trainer(self, workspace: Workspace) -> Path | None:
        return Path(self.python)


def host_with(page: Page) -> gr.Blocks:
    """As web UIs do it: our page in a tab, and a handler of theirs that takes the picture on show."""
    with gr.Blocks(analytics_enabled=False) as host:
        with gr.Tabs(), gr.Tab("EasyPhoto"):
            page.blocks.render()
        sent = gr.Image(elem_id="host_picture")
        gr.Button("send", elem_id="host_send").click(lambda picture: picture, [page.send.picture], [sent], queue=False)
    return host


def main(workspace: str, port: str, language: str, trainer: str, accounts: str = "") -> None:
    place = Workspace(Path(workspace))
    service = Service(EasyPhoto(place, host=OtherTrainer(language, python=trainer)), JobQueue(place))
    if accounts == IN_A_HOST:
        host_with(build_page(service, standalone=False)).launch(
            server_name="127.0.0.1", server_port=int(port), share=False, quiet=True
        )
    else:
        serve(service, parse_accounts(accounts), port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
