"""Finds weight files on this machine outside the store: in mirrors, a web UI's folders and the hubs' caches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from easyphoto.weights.entries import HubFile, ModelScopeFile, Source, Variant, WeightFile

_WEBUI_FOLDERS = (
    "models/ControlNet",
    "models/ControlNetPreprocessor",
    "models/Lora",
    "models/VAE",
    "models/Stable-diffusion",
    "models/GFPGAN",
    "models/Codeformer",
    "models/RealESRGAN",
    "models/ESRGAN",
    "models/facexlib",
    "models/facedetection",
    "models/insightface",
    "extensions/sd-webui-controlnet/models",
    "extensions/sd-webui-controlnet/annotator/downloads",
    "extensions-builtin/sd_forge_controlnet/annotator/downloads",
    "repositories/CodeFormer/weights",
)
# Depth of the search in folders: users sort their models into subfolders, but deeper ones hold other programs' files.
_DEPTH = 3


def host_folders(webui: Path | None) -> tuple[Path, ...]:
    """Folders in which other programs keep files of the catalogue: a web UI, facexlib, insightface, rembg."""
    home = Path.home()
    folders = [webui / folder for folder in _WEBUI_FOLDERS] if webui else []
    folders += [home / ".insightface" / "models", home / ".u2net", home / ".cache" / "facexlib"]
    return tuple(folder for folder in folders if folder.is_dir())


def default_mirrors() -> tuple[Path, ...]:
    """The folders named by EASYPHOTO_WEIGHTS_MIRROR, separated as in PATH."""
    named = os.environ.get("EASYPHOTO_WEIGHTS_MIRROR", "")
    return tuple(Path(part).expanduser() for part in named.split(os.pathsep) if part)


def candidates(
    file: WeightFile, form: Variant, *, root: Path, mirrors: tuple[Path, ...], also: tuple[Path, ...]
) -> Iterator[Path]:
    """Every existing file that may be `form`, the store's own files first."""
    own = [root / file.folder / name for name in form.names]
    named = [place for mirror in mirrors for place in (mirror / form.name, mirror / file.folder / form.name)]
    yield from (place for place in (*own, *named) if place.is_file())
    names = frozenset(name.lower() for name in form.names)
    for folder in (*mirrors, *also):
        yield from (place for place in _named(folder, names, _DEPTH) if place not in named)
    for source in form.sources:
        yield from _cached(source)


def _named(folder: Path, names: frozenset[str], depth: int) -> Iterator[Path]:
    """Files of these names, ignoring case, down to `depth` folders below."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        try:
            if entry.name.lower() in names and entry.is_file():
                yield Path(entry.path)
            elif depth > 1 and entry.is_dir() and not entry.name.startswith("."):
                yield from _named(Path(entry.path), names, depth - 1)
        except OSError:
            continue


def _cached(source: Source) -> Iterator[Path]:
    if isinstance(source, HubFile):
        yield from _hub_cached(source)
    elif isinstance(source, ModelScopeFile):
        yield from _modelscope_cached(source)


def _hub_cached(source: HubFile) -> Iterator[Path]:
    """Files that another program downloaded through huggingface_hub; none without that package."""
    folder = _hub_cache()
    if not folder.is_dir():
        return
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return
    try:
        found = try_to_load_from_cache(source.repository, source.file, cache_dir=str(folder), revision=source.revision)
    except (OSError, ValueError):
        return
    if isinstance(found, str) and Path(found).is_file():
        yield Path(found)


def _hub_cache() -> Path:
    """The hub's cache by the environment at each call; huggingface_hub keeps the values from its import."""
    if cache := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "hub"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "huggingface" / "hub"


def _modelscope_cached(source: ModelScopeFile) -> Iterator[Path]:
    """Files that another program downloaded from ModelScope: through its client, then in older cache layouts."""
    base = Path(os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope").expanduser()
    if not base.is_dir():
        return
    owner, _, name = source.repository.partition("/")
    folders = (
        base / "models" / f"{owner}--{name}" / "snapshots" / source.revision,
        *(base / root / owner / name.replace(".", "___") for root in ("models", "hub/models", "hub")),
    )
    known = next((place for folder in folders if (place := folder / source.file).is_file()), None)
    found = known or _by_modelscopes_client(source, base)
    if found is not None:
        yield found


def _by_modelscopes_client(source: ModelScopeFile, base: Path) -> Path | None:
    try:
        from modelscope_hub import HubApi
        from modelscope_hub.errors import HubError
    except ImportError:
        return None
    try:
        # With local_files_only the client makes no folder below the cache and no request.
        found = HubApi().download_file(source.repository, "model", source.file, cache_dir=base, local_files_only=True)
    except (HubError, OSError, ValueError):
        return None
    return Path(found)
