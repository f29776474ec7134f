"""Arguments of another type than annotated are refused by the names that users write."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

#: What an annotation says, in words, and what it lets pass.
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("a whole number", lambda value: hasattr(value, "__index__") and getattr(value, "ndim", 0) == 0),
    "Sequence[int]": ("a list of them", lambda value: isinstance(value, (list, tuple)) or hasattr(value, "tolist")),
    "Sequence[float]": ("a list of them", lambda value: isinstance(value, (list, tuple)) or hasattr(value, "tolist")),
    "Sequence[str]": ("a list of them", lambda value: isinstance(value, (list, tuple)) or hasattr(value, "tolist")),
    "float": ("a number", lambda value: hasattr(value, "__float__") and getattr(value, "ndim", 0) == 0),
    "bool": ("True or False", lambda value: isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")),
    "str": ("text", lambda value: isinstance(value, str)),
    "Cost": ("text", lambda value: isinstance(value, str)),
    "bytes": ("bytes", lambda value: isinstance(value, bytes)),
    "Step": ("a function", callable),
    "Scheme": ("a Scheme", lambda value: type(value).__name__ == "Scheme"),
    "Score": ("a function", callable),
    "None": ("None", lambda value: value is None),
}
#: Whole numbers of the extension.
_LARGEST = 2**63


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function, its arguments of simple types checked before it is called."""
    rules = rules_of(function)
    names = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in zip(names, args):
            if name in rules:
                check(name, value, rules[name])
        for name, value in kwargs.items():
            if name in rules:
                check(name, value, rules[name])
        return function(*args, **kwargs)

    return wrapper


@functools.cache
def rules_of(function: Callable[..., Any]) -> dict[str, list[str]]:
    """The kinds that each argument may have, where all of them are simple."""
    rules = {}
    for name, parameter in inspect.signature(function).parameters.items():
        kinds = _kinds(str(parameter.annotation))
        if kinds and all(kind in _KINDS for kind in kinds):
            rules[name] = kinds
    return rules


def _kinds(annotation: str) -> list[str]:
    # A literal is of the type of its values: which ones are known, the library says.
    annotation = re.sub(r'Literal\[".*?\]', "str", annotation)
    annotation = re.sub(r"Literal\[\d.*?\]", "int", annotation)
    return [kind.strip() for kind in annotation.split("|")]


def check(name: str, value: Any, kinds: list[str]) -> None:
    """Raises TypeError for a value of none of the kinds, ValueError for a whole number out of range."""
    if not any(_KINDS[kind][1](value) for kind in kinds):
        words = " or ".join(_KINDS[kind][0] for kind in kinds)
        shown = repr(value)
        shown = f" {shown}" if len(shown) <= 40 else ""
        raise TypeError(f"{name} must be {words}, found{shown} of type {type(value).__name__}")
    if "int" in kinds and _KINDS["int"][1](value) and not isinstance(value, bool):
        number = value.__index__()
        if not 0 <= number < _LARGEST:
            found = str(number) if abs(number) < 10**20 else "one of more than 20 digits"
            raise ValueError(f"{name} must be a whole number from 0 to 2**63 - 1, found {found}")
