"""Files for their owner alone, and files that are replaced while others read them.

What is written here is on disk when the call returns: a crash leaves the old file or the new one.
"""

import errno
import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

LARGEST_PRIVATE_FILE = 64 * 1024  # bytes


class PrivateFileError(Exception):
    """A private file cannot be made or used; the message says what to do."""


def create(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read (0600).

    Missing parents are made for the owner alone (0700). PrivateFileError when something is there
    already, for a key is never overwritten, and when it cannot be made.
    """
    try:
        make_folder(path.parent)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be made: {error.strerror}") from error
    descriptor = open_new(path, 0o600)
    try:
        _fill(descriptor, data, 0o600)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            path.unlink()  # half a key must not stand where a whole one is expected
        if isinstance(error, OSError):
            raise PrivateFileError(f"{path} cannot be written: {error.strerror}") from error
        raise


def create_folder(path: Path, parts: Mapping[str, bytes]) -> None:
    """Write a new folder of files, for its owner alone: all of them are there, or none.

    PrivateFileError when something is there already, and when it cannot be made.
    """
    spare = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        for name, data in parts.items():
            create(spare / name, data)
        if path.exists() or path.is_symlink():
            raise PrivateFileError(f"{path} exists. Move it away, or use another name.")
        spare.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be made: {error.strerror}") from error
    finally:
        shutil.rmtree(spare, ignore_errors=True)


def open_new(path: Path, mode: int) -> int:
    """The descriptor of a new file, for writing; PrivateFileError as for `create`."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except FileExistsError as error:
        raise PrivateFileError(f"{path} exists. Move it away, or use another name.") from error
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be made: {error.strerror}") from error


def replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put a whole new file in place of the old one; OSError.

    A reader sees the old or the new, never a part; a crash leaves at most a hidden spare file.
    """
    path.parent.mkdir(mode=0o755 if mode & 0o044 else 0o700, parents=True, exist_ok=True)
    spare = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _fill(descriptor, data, mode)
        spare.replace(path)
    except BaseException:
        with suppress(OSError):
            spare.unlink()
        raise
    sync_folder(path.parent)


def _fill(descriptor: int, data: bytes, mode: int) -> None:
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # whatever the umask
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def read_private(path: Path) -> bytes:
    """Read a file that only its owner may read; PrivateFileError as for `require_private`."""
    try:
        with path.open("rb") as file:
            _refuse_shared(path, os.fstat(file.fileno()))
            return file.read(LARGEST_PRIVATE_FILE)
    except OSError as error:
        raise PrivateFileError(_unreadable(path, error)) from error


def require_private(path: Path) -> None:
    """Raise PrivateFileError unless this is a file that only this user, or root, can read."""
    try:
        status = path.stat()
    except OSError as error:
        raise PrivateFileError(_unreadable(path, error)) from error
    _refuse_shared(path, status)


def _unreadable(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path} does not exist. Check the path, or restore the file from its backup."
    return f"{path} cannot be read: {error.strerror}"


def _refuse_shared(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PrivateFileError(f"{path} is not a file")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PrivateFileError(f"Other users can read {path}. Run: chmod 600 {path}")
    if status.st_uid not in (os.geteuid(), 0):
        raise PrivateFileError(f"{path} belongs to another user. Run: chown {os.geteuid()} {path}")


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, each 0700 whatever the umask; OSError."""
    if folder.is_dir():
        return
    if folder.exists():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder)
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def set_time(path: Path, time: datetime) -> None:
    """Give a file a time of our own clock: since when it is where it is."""
    os.utime(path, (time.timestamp(), time.timestamp()))


def destroy(path: Path) -> None:
    """Overwrite a file and remove it, if it is there; a disk may keep the old blocks."""
    with suppress(FileNotFoundError):
        with path.open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk: what was made, renamed or removed there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def hold(path: Path, busy: Exception, flags: int = os.O_RDWR | os.O_CREAT) -> Iterator[None]:
    """Hold a file, made where there is none, or a folder; raise ``busy`` while another does.

    The kernel frees the lock of a process that died.
    """
    descriptor = os.open(path, flags, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise busy from error
        yield
    finally:
        os.close(descriptor)
