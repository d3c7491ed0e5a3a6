"""Creates the training environment beside a web UI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import Command, Context
from easyphoto.errors import TrainerMissing
from easyphoto.messages import text

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto


@dataclass(frozen=True)
class SetupTrainer(Command):
    """Create the training environment if it is missing."""

    kind: ClassVar[str] = "setup"

    @property
    def title(self) -> str:
        return text("set up the trainer")

    def run(self, app: EasyPhoto, context: Context) -> Mapping[str, str]:
        """Return the versions in the environment; empty if this Python trains by itself and needs no environment."""
        from easyphoto.training.environment import make_environment, ready_environment

        try:
            python = app.host.trainer(app.workspace)
        except TrainerMissing:
            return make_environment(app.workspace.env, context).versions
        return ready_environment(app.workspace.env).versions if python is not None else {}
