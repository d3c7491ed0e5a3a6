"""Saved settings over HTTP: list, get, save, delete. They are everybody's, as persons are."""

from dataclasses import dataclass

from easyphoto.api.paths import told
from easyphoto.api.schemas import (
    ConfigurationAnswer,
    ConfigurationEntry,
    ConfigurationKind,
    ConfigurationRequest,
    ConfigurationsAnswer,
    DeletedAnswer,
)
from easyphoto.jobs.bases import check_base
from easyphoto.jobs.service import Service
from easyphoto.workspace.configurations import KINDS, Configuration, Configurations, checked_name, configuration_from


@dataclass(frozen=True)
class ConfigurationRoutes:
    service: Service

    def list(self) -> ConfigurationsAnswer:
        names = [(kind, name) for kind in KINDS for name in self._known(kind).names()]
        return ConfigurationsAnswer(configurations=[ConfigurationEntry(kind=kind, name=name) for kind, name in names])

    def get(self, kind: ConfigurationKind, name: str) -> ConfigurationAnswer:
        """The file that the page exports, and that the command line takes."""
        return _answer(self._known(kind).get(name))

    def save(self, kind: ConfigurationKind, name: str, request: ConfigurationRequest) -> ConfigurationAnswer:
        """Save settings under the name of the path, in place of those that have it."""
        called = checked_name(name)
        found = configuration_from(request.configuration, kind=kind, source=called)
        if found.base is not None:
            check_base(found.base, self.service.facts().checkpoints)
        saved = self._known(kind).save(found.named(called))
        return _answer(saved)

    def delete(self, kind: ConfigurationKind, name: str) -> DeletedAnswer:
        return DeletedAnswer(deleted=[f"configurations/{kind}/{self._known(kind).delete(name).name}"])

    def _known(self, kind: str) -> Configurations:
        return Configurations(self.service.app.workspace, kind)


def _answer(found: Configuration) -> ConfigurationAnswer:
    return ConfigurationAnswer(configuration=found.portable.record(), notes=told(found.dropped))
