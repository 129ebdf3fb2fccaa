"""Figures: samples of ours and of a reference, taken in turn; medians and spread; the table and the JSON.

A machine is not equally fast all the time, so a ratio is that of two samples of one round, and what is printed is the
median of these ratios, not the ratio of two medians.
"""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Aim:
    """`of` is "ratio" or "value"; `at_most` or `at_least` one number."""

    of: str
    number: float
    at_most: bool = False

    def met(self, value):
        return value <= self.number if self.at_most else value >= self.number

    def text(self, unit):
        number = f"{self.number:.0%}" if self.of == "ratio" else f"{number_text(self.number)} {unit}".strip()
        return f"{'≤' if self.at_most else '≥'} {number}"


@dataclasses.dataclass
class Figure:
    """`samples` and `reference` belong together in pairs; `reference` may be empty."""

    name: str
    unit: str
    samples: list
    reference_name: str = ""
    reference: list = dataclasses.field(default_factory=list)
    aim: Aim = None

    def __post_init__(self):
        if not self.samples or (self.reference and len(self.reference) != len(self.samples)):
            raise ValueError(f"{self.name}: {len(self.samples)} samples, {len(self.reference)} of the reference")

    @property
    def ratios(self):
        return [ours / theirs for ours, theirs in zip(self.samples, self.reference) if theirs]

    @property
    def met(self):
        """None without an aim, or where there is no ratio to judge."""
        judged = {"ratio": self.ratios, "value": self.samples}[self.aim.of] if self.aim else []
        return self.aim.met(statistics.median(judged)) if judged else None

    def as_json(self):
        row = {"name": self.name, "unit": self.unit, "median": statistics.median(self.samples), "samples": self.samples}
        if self.reference:
            row["reference"] = {"name": self.reference_name, "median": statistics.median(self.reference),
                                "samples": self.reference}
        if self.ratios:
            row["ratio"] = {"median": statistics.median(self.ratios), "samples": self.ratios}
        if self.aim:
            row["aim"] = {"text": self.aim.text(self.unit), "met": self.met}
        return row

    def cells(self):
        aim = "" if not self.aim else f"{self.aim.text(self.unit)}: {'met' if self.met else 'missed'}"
        reference = f"{self.reference_name}: {spread(self.reference)}" if self.reference else ""
        ratio = spread([100 * ratio for ratio in self.ratios]) + " %" if self.ratios else ""
        return [self.name, f"{spread(self.samples)} {self.unit}".strip(), reference, ratio, aim]


HEADINGS = ["what", "median (least to most)", "reference", "of the reference", "aim"]


def number_text(value):
    """As many digits as mean something."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values):
    """"median (least to most)"; of one value, that value."""
    middle = number_text(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({number_text(min(values))} to {number_text(max(values))})"


def table(figures):
    """Lines for a screen."""
    rows = [HEADINGS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def markdown(title, figures):
    lines = [f"## {title}", "", "| " + " | ".join(HEADINGS) + " |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(figure.cells()) + " |" for figure in figures]
    return lines + [""]
