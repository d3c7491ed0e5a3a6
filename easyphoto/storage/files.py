"""Atomic writes, after which a killed process leaves no partial file that looks whole, and reads of regular files only.

A file is as private as its folder: in a folder of mode 0700, as all of the workspace are, it has mode 0600. The umask
is never changed for that, because all threads of the process share it.
"""

import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from easyphoto.errors import DiskFailure, InputError, NotAFile, OutsideFolder
from easyphoto.messages import text

WRITING = ".writing-"
"""Prefix of the names of files that are being written."""
MOST_NAME_BYTES = 255
"""Longest file name in bytes on common file systems; their errors for longer ones differ."""
# Of the name of a copy: what stands before or after it in the copy's own name needs room.
_LONGEST_COPY = 200
_REFUSED = '<>:"/\\|?*'
JOINERS = "\u200c\u200d"
"""Invisible letters without which some names are misspelt; they affect only the letters beside them."""
SECONDS_TO_LET_GO = 1.0
"""How long to wait for a file that another process has open. Windows and some network disks refuse to replace it; virus
scanners and viewers close it within tenths of a second."""
_PRIVATE = 0o700
_ATTEMPTS = 20
_BLOCK = 1 << 20
_KINDS = {
    stat.S_IFDIR: text("a folder"),
    stat.S_IFIFO: text("a pipe"),
    stat.S_IFSOCK: text("a socket"),
    stat.S_IFCHR: text("a device"),
    stat.S_IFBLK: text("a device"),
}
_CHANGED = text("The record that names it was changed by hand, or is damaged.")
_FIXES = text("Check free space and the permissions of the folder, then run the same command again.")
_IN_USE = text(
    "Check the permissions of the folder, and close whatever has the file open, then run the same command again."
)


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success it is synced and replaces `target` in one step.

    The temporary name keeps the target's suffix, because PIL and safetensors choose the format by it.
    Raises DiskFailure where the disk is full or not writable, NotAFile where `target` is a folder, a device or a pipe,
    InputError where a file read inside the block is missing; `target` is then unchanged.
    """
    target = _writable(target)
    temporary = handle = None
    try:
        temporary, handle = _begun(target)
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        take_place(temporary, target)
        _sync_folder(target.parent)
    except OSError as error:
        if _is_of_another(error, target):
            raise InputError(
                text(
                    "{name} could not be made, because {filename} cannot be read: {cause}.",
                    name=target.name,
                    filename=error.filename,
                    cause=cause_of(error),
                ),
                advice=text("Check that it exists and can be read."),
            ) from error
        advice = _IN_USE if isinstance(error, PermissionError) else _FIXES
        raise DiskFailure(
            text("{name} could not be written: {cause}.", name=target.name, cause=cause_of(error)), advice=advice
        ) from error
    finally:
        try:
            if temporary is not None:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
        finally:
            if handle is not None:
                os.close(handle)


def _begun(target: Path) -> tuple[Path, int | None]:
    """Create a temporary file for `target`, open and locked, so that no sweep takes it for one of a killed process.

    Each attempt has a name of its own: a sweep that has the lost file open deletes it by its name. On Windows the file
    is closed again, because an open file cannot replace another one there.
    """
    for attempt in range(_ATTEMPTS):
        temporary = target.with_name(f"{WRITING}{secrets.token_hex(8)}{target.suffix}")
        try:
            make_folder(temporary.parent)
            handle = private_opener(str(temporary), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileNotFoundError:  # another process has just removed the empty folder
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        if os.name == "nt":
            os.close(handle)
            return temporary, None
        taken = None
        with suppress(OSError):  # a disk without locks
            taken = try_lock(handle)
        if taken is False or not is_same_file(handle, temporary):
            # A sweep has taken the file before it was locked.
            os.close(handle)
            with suppress(OSError):
                temporary.unlink()
            continue
        return temporary, handle
    raise FileNotFoundError(errno.ENOENT, "it is removed again and again", str(temporary))


def try_lock(handle: int) -> bool | None:
    """Lock an open file until it is closed, without waiting; False where another process holds it.

    None on systems without this lock. Raises OSError on disks without locks.
    """
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_same_file(handle: int, path: Path) -> bool:
    """Whether the open file still lies at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def take_place(new: Path, target: Path) -> None:
    """`os.replace` that retries for `SECONDS_TO_LET_GO` while another process has `target` open. Raises OSError."""
    latest = time.monotonic() + SECONDS_TO_LET_GO
    while True:
        try:
            os.replace(new, target)
            return
        except PermissionError:
            if time.monotonic() > latest:
                raise
            time.sleep(0.05)


