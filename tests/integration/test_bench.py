"""`./dev bench`: is its arithmetic right, and does it still run? How fast anything is, nobody judges here."""

import json
import subprocess
import sys

import pytest

from wxbus_testing.timing import FACTOR
from wxbusbench.figures import Aim, Figure, markdown, number_text, spread, table
from wxbusdev import paths


def test_a_ratio_is_the_median_of_the_rounds_and_not_that_of_two_medians():
    figure = Figure("pushes", "/s", [10, 50, 30], "bare", [100, 100, 50], Aim("ratio", 0.5))
    assert figure.ratios == [0.1, 0.5, 0.6] and figure.met
    assert figure.as_json()["ratio"]["median"] == 0.5 and figure.as_json()["median"] == 30
    assert figure.as_json()["reference"] == {"name": "bare", "median": 100, "samples": [100, 100, 50]}
    assert figure.cells() == ["pushes", "30.0 (10.0 to 50.0) /s", "bare: 100 (50.0 to 100)", "50.0 (10.0 to 60.0) %",
                              "≥ 50%: met"]


def test_aims_are_judged_by_the_median():
    assert Figure("cpu", "µs", [24, 26, 27], aim=Aim("value", 25, at_most=True)).met is False
    assert Figure("cpu", "µs", [24, 25, 27], aim=Aim("value", 25, at_most=True)).met is True
    assert Figure("cpu", "µs", [24]).met is None
    assert Figure("rate", "/s", [24], "stopped", [0], Aim("ratio", 0.5)).met is None
    assert Aim("value", 250, at_most=True).text("MB") == "≤ 250 MB" and Aim("ratio", 0.35).text("/s") == "≥ 35%"


def test_samples_and_reference_come_in_pairs():
    for samples, reference in (([], []), ([1, 2], [1])):
        with pytest.raises(ValueError):
            Figure("pushes", "/s", samples, "bare", reference)


def test_numbers_show_what_they_mean():
    assert [number_text(value) for value in (0.123, 1.234, 12.34, 123.4, 12345.6)] == ["0.12", "1.23", "12.3", "123", "12,346"]
    assert spread([3]) == "3.00" and spread([4, 1, 2, 3]) == "2.50 (1.00 to 4.00)"


def test_a_table_has_a_line_for_each_figure():
    made = [Figure("one", "/s", [1]), Figure("another", "ms", [2], "bare", [4])]
    assert len(table(made)) == 3 and "50.0 %" in table(made)[2]
    assert markdown("Pushes", made)[-2].startswith("| another | 2.00 ms | bare: 4.00 | 50.0 % |")


@pytest.mark.skipif(FACTOR > 1, reason="allocations are counted by a malloc() of its own")
def test_the_smallest_run_has_every_figure(tmp_path):
    done = subprocess.run([sys.executable, paths.ROOT / "tools" / "dev" / "bench.py", "--tiny", "--output", tmp_path],
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "bench.json").read_text())
    made = {row["name"]: row for section in report["sections"].values() for row in section}
    assert made["pushes, flat out, embedded broker"]["median"] > 0
    assert made["instructions for it (callgrind)"]["median"] > made["instructions for it (callgrind)"]["reference"]["median"] > 0
    assert made["allocations for a push, by our own code"]["median"] >= 0
    text = (tmp_path / "performance.md").read_text()
    assert all(name in text for name in made)
