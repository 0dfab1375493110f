"""Limit the size of the local services' logs: copy a large log to ``<name>.log.1``, and truncate it.

The services open their logs for appending, so they continue at the start of the truncated file. It runs as a process of
its own.
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
    """Rotate the large logs of a folder, keeping one older part; a line written meanwhile may be lost.

    Args:
        folder: the folder of the logs.
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
