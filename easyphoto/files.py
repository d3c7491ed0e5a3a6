"""Writing files so that a killed process leaves nothing half-written that looks whole."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from easyphoto.errors import DiskFailure, InputError


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; on success it is synced and takes `target`'s place in one step.

    The temporary name keeps the target's suffix, because PIL and safetensors choose the format by it.
    Raises DiskFailure where the disk is full or not writable; `target` is then as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".writing-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        give_usual_rights(temporary, 0o666)
        os.replace(temporary, target)
    except OSError as error:
        raise DiskFailure(
            f"{target.name} could not be written: {error}.",
            advice="Check free space and the rights of the folder, then run the same command again.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def give_usual_rights(made: Path, rights: int) -> None:
    """`rights` less this process's mask, as any new file or folder has them; tempfile makes private ones."""
    umask = os.umask(0)
    os.umask(umask)
    made.chmod(rights & ~umask)


def write_bytes(target: Path, content: bytes) -> None:
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, content: str) -> None:
    write_bytes(target, content.encode("utf-8"))


def write_json(target: Path, content: dict[str, Any]) -> None:
    """Write a record; every JSON file of the workspace carries its format's number."""
    write_text(target, json.dumps({"format": 1, **content}, indent=2, ensure_ascii=False) + "\n")


def read_json(source: Path) -> dict[str, Any]:
    """Read a record written by `write_json`. Raises InputError where it is missing, broken or of a later format."""
    try:
        content = json.loads(source.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{source} does not exist.", advice="Check the path.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{source} cannot be read: {error}.", advice="Restore it from a copy or delete it.") from error
    if not isinstance(content, dict) or content.get("format") != 1:
        raise InputError(f"{source} has an unknown format.", advice="It may come from a later version of EasyPhoto.")
    return content
