"""A table of errors: one row a cell, as the command line prints it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib import import_module
from typing import Any, overload


class ErrorTable(Sequence[dict[str, Any]]):
    """Errors of many samplers: the product of the lists that were asked for, continuous limits first.

    A sequence of rows, each a dictionary of scheme, steps, nfe, evaluations, grid, stop, start, w2 and its
    four parts, and the reason where there are no numbers. ``table["w2"]`` or ``table.w2`` is a column, ``to_pandas()`` a
    data frame.

    >>> import fokker
    >>> table = fokker.audit.errors([4.0, 1.0], scheme=["em", "heun"], steps=[10, 20])
    >>> len(table), table.best()["scheme"]
    (6, 'heun')
    >>> [row["steps"] for row in table if row["scheme"] == "em"]
    [10, 20]
    """

    #: What is shown, of all columns.
    SHOWN = ("scheme", "grid", "steps", "evaluations", "stop", "start", "w2")
    PARTS = ("initialisation", "truncation", "discretisation", "score")

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    @overload
    def __getitem__(self, key: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, key: slice) -> ErrorTable: ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    def __getitem__(self, key: int | slice | str) -> Any:
        if isinstance(key, str):
            if not any(key in row for row in self.rows):
                raise KeyError(f"{key!r} is no column; there are {', '.join(self.columns)}")
            return [row.get(key) for row in self.rows]
        return ErrorTable(self.rows[key]) if isinstance(key, slice) else self.rows[key]

    def __getattr__(self, name: str) -> Any:
        """A column: ``table.w2``."""
        if name.startswith("_") or name == "rows":
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def best(self) -> dict[str, Any]:
        """The sampler of the smallest W₂; the continuous limits, which nobody can run, are none."""
        return min((row for row in self.rows if row["w2"] is not None and row["grid"] is not None), key=_w2)

    def to_pandas(self) -> Any:
        """A data frame of all columns."""
        return import_module("pandas").DataFrame(self.rows, columns=self.columns)

    def _cells(self) -> list[list[str]]:
        names = [*self.SHOWN, *self.PARTS]
        return [names, *([_text(row.get(name)) for name in names] for row in self.rows)]

    def __repr__(self) -> str:
        cells = self._cells()
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        if len(lines) > 25:
            lines = [*lines[:13], f"… {len(lines) - 25} more", *lines[-12:]]
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        return f"<table>{_row('th', head)}{''.join(_row('td', cells) for cells in body)}</table>"


def _row(tag: str, cells: list[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _w2(row: dict[str, Any]) -> float:
    return float(row["w2"])


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
