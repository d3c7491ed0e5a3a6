"""The catalogue of weights over HTTP: which sets there are, under which licences, and what is at hand."""

from dataclasses import dataclass

from easyphoto.api.schemas import WeightAnswer, WeightsAnswer, WeightSetAnswer
from easyphoto.jobs.service import Service
from easyphoto.weights.catalog import CATALOG, SETS
from easyphoto.weights.entries import WeightFile
from easyphoto.weights.store import WeightStore


@dataclass(frozen=True)
class WeightRoutes:
    service: Service

    def list(self) -> WeightsAnswer:
        """The sets and files that /weights:fetch takes. `at_hand` tells by name and size; what is used is verified."""
        store = self.service.app.store
        return WeightsAnswer(
            licences=store.licences.value,
            offline=store.is_offline,
            sets=[WeightSetAnswer(name=name, files=[*ids]) for name, ids in SETS.items()],
            files=[_answer(store, file) for file in CATALOG.values()],
        )


def _answer(store: WeightStore, file: WeightFile) -> WeightAnswer:
    return WeightAnswer(
        id=file.id,
        file=file.name,
        bytes=file.bytes,
        licence=file.licence,
        commercial=file.commercial.value,
        needed_by=file.needed_by,
        is_allowed=store.allows(file.id),
        at_hand=store.is_there(file.id),
        bytes_begun=store.bytes_begun(file.id),
    )
