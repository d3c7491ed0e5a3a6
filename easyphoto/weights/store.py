"""The weight store: finds files in its own folder, mirrors and other programs' folders, else downloads them.

It returns verified files only and never overwrites the user's: a file of the right name with other content stays
unchanged and raises an error.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from easyphoto.architectures.base import models_folder
from easyphoto.errors import DiskFailure, RunBusy
from easyphoto.messages import Text, joined, phase, text
from easyphoto.model_cache import bytes_of_files
from easyphoto.progress import Progress
from easyphoto.settings.options import WeightSettings
from easyphoto.storage.files import cause_of
from easyphoto.storage.locks import file_lock
from easyphoto.weights.answers import SourceFailed
from easyphoto.weights.catalog import CATALOG, UsedWeight, WeightFile, weight_file
from easyphoto.weights.download import DownloadLimits, Wish, download, size_of
from easyphoto.weights.entries import LicenceSet, Source, Variant
from easyphoto.weights.ledger import Ledger
from easyphoto.weights.places import candidates, host_folders
from easyphoto.weights.proxies import proxy_advice, without_secret
from easyphoto.weights.refusals import OFFLINE, in_the_way, missing, not_allowed, wrong_content
from easyphoto.weights.soundness import is_sound
from easyphoto.weights.sources import secret_headers, shown_url, url_of

_NO = ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Finding:
    """The result of reading a file again."""

    file: WeightFile
    place: Path
    sha256: str
    fits: bool


def open_store(root: Path, mirrors: tuple[Path, ...], settings: WeightSettings) -> WeightStore:
    """The store in `root` with these settings; it also searches other programs' folders."""
    webui = Path(settings.webui).expanduser() if settings.webui else None
    return WeightStore(root, mirrors, LicenceSet(settings.licences), also=host_folders(webui), offline=settings.offline)


