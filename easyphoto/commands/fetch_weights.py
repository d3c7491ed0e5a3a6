"""Fetches weight files of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from easyphoto.commands.base import UNRECORDED, Command, Context, described
from easyphoto.errors import EnvironmentFailure, InputError, WeightsMissing
from easyphoto.messages import note, text
from easyphoto.settings.options import Options

if TYPE_CHECKING:
    from easyphoto.app import EasyPhoto
    from easyphoto.weights.catalog import UsedWeight
    from easyphoto.weights.store import WeightStore


@dataclass(frozen=True)
class FetchedWeights:
    files: tuple[UsedWeight, ...]
    """What is at hand now, whether it came or was there."""
    refused: tuple[str, ...] = ()
    """Ids of files of the sets that the licence set excludes."""


@dataclass(frozen=True)
class FetchWeights(Command):
    """Fetch what is missing of these sets and files, and verify it. Only what the catalogue names can be asked for."""

    kind: ClassVar[str] = "weights"
    names: tuple[str, ...] = field(metadata=described("Names of sets, or ids of files, of the catalogue."))
    options: Options | None = field(default=None, metadata=UNRECORDED)

    @property
    def title(self) -> str:
        return text("fetch {names}", names=", ".join(self.names))

    def validated(self, app: EasyPhoto) -> FetchWeights:
        """Raises InputError for an unknown name, LicenceRefused and, offline, WeightsMissing for a file by its name."""
        from easyphoto.weights.delivery import order_of
        from easyphoto.weights.refusals import OFFLINE, missing, not_allowed

        if not self.names:
            raise InputError(text("Nothing was asked for."), advice=text("Name a set or a file of the catalogue."))
        store = app.with_options(self.options).store
        files = order_of(self.names, store.licences).files
        for file in files:
            if not store.allows(file.id):
                raise not_allowed(file, store.licences.value)
        for file in files if store.is_offline else ():
            if not store.is_there(file.id):
                raise missing(file, OFFLINE, store.root)
        return self

    def run(self, app: EasyPhoto, context: Context) -> FetchedWeights:
        """Raises the store's errors, WeightsMissing where several files could not be had."""
        from easyphoto.weights.delivery import AllFiles, deliveries, order_of

        store = app.with_options(self.options).store
        order = order_of(self.names, store.licences)
        files = order.files
        if order.note is not None:
            context.note(order.note)
        progress = AllFiles(context, _bytes_ahead(store, tuple(file.id for file in files)))
        made: list[UsedWeight] = []
        failed: list[EnvironmentFailure] = []
        progress.begin(files[0])
        for delivery, following in zip(deliveries(store, order, progress), (*files[1:], None), strict=True):
            progress.end()
            if following is not None:
                progress.begin(following)
            if delivery.failed is not None:
                failed.append(delivery.failed)
            else:
                made.append(store.used(delivery.file.id))
        _raise_for(failed, context)
        return FetchedWeights(tuple(made), tuple(file.id for file in order.left_out))


def _bytes_ahead(store: WeightStore, ids: tuple[str, ...]) -> dict[str, int]:
    """Return the bytes of each file that will be fetched; 0 where the catalogue does not know them."""
    from easyphoto.weights.catalog import weight_file

    return {id: weight_file(id).bytes or 0 for id in ids if store.allows(id) and not store.is_there(id)}


def _raise_for(failed: list[EnvironmentFailure], context: Context) -> None:
    """Raise the error of the file that could not be had; of several, each becomes a note."""
    if len(failed) == 1:
        raise failed[0]
    if failed:
        for failure in failed:
            context.note(note("weight-failed", "{error}", error=failure))
        raise WeightsMissing(
            text("{count} files could not be downloaded.", count=len(failed)),
            advice=text("See above for what to do about each."),
        )
