"""The collector alone, without the live engine: `python -m shoal.bench.collector FOLDER`, until SIGTERM."""

from __future__ import annotations

import sys
from pathlib import Path

from shoal.definitions.workspace import load_workspace
from shoal.runtime.serve import Address, application, open_journal, run_server


def main(folder: Path) -> None:
    """Serves the workspace in a folder, and prints where it listens."""
    workspace = load_workspace(folder)
    journal = open_journal(workspace)
    try:
        run_server(application(workspace, journal), Address(port=0), on_listening=_tell)
    finally:
        journal.close()


def _tell(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
