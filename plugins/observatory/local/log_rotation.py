"""Bound the logs of the local services: copy a log that has grown large aside, and empty it.

The services append, so they go on writing at the start of the emptied file. Run as a process of its own beside them.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from observatory.settings import state_folder

LIMIT_BYTES = 10_000_000
INTERVAL_S = 60


def rotate(folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
    """Keep one older part of each log in a folder, ``<name>.log.1``; a line written meanwhile may be lost.

    Args:
        folder: where the logs are.
        limit_bytes: size above which a log is rotated.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size > limit_bytes:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)


def main() -> None:
    """Rotate the logs of the state folder once a minute."""
    while True:
        rotate(state_folder() / "logs")
        time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main()
