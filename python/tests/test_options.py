"""Keyword arguments are the library's options: no option is named here."""

import inspect
import json
import subprocess

import numpy as np
import pytest

import fokker
from fokker import _fokker, _keywords, _options

random = np.random.default_rng(3)
X = random.normal(size=(300, 2)) @ np.array([[1.0, 0.4], [0.0, 0.7]])
Y = random.normal(size=(250, 2)) + 0.5
CELLS = np.vstack([random.normal(size=(60, 2)) * 0.8**k + 0.3 * k for k in range(3)])
TIMES = np.repeat([0.0, 0.5, 1.0], 60)


def taking():
    """Every public function or class whose keywords are a command's options."""
    parts = [fokker, fokker.audit, fokker.transport, fokker.PopulationEnergy, fokker.SpectralDensity]
    found = []
    for part in parts:
        for name, member in vars(part).items():
            target = member.__init__ if inspect.isclass(member) else member
            if (keywords := getattr(target, "options_of", None)) is not None:
                found.append((name, keywords, target))
    return found


def test_defaults_are_the_librarys():
    seen = set()
    for name, keywords, function in taking():
        seen.add(keywords)
        known = _options.fields(keywords)
        given = inspect.signature(function).parameters
        for option, parameter in given.items():
            if option in known:
                assert parameter.default == known[option]["default"], (name, option)
    commands = {command for keywords in seen for command in _options.KEYWORDS[keywords][0].split(", ")}
    assert commands == {command for words, _ in _options.KEYWORDS.values() for command in words.split(", ")}


def test_types_of_keywords_are_made_from_the_table():
    assert _options.module() == inspect.getsource(_keywords)


def test_what_the_library_refuses_is_refused_in_its_words(command):
    """The sentences are the library's own: ``refusal`` is what it says of the value "?"."""
    met = 0
    for name in {command for words, _ in _options.KEYWORDS.values() for command in words.split(", ")}:
        for field in _fokker.option_fields(name):
            if field["refusal"] is not None:
                with pytest.raises((ValueError, TypeError)) as caught:
                    _fokker.check_options(name, {field["name"]: "?"})
                assert str(caught.value) == field["refusal"]
                met += 1
    assert met > 15
    with pytest.raises(TypeError, match=r'has no option "rigde" \(did you mean ridge\?\)'):
        _fokker.check_options("population fit", {"rigde": 1})
    done = subprocess.run(
        [command.program, "population", "fit", "x.csv", "--rigde", "1"], capture_output=True, text=True, check=False
    )
    with pytest.raises(TypeError) as caught:
        _fokker.check_options("population fit", {"rigde": 1})
    assert done.returncode == 2 and done.stderr.startswith(f"fokker: {caught.value}")


def printed(command, *words):
    found = json.loads(command("--json", *words))
    return {name: value for name, value in found.items() if name not in ("seconds", "output", "data")}


def test_no_options_give_the_numbers_of_the_command_line(command):
    np.savez(command.folder / "cells.npz", x=CELLS, time=TIMES)
    np.save(command.folder / "x.npy", X)
    np.save(command.folder / "y.npy", Y)
    energy = fokker.PopulationEnergy().fit(CELLS, TIMES)
    assert printed(command, "population", "fit", "cells.npz", "-o", "e.safetensors") == energy.report_
    assert printed(command, "population", "validate", "cells.npz") == fokker.PopulationEnergy().validate(CELLS, TIMES)
    command("population", "predict", "e.safetensors", "--from", "cells.npz", "-o", "moved.npz")
    moved = np.load(command.folder / "moved.npz")["x"]
    assert np.array_equal(energy.predict(CELLS[TIMES == 0.0]), moved)
    distance = fokker.transport.distance(X, Y)
    assert printed(command, "transport", "distance", "x.npy", "y.npy") == vars(distance)
    plan = printed(command, "transport", "couple", "x.npy", "y.npy")
    assert plan["cost"] == fokker.transport.exact(X, Y).cost
    shown = json.loads(command("--json", "show", "e.safetensors"))
    assert shown["receipt"] == energy.report_["receipt"]


def test_a_fit_reproduces_itself_from_its_receipt(command):
    energy = fokker.PopulationEnergy(potential_features="poly:2", ridge="gcv", random_state=4).fit(CELLS, TIMES)
    receipt = energy.report_["receipt"]
    renamed = {name: _options.ESTIMATOR.get(name, name) for name in receipt["options"]}
    options = {renamed[name]: value for name, value in receipt["options"].items()}
    again = fokker.PopulationEnergy(**options).fit(CELLS, TIMES)
    assert again.to_bytes() == energy.to_bytes()