def private_opener(path: str, flags: int) -> int:
    """For `open(…, opener=private_opener)`: a created file is as private as its folder. Raises OSError."""
    return os.open(path, flags, _rights_in(Path(path).parent) & 0o666)


def _rights_in(folder: Path) -> int:
    """Mode of new entries in `folder`, always with the owner's own rights.

    On Windows a folder's mode says nothing (read-only means there that it has an icon), and rights are inherited.
    """
    return folder.stat().st_mode & 0o777 | 0o700 if os.name == "posix" else 0o777


def _writable(target: Path) -> Path:
    """The target of a link, so that it stays a link. Raises NotAFile for anything but a regular file."""
    try:
        target = target.resolve() if target.is_symlink() else target
        kind = stat.S_IFMT(target.stat().st_mode)
    except (OSError, RuntimeError):  # missing, or a cycle of links
        return target
    if kind != stat.S_IFREG:
        raise NotAFile(
            text("{target} is {what}.", target=target, what=_KINDS.get(kind, text("no file"))),
            advice=text("Give a new file, or one to be replaced."),
        )
    return target


def _is_of_another(error: OSError, target: Path) -> bool:
    """Whether the error is about another file than `target`, its folder or its temporary file: one that was read."""
    if not isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError)) or error.filename is None:
        return False
    named = Path(os.fsdecode(error.filename))
    is_temporary = named.parent == target.parent and named.name.startswith(WRITING)
    return not is_temporary and named not in (target, target.parent)


def _sync_folder(folder: Path) -> None:
    """Make a new name in the folder durable. Windows has no such call, and some network disks refuse it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def make_folder(folder: Path) -> Path:
    """Make the folder and its missing parents, each as private as its own parent. Raises OSError."""
    missing = []
    while not folder.is_dir() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        with suppress(FileExistsError):
            path.mkdir(mode=_rights_in(path.parent))
        # If another process has just removed it, the writer notices that and makes it again.
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(path.stat().st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    return missing[0] if missing else folder


def matching(folder: Path, pattern: str) -> tuple[Path, ...]:
    """The paths that `folder.glob` finds, sorted; empty for a folder that is missing or vanishes meanwhile.

    `glob` itself raises then, and empty folders of a workspace come and go.
    """
    try:
        return tuple(sorted(folder.glob(pattern)))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def make_private_folder(folder: Path) -> Path:
    """Make a folder of mode 0700, or give an existing one that mode. Raises OSError."""
    made = make_folder(folder)
    if os.name == "posix" and stat.S_IMODE(made.stat().st_mode) != _PRIVATE:
        made.chmod(_PRIVATE)
    return made


def copy_file(source: Path, target: Path) -> Path:
    """Copy the content to a file as private as its folder; follows a link. Raises OSError and NotAFile."""
    with open_regular(source) as stream, open(target, "wb", opener=private_opener) as copy:
        shutil.copyfileobj(stream, copy, _BLOCK)
    return target


def copy_folder(source: Path, target: Path) -> Path:
    """Copy all regular files to a new folder; links and special files are left out. Raises OSError."""
    target.mkdir(mode=_rights_in(target.parent))
    for entry in sorted(source.iterdir()):
        if entry.is_symlink():
            continue
        if entry.is_dir():
            copy_folder(entry, target / entry.name)
        elif entry.is_file():
            copy_file(entry, target / entry.name)
    return target


def open_regular(source: Path) -> BinaryIO:
    """Open a file for reading. Raises OSError, and NotAFile without blocking for a pipe, device, socket or folder."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(source, flags)
    except OSError:
        # Some kinds, such as sockets, cannot even be opened.
        with suppress(OSError):
            _check_kind(source, source.stat().st_mode)
        raise
    try:
        _check_kind(source, os.fstat(handle).st_mode)
        if hasattr(os, "set_blocking"):
            os.set_blocking(handle, True)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _check_kind(source: Path, mode: int) -> None:
    kind = stat.S_IFMT(mode)
    if kind != stat.S_IFREG:
        raise NotAFile(
            text("{source} is {what}.", source=source, what=_KINDS.get(kind, text("no file"))),
            advice=text("Give a file."),
        )


