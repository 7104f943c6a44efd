"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numerics.errors import ArgumentError


def require_writable(argument: str, path: Path) -> None:
    """Raise ArgumentError unless a file can be put at `path`; leaves nothing behind."""
    folder = path.parent
    try:
        if not path.name:
            raise ArgumentError(argument, path, "a file name")
        if path.is_dir():
            raise ArgumentError(argument, path, "a file name; it is a directory")
        if path.exists() and not path.is_file():
            raise ArgumentError(argument, path, "a regular file")
        if not folder.is_dir():
            raise ArgumentError(argument, path, "in an existing directory")
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ArgumentError(argument, path, f"writable ({error.strerror})") from None


def require_directory(argument: str, path: Path) -> None:
    """Create the directory if needed; raise ArgumentError when that is impossible or it cannot be written to."""
    if not path.name:
        raise ArgumentError(argument, path, "the name of a directory")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(argument, path, f"a directory that can be made ({error.strerror})") from None
    try:
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ArgumentError(argument, path, f"writable ({error.strerror})") from None


@contextmanager
def whole_file(argument: str, path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that is renamed to it when the block ends well, and removed when it does not.

    The temporary name keeps the ending, so that writers which look at it work. Raises ArgumentError.
    """
    require_writable(argument, path)
    handle, name = tempfile.mkstemp(prefix=".rankproof-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise ArgumentError(argument, path, f"writable ({error.strerror or error})") from None
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
