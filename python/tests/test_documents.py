"""Docstrings, stubs and the README say what is so."""

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fokker

README = Path(__file__).resolve().parents[2] / "README.md"
MODULES = ["fokker", *(module.name for module in pkgutil.walk_packages(fokker.__path__, "fokker."))]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("module", [fokker.audit, fokker.transport], ids=lambda module: module.__name__)
def test_functions_have_an_example(module):
    functions = [getattr(module, name) for name in module.__all__ if name[0].islower()]
    assert functions and all(">>> " in function.__doc__ for function in functions)


def blocks():
    """The README's Python blocks, each with the output that is printed below it."""
    pattern = r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?"
    return re.findall(pattern, README.read_text(encoding="utf-8"), re.M | re.S)


def test_the_readme_prints_what_it_says():
    found = blocks()
    assert len(found) >= 3
    shared = {}
    for code, expected in found:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "README.md", "exec"), shared)
        assert out.getvalue() == expected, code


def test_the_stubs_are_those_of_the_extension():
    pytest.importorskip("mypy", reason="mypy is not installed")
    for command in (["-m", "mypy.stubtest", "fokker._fokker"], ["-m", "mypy", "--strict", "-p", "fokker"]):
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_version_is_that_of_the_library():
    from importlib.metadata import requires, version

    assert version("fokker") == fokker.__version__
    needed = [line for line in requires("fokker") if "extra" not in line]
    assert needed == ["numpy>=1.23"]
