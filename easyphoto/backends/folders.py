"""Locating a base model's files and identifying their family, without importing torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from errno import ENOENT
from pathlib import Path
from typing import Any

from easyphoto.architectures.base import Family
from easyphoto.architectures.registry import FAMILIES, family_named
from easyphoto.backends.folder_kinds import refuse_other_folders
from easyphoto.backends.headers import header_of
from easyphoto.backends.strangers import family_of_header
from easyphoto.errors import InputError, WeightsMissing
from easyphoto.messages import joined, text
from easyphoto.spelling import meant
from easyphoto.storage.files import cause_of, read_regular
from easyphoto.storage.records import MOST_BYTES, parsed, read_json
from easyphoto.weights.proxies import without_secret

CHECKPOINTS = (".safetensors", ".ckpt")
CONTROLNETS = (".safetensors", ".pth")
CONFIGS_ENDING = ".configs"
FAMILY_NOTE = "easyphoto.json"
"""File that names the family of a folder whose networks do not identify it: {"format": 1, "family": "miniature"}."""
DIFFUSERS_WEIGHTS = "diffusion_pytorch_model.safetensors"
TRANSFORMERS_WEIGHTS = "model.safetensors"
PARTS = {
    "unet": DIFFUSERS_WEIGHTS,
    "vae": DIFFUSERS_WEIGHTS,
    "text_encoder": TRANSFORMERS_WEIGHTS,
    "tokenizer": "tokenizer_config.json",
    "scheduler": "scheduler_config.json",
}
"""Folder → the file it must hold, in every family."""
ENDING, SIXTEEN_BIT, INDEX = "model.safetensors", "model.fp16.safetensors", "model.safetensors.index.json"
"""How the names of a network's files end, in diffusers' and in transformers' naming."""


def base_model(name_or_path: str, folders: Sequence[Path] = ()) -> tuple[Family, Path]:
    """The family, and the folder or file of its weights.

    `name_or_path` is a family's id, the path of a folder in the diffusers layout or of a checkpoint file, or the
    name of a checkpoint, with or without its suffix, anywhere below `folders` (a web UI's models/Stable-diffusion).
    Raises WeightsMissing if there is none, InputError for a model of no supported kind.
    """
    if name_or_path in FAMILIES:
        return _shipped(family_named(name_or_path))
    path = _checkpoint(name_or_path, folders)
    if path is None:
        _refuse_what_is_elsewhere(name_or_path)
        raise WeightsMissing(
            text("There is no base model {name_or_path!r}.", name_or_path=name_or_path),
            advice=joined(
                (
                    *meant(name_or_path, (*FAMILIES, *checkpoint_files(folders))),
                    text(
                        "Give one of {names}, or the path of a checkpoint or of a folder in the diffusers layout.",
                        names=", ".join(FAMILIES),
                    ),
                ),
                " ",
            ),
        )
    # A run's record stores the path and may be read from another working folder.
    return family_of(path), path.absolute()


def _refuse_what_is_elsewhere(named: str) -> None:
    """Raise WeightsMissing for the address of a model, or a link to a file that is gone."""
    path = Path(named).expanduser()
    if path.is_symlink():
        raise WeightsMissing(
            text("{path} is a link to {target}, which is not there.", path=path, target=path.readlink()),
            advice=text("Download the file again, or give another."),
        )
    if "://" in named:
        raise WeightsMissing(
            text("{url} is an address: no checkpoints are downloaded.", url=without_secret(named)),
            advice=text("Download the file, and give its path."),
        )


def checkpoint_files(folders: Sequence[Path]) -> Mapping[str, Path]:
    """Every checkpoint below the folders by a name that `base_model` finds it by; one name means one file."""
    found: dict[str, Path] = {}
    for folder in folders:
        files = sorted(file for file in folder.rglob("*") if _is_checkpoint(file) and file.is_file())
        for file in files:
            found.setdefault(file.name if file.name not in found else str(file.relative_to(folder)), file)
    return found


def checkpoint_folders(webui: str | None) -> tuple[Path, ...]:
    """The checkpoint folder of the web UI installed in `webui`; empty if `webui` is None."""
    return (Path(webui).expanduser() / "models" / "Stable-diffusion",) if webui else ()


def _checkpoint(name_or_path: str, folders: Sequence[Path]) -> Path | None:
    path = Path(name_or_path).expanduser()
    if path.exists():
        return path
    found = [
        file
        for folder in folders
        for file in sorted(folder.rglob("*"))
        if _is_checkpoint(file) and name_or_path in (file.name, file.stem, str(file.relative_to(folder)))
    ]
    # If a checkpoint exists in both formats, take the one that cannot contain code.
    return min(found, key=lambda file: CHECKPOINTS.index(file.suffix.lower()), default=None)


def _is_checkpoint(file: Path) -> bool:
    """Whether its name is a checkpoint's; what it holds is looked at when it is chosen."""
    # macOS leaves a file of that name beside each file that it copies to a disk of another kind.
    return file.suffix.lower() in CHECKPOINTS and not file.name.startswith("._")


def family_of(path: Path) -> Family:
    """The family of a folder or a checkpoint file, told by its note or by its networks' names and widths."""
    return _family_of_folder(path) if path.is_dir() else _family_of_file(path)


def _family_of_file(file: Path) -> Family:
    note = file.with_suffix(CONFIGS_ENDING) / FAMILY_NOTE
    if note.is_file():
        return family_named(str(read_json(note).get("family")))
    return family_of_header(header_of(file))