def read_regular(source: Path, most: int) -> bytes:
    """A file's content. Raises NotAFile, InputError for more than `most` bytes, OSError."""
    with open_regular(source) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise InputError(
            text("{source} has more than {most} bytes.", source=source, most=most),
            advice=text("It was not made by EasyPhoto, or it is damaged."),
        )
    return content


def inside(folder: Path, name: str) -> Path:
    """The path that a record names, relative to `folder`. Raises OutsideFolder for one that leads out of it.

    Every path in a record passes through here, because records also come from other people's exports and from editors.
    """
    if any(len(part.encode("utf-8", "replace")) > MOST_NAME_BYTES for part in Path(name).parts):
        raise OutsideFolder(text("{name!r} is not a path.", name=name[:100]), advice=_CHANGED)
    try:
        path = folder / name
        root, found = folder.resolve(), path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise OutsideFolder(text("{name!r} is not a path.", name=name[:100]), advice=_CHANGED) from error
    if Path(name).is_absolute() or root not in found.parents:
        raise OutsideFolder(
            text("{name!r} points outside of {folder}.", name=name[:100], folder=folder.name), advice=_CHANGED
        )
    return path


def readable_name(file: Path) -> str:
    """The file's name as records and copies can hold it: a byte that is not text becomes its number, as `%FF`.

    A name that is too long for what stands before or after it in a copy's own name loses its middle.
    """
    letters = (f"%{ord(letter) - 0xDC00:02X}" if "\udc80" <= letter <= "\udcff" else letter for letter in file.name)
    name = "".join(letters)
    if len(name.encode()) <= _LONGEST_COPY:
        return name
    stem, suffix = os.path.splitext(name)
    suffix = suffix if len(suffix.encode()) < _LONGEST_COPY // 2 else ""
    half = (_LONGEST_COPY - len(suffix.encode())) // 2 - 2
    return f"{stem.encode()[:half].decode(errors='ignore')}…{stem.encode()[-half:].decode(errors='ignore')}{suffix}"


def portable_name(name: str) -> str:
    """A file name that every system allows: what Windows or a terminal would not take as it is becomes its number."""
    name = "".join(
        letter if _is_portable(letter) else "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
        for letter in name
    )
    return f"{name[:-1]}%{ord(name[-1]):02X}" if name.endswith((".", " ")) else name


def _is_portable(letter: str) -> bool:
    return letter not in _REFUSED and (letter.isprintable() or letter in JOINERS)


def cause_of(error: BaseException) -> str:
    """The cause: for system errors the system's message without its number, else the error's text or its class name."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def disk_failure(error: OSError) -> DiskFailure:
    """A system error that was not handled where it happened, as a DiskFailure."""
    if error.filename is None:
        said = text("{cause}.", cause=cause_of(error))
    else:
        said = text("{file}: {cause}.", file=error.filename, cause=cause_of(error))
    advice = text("Check free space, and that the folder exists and can be written to; then try again.")
    return DiskFailure(said, advice=advice)


def write_bytes(target: Path, content: bytes) -> None:
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, content: str) -> None:
    write_bytes(target, content.encode("utf-8"))
