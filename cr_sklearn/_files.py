"""Files that appear complete or not at all."""

import os
from pathlib import Path


def write_whole(path, content):
    """Write a file, or leave what was there.

    Raises
    ------
    OSError
        If it can't be written.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"Can't write {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise IsADirectoryError(f"Can't write {path}: it is a folder.")
    # In the same folder, since a file can't be renamed from one disk to another.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
