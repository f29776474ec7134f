"""Keyword arguments from the library's own tables: names, defaults, documents, in one place.

A function that takes the options of a command is written with ``**options`` and decorated with
:func:`takes`, which gives it their signature and documents. What is passed goes to the library as it is,
which refuses what it does not know or cannot read in the words of every other face. ``_keywords.py`` has
the types: :func:`module` makes it, and a test compares.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from . import _fokker

F = TypeVar("F", bound=Callable[..., Any])

#: Names that an estimator of scikit-learn must give to options: it has methods of the others' names.
ESTIMATOR = {"potential": "potential_features", "interaction": "interaction_features", "seed": "random_state"}
#: The dictionaries of keywords: the command, and how its options are renamed.
KEYWORDS = {
    "PopulationFit": ("population fit", ESTIMATOR),
    "PopulationPredict": ("population predict", {"seed": "random_state"}),
    "PopulationValidate": ("population validate", {}),
    "TransportDistance": ("transport distance", {}),
    "SpectralFit": ("spectral fit", {}),
    # What an estimator remembers: options of a fit, and of what is done with it.
    "SpectralParameters": ("spectral fit, spectral density", {}),
    "SpectralSample": ("spectral sample", {"samples": "n_samples", "seed": "random_state"}),
}


#: Options that a function takes as arguments of its own.
OWN = {"PopulationPredict": ("at", "times"), "SpectralSample": ("n_samples", "random_state")}

#: Parameters of every estimator, which no result depends on.
WORK = """
verbose : bool, default False
    Print progress to stderr, a line a second, with an estimate of the time left.
n_jobs : int | None, default None
    Threads; None: all, and -1 too, -2: all but one. Results do not depend on it."""


def fields(keywords: str) -> dict[str, dict[str, Any]]:
    """The options of a dictionary of keywords by the name they have here: help, python, default."""
    command, renamed = KEYWORDS[keywords]
    found = [field for name in command.split(", ") for field in _fokker.option_fields(name)]
    return {renamed.get(field["name"], field["name"]): field for field in found}


def takes(keywords: str, *, but: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Gives a function with ``**options`` the signature and the documents of a command's options."""

    def decorate(function: F) -> F:
        known = {name: field for name, field in fields(keywords).items() if name not in (*but, *OWN.get(keywords, ()))}
        own = inspect.signature(function)
        kept = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        given = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=field["default"], annotation=field["python"]
            )
            for name, field in known.items()
        ]
        # Its own keywords come last.
        first = [p for p in kept if p.kind is not inspect.Parameter.KEYWORD_ONLY]
        parameters = first + given + kept[len(first) :]
        function.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        listed = "\n".join(documented(name, field) for name, field in known.items())
        function.options_of = keywords  # type: ignore[attr-defined]
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\nOptions\n-------\n{listed}\n"
        return function

    return decorate


def documented(name: str, field: Mapping[str, Any]) -> str:
    """An option as numpy documents a parameter."""
    lines = textwrap.wrap(field["help"] + ".", 96)
    return f"{name} : {field['python']}, default {field['default']!r}\n" + textwrap.indent("\n".join(lines), "    ")


def parameters(keywords: str) -> Callable[[type], type]:
    """Puts the options of a command where the documents of a class say ``{parameters}``."""

    def decorate(cls: type) -> type:
        listed = "\n".join(documented(name, field) for name, field in fields(keywords).items()) + WORK
        cls.__doc__ = inspect.cleandoc(cls.__doc__ or "").replace("{parameters}", listed)
        return cls

    return decorate


def module() -> str:
    """The text of ``_keywords.py``."""
    text = (
        '"""Types of keyword arguments: made by ``fokker._options.module()``, not by hand."""\n\n'
        "from __future__ import annotations\n\n"
        "from collections.abc import Sequence\nfrom typing import TypedDict\n"
    )
    for keywords in KEYWORDS:
        command, _ = KEYWORDS[keywords]
        text += f'\n\nclass {keywords}(TypedDict, total=False):\n    """Options of ``fokker {command}``."""\n\n'
        known = {name: field for name, field in fields(keywords).items() if name not in OWN.get(keywords, ())}
        text += "".join(f"    {name}: {field['python']}\n" for name, field in known.items())
    return text
