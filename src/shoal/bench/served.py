"""A whole server for benchmarks, with live engine and decisions: `python -m shoal.bench.served FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from shoal.decide import Rates
from shoal.definitions.workspace import load_workspace
from shoal.runtime.deciding import deciding
from shoal.runtime.live_loop import LiveLoop
from shoal.runtime.serve import Address, application, open_journal, prepare, run_server


def main(folder: Path) -> None:
    """Serves the workspace in a folder without limits on how often one asks, and prints where it listens."""
    workspace = load_workspace(folder)
    journal = open_journal(workspace)
    live = LiveLoop(workspace, journal, prepare=prepare)
    decisions = deciding(workspace, live, rates=Rates(per_address=0, per_key=0))
    try:
        app = application(workspace, journal, live=live, decisions=decisions)
        run_server(app, Address(port=0), on_listening=_tell)
    finally:
        journal.close()


def _tell(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
