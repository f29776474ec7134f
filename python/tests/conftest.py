"""What the tests share."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def command(tmp_path_factory):
    """Runs the command line in a folder of its own."""
    program = Path(os.environ.get("FOKKER_CLI", ROOT / "target" / "release" / "fokker"))
    if not program.exists():
        pytest.skip("the command line is not built: cargo build --release -p fokker-cli")
    folder = tmp_path_factory.mktemp("command")

    def run(*arguments):
        words = [str(program), *map(str, arguments)]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout

    run.folder = folder
    run.program = str(program)
    return run