def configs_folder(family: Family, file: Path) -> Path:
    """The configurations for a checkpoint's networks: the folder `<name>.configs` beside it, else the family's own.

    Files of unusual width or depth need their own folder, in the diffusers layout and with a FAMILY_NOTE.
    """
    own = file.with_suffix(CONFIGS_ENDING)
    return own if own.is_dir() else family.folder


def _family_of_folder(folder: Path) -> Family:
    note = folder / FAMILY_NOTE
    if note.is_file():
        return family_named(str(read_json(note).get("family")))
    refuse_other_folders(folder)
    _require(folder, PARTS)
    parts = {path.name for path in folder.iterdir() if path.is_dir()}
    family = FAMILIES.of_folder(part_config(folder, "unet").get("cross_attention_dim"), parts)
    if family is None:
        known = FAMILIES.names_of_files("and")
        raise InputError(
            text("{folder} holds a type of model that EasyPhoto does not know.", folder=folder),
            advice=text(
                '{known} are recognised; others need {family_note} ({{"format": 1, "family": …}}).',
                known=known,
                family_note=FAMILY_NOTE,
            ),
        )
    require_parts(folder, family)
    return family


def controlnet_folder(family: Family, kind: str, base: Path) -> Path | None:
    """The ControlNet for a kind of control: a folder in the diffusers layout, or a single file.

    It is looked for in `controlnet/` in the base model's folder, or beside its file. None if the family has no
    ControlNet for that kind or it is not there.
    """
    name = family.controls.get(kind)
    if name is None:
        return None
    shelf = (base.parent if base.is_file() else base) / "controlnet"
    if (shelf / name / "config.json").is_file():
        return shelf / name
    files = (shelf / f"{name}{ending}" for ending in CONTROLNETS)
    return next((file for file in files if file.is_file()), None)


def require_parts(base: Path, family: Family) -> None:
    """Raise WeightsMissing if a folder in the diffusers layout lacks a part that the family needs."""
    wanted = dict(PARTS)
    for encoder in family.text_encoders:
        if encoder.part not in PARTS and not (base / encoder.part).is_dir() and not (base / encoder.tokenizer).is_dir():
            raise WeightsMissing(
                text(
                    "{base} lacks {part} and {tokenizer}, which its UNet needs.",
                    base=base,
                    part=encoder.part,
                    tokenizer=encoder.tokenizer,
                ),
                advice=text("Download the whole folder; refiners, which have only that encoder, are not supported."),
            )
        wanted |= {encoder.part: TRANSFORMERS_WEIGHTS, encoder.tokenizer: "tokenizer_config.json"}
    _require(base, wanted)


def base_files(family: Family, base: Path) -> tuple[Path, ...]:
    """The files of a base model's networks: the checkpoint itself, or those of the folder's parts.

    What is wrong with a part is said where it is loaded.
    """
    if not base.is_dir():
        return (base,)
    found: list[Path] = []
    for part in ("unet", "vae", *(encoder.part for encoder in family.text_encoders)):
        with suppress(OSError, ValueError, InputError):
            found += weight_files(base / part)
    return tuple(found)


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The files of one network: one in full precision, else its shards, else one in 16 bit.

    Raises OSError if there is none, OSError, ValueError or InputError if the shards' index cannot be read.
    """
    for ending in (ENDING, INDEX, SIXTEEN_BIT):
        found = sorted(file for file in folder.glob(f"*{ending}") if file.name.count(".") == ending.count("."))
        if found:
            return _shards(found[0]) if ending == INDEX else (found[0],)
    raise FileNotFoundError(ENOENT, f"*{ENDING} is missing", str(folder))


def _shards(index: Path) -> tuple[Path, ...]:
    """The files that an index names. They lie beside it."""
    content = parsed(read_regular(index, MOST_BYTES))
    table = content.get("weight_map") if isinstance(content, dict) else None
    names = sorted({str(name) for name in table.values()}) if isinstance(table, dict) else []
    if not names or any(Path(name).name != name for name in names):
        raise ValueError(f"{index.name} names no files")
    return tuple(index.with_name(name) for name in names)


def _require(base: Path, wanted: Mapping[str, str]) -> None:
    missing = [f"{part}/{name}" for part, name in wanted.items() if not _at_hand(base / part, name)]
    if missing:
        raise WeightsMissing(
            text("{base} is not a complete model folder; missing: {missing}.", base=base, missing=", ".join(missing)),
            advice=text(
                "The folder must be in the diffusers layout with safetensors weights (pickled .bin files "
                "are not opened)."
            ),
        )


def _shipped(family: Family) -> tuple[Family, Path]:
    if not family.ships:
        raise WeightsMissing(
            text("The weights of {label} do not ship with EasyPhoto.", label=family.label),
            advice=text("Give the path of a checkpoint file (.safetensors) instead of this name."),
        )
    return family, family.folder


def _at_hand(folder: Path, name: str) -> bool:
    path = folder / name
    sixteen_bit = path.with_name(path.name.replace(".safetensors", ".fp16.safetensors"))
    sharded = path.with_name(path.name + ".index.json")
    return path.is_file() or sixteen_bit.is_file() or sharded.is_file()


def part_config(folder: Path, part: str) -> dict[str, Any]:
    """The config.json of one network as written, without a library's defaults. Raises WeightsMissing."""
    try:
        config = parsed(read_regular(folder / part / "config.json", MOST_BYTES))
    except (OSError, ValueError, InputError) as error:
        raise WeightsMissing(
            text(
                "{folder}/{part}/config.json cannot be read: {cause}.", folder=folder, part=part, cause=cause_of(error)
            )
        ) from error
    if not isinstance(config, dict):
        raise WeightsMissing(text("{folder}/{part}/config.json is not a configuration.", folder=folder, part=part))
    return config
