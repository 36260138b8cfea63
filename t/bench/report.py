"""What was measured, as JSON, as a table for people, and for the plot. Knows nothing of how it was measured."""

import json
import traceback
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Bar:
    """A ratio to bare for the plot: anything with median, low and high, and the least that is wanted."""

    spread: object
    target: float = None


@dataclass
class Row:
    name: str
    text: str  # what it is
    cells: tuple = ()  # one for each of the section's columns
    target: str = ""
    met: bool = None  # None: there is no target
    figures: dict = field(default_factory=dict)  # for results.json
    bar: Bar = None
    missing: str = ""  # why there is nothing: "haproxy isn't installed"


@dataclass
class Section:
    name: str
    title: str
    columns: tuple
    note: str = ""
    rows: list = field(default_factory=list)
    sound: bool = True  # whether all could be measured

    def attempt(self, name, text, rows_of):
        """Adds the rows that rows_of() answers with. Where it fails, says so in a row: what takes minutes must not be lost by what follows."""
        try:
            self.rows += rows_of()
        except Exception:
            traceback.print_exc()
            self.sound = False
            self.rows.append(Row(name, text, missing="could not be measured; see the output"))

    def as_dict(self, **more):
        """What results.json keeps; section_lines() and the plot need no more."""
        rows = []
        for row in self.rows:
            kept = {"name": row.name, "text": row.text, "cells": list(row.cells), "target": row.target, "met": row.met}
            kept |= {"figures": row.figures, "missing": row.missing}
            if row.bar is not None:
                spread = row.bar.spread
                kept["bar"] = {
                    "median": spread.median,
                    "low": spread.low,
                    "high": spread.high,
                    "target": row.bar.target,
                }
            rows.append(kept)
        return {"title": self.title, "columns": list(self.columns), "note": self.note, "rows": rows, **more}


VERDICTS = {None: "", True: "met", False: "**missed**"}


def table_line(cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def section_lines(section):
    """Markdown for what Section.as_dict() gave."""
    columns = ["", *section["columns"], "target", ""]
    lines = [f"## {section['title']}", "", table_line(columns), "|" + "---|" * len(columns)]
    for row in section["rows"]:
        cells = row["cells"] or [row["missing"], *[""] * (len(section["columns"]) - 1)]
        lines.append(table_line([row["text"], *cells, row["target"], VERDICTS[row["met"]]]))
    told = [text for text in (section["note"], section.get("taken", "")) if text]
    return lines + [""] + [" ".join(told)] * bool(told) + [""] * bool(told)


def count_targets(sections):
    """(met, missed) over all rows."""
    verdicts = [row["met"] for section in sections.values() for row in section["rows"]]
    return verdicts.count(True), verdicts.count(False)


def table(results, names=None):
    """The whole of table.md, or these sections of it."""
    sections = {name: section for name, section in results["sections"].items() if names is None or name in names}
    met, missed = count_targets(sections)
    lines = ["# make bench", "", results["machine"], "", f"Targets: {met} met, {missed} missed.", ""]
    for section in sections.values():
        lines += section_lines(section)
    return "\n".join(lines).rstrip() + "\n"


def load(path):
    """What an earlier run wrote, so that one section can be measured anew; nothing where there is none or it can't be read."""
    try:
        results = json.loads(Path(path).read_text())
    except (OSError, ValueError):
        return {}
    return results.get("sections", {}) if isinstance(results, dict) else {}