@dataclass(frozen=True)
class WeightStore:
    """Finds and downloads files of the catalogue. A mirror is a folder that holds files under their own names."""

    root: Path
    mirrors: tuple[Path, ...] = ()
    licences: LicenceSet = LicenceSet.COMMERCIAL_SAFE
    also: tuple[Path, ...] = ()
    """Folders of other programs; their files are used in place and never changed."""
    offline: bool = False
    patience: DownloadLimits = field(default_factory=DownloadLimits)

    @property
    def is_offline(self) -> bool:
        """Whether nothing is downloaded: by `offline`, EASYPHOTO_OFFLINE or HF_HUB_OFFLINE."""
        said = (os.environ.get(name, "").strip().lower() for name in ("EASYPHOTO_OFFLINE", "HF_HUB_OFFLINE"))
        return self.offline or any(word not in _NO for word in said)

    @property
    def state(self) -> Hashable:
        """A key that changes whenever `find` may return another file, by the settings or by a new file in the store.

        It does not change when a file that ships with EasyPhoto is hashed, as its first use does.
        """
        known = self.ledger.state(without=models_folder().resolve())
        return self.root, self.mirrors, self.licences, self.also, self.is_offline, known

    def bytes_of(self, used: Iterable[UsedWeight]) -> int:
        """Size of the files of these weights: about what their networks take in memory."""
        return bytes_of_files(file for each in used if (file := self.find(each.id)) is not None)

    def allows(self, id: str) -> bool:
        """Whether the licence set allows the file."""
        return self.licences.allows(weight_file(id).commercial)

    def find(self, id: str, progress: Progress | None = None) -> Path | None:
        """The verified file or a variant of it; None where no folder has it or its licence is refused."""
        file = weight_file(id)
        return next(self._fitting(file, progress), None) if self.allows(id) else None

    def require(self, id: str, progress: Progress) -> Path:
        """The verified file or a variant of it, downloaded where needed.

        Raises LicenceRefused, WeightsMissing, ChecksumMismatch or DiskFailure.
        """
        file = weight_file(id)
        if not self.allows(id):
            raise not_allowed(file, self.licences.value)
        found = self.find(id, progress)
        if found is not None:
            return found
        if self.is_offline:
            self._check_the_way(file)
            raise missing(file, OFFLINE, self.root)
        with self._lock(file, progress):
            # Another process may have downloaded it since. So what lies in the way is looked at here, too.
            found = self.find(id, progress)
            if found is None:
                self._check_the_way(file)
            return found or self._fetch(file, progress)

    def is_there(self, id: str) -> bool:
        """Whether a file of its name and size is at hand. Reads no content, so a page may ask; `find` verifies."""
        file = weight_file(id)
        forms = ((form, place) for form in file.forms for place in self._candidates(file, form))
        return any(form.bytes in (None, size_of(place)) or self._is_trusted(file, form) for form, place in forms)

    def bytes_begun(self, id: str) -> int:
        """Size of what an interrupted download of the file has left, from which the next one goes on."""
        file = weight_file(id)
        return max((size_of(_part_of(self._target(file, form))) for form in file.forms), default=0)

    def used(self, id: str) -> UsedWeight:
        """The file's entry for the record of a run. Raises WeightsMissing where the file is not at hand."""
        file, place = weight_file(id), self.find(id)
        if place is None:
            raise missing(file, text("no folder holds it"), self.root)
        return UsedWeight(id, place.name, file.licence, self.hash_of(place))

    def hash_of(self, path: Path) -> str:
        """The sha256 of any file; files larger than a megabyte are read only once."""
        return self.ledger.hash_of(path)

    def check(self, progress: Progress) -> tuple[Finding, ...]:
        """Hash again every file that may belong to the catalogue, wherever it lies."""
        found: dict[Path, Finding] = {}
        for file in CATALOG.values():
            for form in file.forms:
                for place in self._candidates(file, form):
                    if place not in found:
                        self.ledger.rehash(place, progress)
                    # Several files of the catalogue may share a name; the content must match one of them.
                    if place not in found or not found[place].fits:
                        fits = self._fits(file, form, place)
                        found[place] = Finding(file, place, self.hash_of(place), fits)
        return tuple(found.values())

    def trust(self, id: str) -> Path | None:
        """Trust the first file found, whatever was known before; where there is none, forget the trusted hash."""
        file = weight_file(id)
        for form in file.forms:
            for place in self._candidates(file, form):
                sha256 = self.hash_of(place)
                if sha256 not in _hashes_of_others(file):
                    self.ledger.trust(_key(file, form), sha256, f"accepted: {place}", anew=True)
                    return place
        for form in file.forms:
            self.ledger.forget(_key(file, form))
        return None

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.root / "hashes.json")

    def _candidates(self, file: WeightFile, form: Variant) -> Iterator[Path]:
        return candidates(file, form, root=self.root, mirrors=self.mirrors, also=self.also)

    def _fitting(self, file: WeightFile, progress: Progress | None) -> Iterator[Path]:
        for form in file.forms:
            yield from (place for place in self._candidates(file, form) if self._fits(file, form, place, progress))

    def _fits(self, file: WeightFile, form: Variant, place: Path, progress: Progress | None = None) -> bool:
        """Whether the file matches its known hash; without one, the first sound file is trusted and recorded."""
        key = _key(file, form)
        try:
            if trusted := self.ledger.trusted(key):
                return self.ledger.hash_of(place, progress) == trusted
            if form.bytes is not None and place.stat().st_size != form.bytes:
                return False
            sha256 = self.ledger.hash_of(place, progress)
            if form.is_certain or not sha256.startswith(form.sha256):
                return sha256 == form.sha256
            if sha256 in _hashes_of_others(file):
                return False
            return is_sound(place, place.suffix) and self.ledger.trust(key, sha256, str(place))
        except OSError:
            # An unreadable file is not at hand, wherever it lies.
            return False

    def _check_the_way(self, file: WeightFile) -> None:
        """Raises ChecksumMismatch where a file with other content lies at the target of the download."""
        for form in file.forms:
            target = self._target(file, form)
            if target.is_file():
                raise in_the_way(file, form, target, self.hash_of(target))

    def _fetch(self, file: WeightFile, progress: Progress) -> Path:
        failures: list[Text] = []
        wrong = False
        advice: list[Text] = []
        for form in file.forms:
            for source in form.sources:
                try:
                    return self._fetch_from(source, file, form, progress)
                except SourceFailed as error:
                    place = urlsplit(shown_url(source)).netloc
                    if error.proxy is None:
                        failures.append(text("{place}: {reason}", place=place, reason=error.reason))
                    else:
                        # The same for every source, and more to the point than what stands behind it.
                        failures.append(error.reason)
                        advice = advice or [proxy_advice(error.proxy, place)]
                    wrong = wrong or error.wrong_content
        because = joined(dict.fromkeys(failures), "; ") if failures else text("no hub offers it")
        if wrong:
            raise wrong_content(file, because, self.root)
        raise missing(file, because, self.root, first=advice)

    def _fetch_from(self, source: Source, file: WeightFile, form: Variant, progress: Progress) -> Path:
        part = _part_of(self._target(file, form))
        trusted = self.ledger.trusted(_key(file, form))
        # A file that the user trusted instead may differ in length from the catalogue's.
        size = None if trusted else form.bytes
        wish = Wish(url_of(source), form.name, trusted or form.sha256, size, secret_headers(source))
        sha256 = download(wish, part, progress, self.patience)
        if not form.is_certain:
            self._trust_first(file, form, part, sha256=sha256, url=without_secret(wish.url))
        return self._installed(file, form, part, sha256=sha256)

    def _installed(self, file: WeightFile, form: Variant, part: Path, *, sha256: str) -> Path:
        """Move the verified file to its final name, unless a fitting file has appeared there meanwhile."""
        target = self._target(file, form)
        if target.is_file():
            if not self._fits(file, form, target):
                raise in_the_way(file, form, target, self.hash_of(target))
            part.unlink()
            return target
        try:
            os.replace(part, target)
        except OSError as error:
            raise DiskFailure(
                text("{target} could not be written: {cause}.", target=target, cause=cause_of(error)),
                advice=text("Check the folder's permissions."),
            ) from error
        self.ledger.remember(target, sha256)
        return target

    def _trust_first(self, file: WeightFile, form: Variant, part: Path, *, sha256: str, url: str) -> None:
        """Trust the first download of a file. Raises SourceFailed where it is not a sound file of its kind."""
        sound = is_sound(part, Path(form.name).suffix) and sha256 not in _hashes_of_others(file)
        if sound and self.ledger.trust(_key(file, form), sha256, url):
            return
        part.unlink(missing_ok=True)
        kind = Path(form.name).suffix
        reason = text("it is not a complete {kind} file (sha256 {sha256})", kind=kind, sha256=sha256)
        if sound:
            reason = text("it is not the file that was seen first (sha256 {sha256})", sha256=sha256)
        raise SourceFailed(reason, wrong_content=True)

    def _target(self, file: WeightFile, form: Variant) -> Path:
        return self.root / file.folder / form.name

    def _is_trusted(self, file: WeightFile, form: Variant) -> bool:
        """Whether the user accepted another content, whose size the catalogue does not know."""
        return self.ledger.trusted(_key(file, form)) is not None

    @contextmanager
    def _lock(self, file: WeightFile, progress: Progress) -> Iterator[None]:
        """Lock the download of the file; other processes wait and can be cancelled."""
        path = self.root / ".locks" / f"{file.id}.lock"
        with ExitStack() as held:
            while True:
                progress.check()
                try:
                    held.enter_context(file_lock(path, wait=0.2))
                    break
                except RunBusy:
                    progress.step(0, 0, phase("wait-for-fetch", "another process fetches {name}", name=file.name))
            yield


def _part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _key(file: WeightFile, form: Variant) -> str:
    return f"{file.id}/{form.name}"


def _hashes_of_others(file: WeightFile) -> set[str]:
    """Hashes of all other rows: a file with one of them has that row's licence, whatever its name."""
    return {form.sha256 for other in CATALOG.values() if other.id != file.id for form in other.forms if form.is_certain}
