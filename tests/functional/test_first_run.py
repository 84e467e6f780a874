"""The first run on a machine: where compiled loops are kept, and how many threads small fits may take."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shoal.templates import init_workspace

NO_PLACE = {"NUMBA_CACHE_LOCATOR_CLASSES": "IPythonCacheLocator"}
"""Numba then finds no folder to write to, as on a machine where nothing can be written."""


def test_says_where_compiled_loops_can_go(tmp_path: Path) -> None:
    """Where neither the installation nor the home can be written, the setting that helps is named."""
    init_workspace(tmp_path / "shop", "ecommerce")
    ran = subprocess.run(
        [sys.executable, "-m", "shoal.cli", "run", "--workspace", str(tmp_path / "shop")],
        env={**os.environ, **NO_PLACE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 4
    assert "NUMBA_CACHE_DIR" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_small_fits_take_one_thread() -> None:
    """The command line says so before NumPy is loaded; whoever says otherwise is heard."""
    code = (
        "import os, sys; sys.argv = ['shoal', '--version']; from shoal.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in sys.modules)"
    )
    told = {key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"}
    for environment, threads in ((told, "1"), ({**told, "OPENBLAS_NUM_THREADS": "3"}, "3")):
        ran = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert ran.stdout.splitlines()[-1] == f"{threads} False"
