#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Makes results.md and the plots of results.json, which //bench:models writes (it
# calls this at its end):
#
#   models_report.py --json FILE --out DIRECTORY
#
# Every figure is the median over the rounds, with the lowest and the highest.
# The plots need Debian's python3-matplotlib (models_plots.py); without it the
# table is made all the same.
import argparse
import json
import os
import statistics
import sys

PERCENTILES = ("p50", "p90", "p99", "p99.9")
# Of fewer connections the kernel's memory tells nothing: others use it, too.
ENOUGH_FOR_KERNEL = 500
# A generator that runs so much of the time is what limits the throughput.
BUSY = 0.95


class Point:
    """What the rounds found for one model at one number of connections."""

    def __init__(self, values):
        self.median = statistics.median(values)
        self.low = min(values)
        self.high = max(values)


def of_load(load, field):
    """A getter: one field of one of the three loads."""
    return lambda m: m.get(load, {}).get(field)


def of_latency(percentile):
    return lambda m: m.get("open", {}).get("latency_us", {}).get(percentile)


def memory_per_connection(m):
    """KiB of the server's processes."""
    served = m["opened"]["served"]
    if served == 0 or "memory_bytes" not in m:
        return None
    return (m["memory_bytes"] - m["memory_before_bytes"]) / 1024 / served


def kernel_per_connection(m):
    """KiB of the kernel, for both ends of the connection."""
    served = m["opened"]["served"]
    if served < ENOUGH_FOR_KERNEL or "kernel_bytes" not in m:
        return None
    return (m["kernel_bytes"] - m["kernel_before_bytes"]) / 1024 / served


# What can be asked of a measurement, by name.
METRICS = {
    "served": lambda m: m["opened"]["served"],
    "throughput": of_load("all", "per_second"),
    "cpu": of_load("all", "cpu_us_per_message"),
    "cpu_idle": of_load("few", "cpu_us_per_message"),
    "switches": of_load("all", "switches_per_message"),
    "memory": memory_per_connection,
    "kernel": kernel_per_connection,
    **{percentile: of_latency(percentile) for percentile in PERCENTILES},
}


class Results:
    """results.json, by model and number of connections."""

    def __init__(self, document):
        if document.get("format") != 1:
            raise ValueError("results.json is of another format than 1")
        self.machine = document["machine"]
        self.settings = document["settings"]
        self.models = [m["name"] for m in document["models"]]
        self.family_of = {m["name"]: m["family"] for m in document["models"]}
        self.notes = {m["name"]: m["note"] for m in document["models"]
                      if "note" in m}
        self.sizes = self.settings["connections"]
        self.skipped = document["skipped"]
        self.syscalls = document["syscalls"]
        self.measurements = document["measurements"]

    def at(self, model, size):
        return [m for m in self.measurements
                if m["model"] == model and m["connections"] == size]

    def point(self, model, size, metric):
        """A Point, or None where nothing was measured."""
        values = [METRICS[metric](m) for m in self.at(model, size)]
        values = [value for value in values if value is not None]
        return Point(values) if values else None

    def complete(self, model, size):
        """Were all connections served in all rounds?"""
        return all(m["opened"]["served"] == m["opened"]["asked"]
                   for m in self.at(model, size))

    def syscall_sizes(self):
        return sorted({count["connections"] for count in self.syscalls})

    def syscalls_per_message(self, model, size):
        """By name, the most frequent first; None where nothing was counted."""
        for counted in self.syscalls:
            if (counted["model"], counted["connections"]) != (model, size):
                continue
            if counted["messages"] == 0 or not counted["calls"]:
                return None
            each = {name: calls / counted["messages"]
                    for name, calls in counted["calls"].items()}
            return dict(sorted(each.items(), key=lambda item: -item[1]))
        return None


# --- Words -------------------------------------------------------------------


def number(value):
    """Three digits that mean something, thousands set apart."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        digits = len(str(int(abs(value)))) - 3
        return f"{int(round(value, -digits)):,}"
    return f"{value:#.3g}" if abs(value) >= 0.1 else f"{value:.2g}"


def count(point):
    return "-" if point is None else f"{point.median:,.0f}"


def median_only(point):
    return "-" if point is None else number(point.median)


def with_spread(point):
    if point is None:
        return "-"
    if point.low == point.high:
        return number(point.median)
    return f"{number(point.median)} ({number(point.low)}-{number(point.high)})"


def generator_was_busy(results, model, size):
    busy = [m["all"]["client_busy"] for m in results.at(model, size)
            if "all" in m]
    return bool(busy) and statistics.median(busy) > BUSY


def describe_machine(results):
    machine, settings = results.machine, results.settings
    lines = [
        f"{machine['date']}: {machine['cores']} cores of {machine['processor']}, "
        f"{machine['memory_mib'] / 1024:.0f} GiB, {machine['kernel']}, "
        f"{machine['system']}, {machine['compiler']}"
        f"{'' if machine['optimised'] else ', NOT optimised'}.",
    ]
    if settings["load_cores"]:
        lines.append(
            f"The load generator had {settings['load_cores']} of the cores for "
            f"itself, the server the other {settings['server_cores']}.")
    else:
        lines.append("The load generator and the server shared the cores.")
    lines.append(
        f"Messages of {settings['message_bytes']} bytes; {settings['rounds']} "
        f"rounds, {settings['seconds']} s for each load; the open loop sends "
        f"{settings['rate']:,} messages a second, and in the column \"CPU beside "
        f"idle\" {settings['active']} connections send.")
    late = [m["open"]["lateness_us"]["p99"] for m in results.measurements
            if "lateness_us" in m.get("open", {})]
    if late:
        lines.append(
            f"99 % of the open loop's messages left at most "
            f"{number(statistics.median(late))} us after they were due (the "
            f"median of the measurements; {number(max(late))} us in the worst).")
    return lines


# --- The tables --------------------------------------------------------------

COLUMNS = [
    ("messages/s", "throughput", with_spread),
    ("p50 us", "p50", median_only),
    ("p99 us", "p99", with_spread),
    ("p99.9 us", "p99.9", median_only),
    ("CPU us/message", "cpu", with_spread),
    ("CPU beside idle", "cpu_idle", median_only),
    ("KiB/connection", "memory", median_only),
    ("kernel KiB", "kernel", median_only),
    ("switches/message", "switches", median_only),
]


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def size_table(results, size):
    rows, busy = [], False
    for model in results.models:
        if not results.at(model, size):
            continue
        row = [f"`{model}`", count(results.point(model, size, "served"))]
        for _, metric, words in COLUMNS:
            row.append(words(results.point(model, size, metric)))
        if generator_was_busy(results, model, size):
            row[2] += " *"
            busy = True
        rows.append(row)
    lines = markdown(["model", "served"] + [head for head, _, _ in COLUMNS], rows)
    if busy:
        lines += ["", "\\* The load generator was busy all the time; the server "
                      "could do more."]
    return lines


def syscall_table(results):
    sizes = results.syscall_sizes()
    rows = []
    for model in results.models:
        row = [f"`{model}`"]
        for size in sizes:
            calls = results.syscalls_per_message(model, size)
            if calls is None:
                row += ["-", "-"]
                continue
            row.append(number(sum(calls.values())))
            row.append(", ".join(f"{name} {number(each)}"
                                 for name, each in calls.items()
                                 if each >= 0.01))
        rows.append(row)
    head = ["model"]
    for size in sizes:
        head += [f"at {size:,}", "which"]
    return markdown(head, rows)


def broken_line(results, model, size):
    """How a model failed at a size, in words; empty where it did not."""
    words = []
    for m in results.at(model, size):
        opened = m["opened"]
        here = []
        if opened["served"] < opened["asked"]:
            here.append(f"serves {opened['served']:,} of {opened['asked']:,}")
            for part in ("refused", "closed", "unanswered", "unconnected"):
                if opened[part]:
                    here.append(f"{opened[part]:,} {part}")
            if opened["errors"]:
                here.append("by " + ", ".join(sorted(opened["errors"])))
        for load, name in (("few", "beside idle ones"), ("all", "closed loop"),
                           ("open", "open loop")):
            lost = m.get(load, {}).get("unanswered", 0)
            if lost:
                here.append(f"{lost:,} messages without an answer ({name})")
        if "trouble" in m:
            here.append(m["trouble"].replace("\n", " / "))
        if here:
            words.append(", ".join(here))
    if not words:
        return ""
    rounds = len(results.at(model, size))
    # One round stands for those that say the same, or nearly.
    often = "" if rounds == 1 else f" ({len(words)} of {rounds} rounds)"
    return f"- `{model}` at {size:,}: {words[0]}{often}"


def table(results, plots):
    """results.md; `plots` are (file, title, caption)."""
    lines = [
        "# Results", "",
        "<!-- Written by bench/models_report.py. -->",
        "What the columns and the plots mean: [README.md](README.md). Medians "
        "over the rounds, lowest and highest in parentheses.", "",
    ] + describe_machine(results) + [""]
    for file, title, caption in plots:
        lines += [f"## {title}", "", caption, "", f"![{title}]({file})", ""]
    lines += ["## All figures", ""]
    if results.notes:
        lines += [f"- `{model}` {note}." for model, note in
                  results.notes.items()] + [""]
    for size in results.sizes:
        plural = "" if size == 1 else "s"
        lines += [f"### {size:,} connection{plural}", ""]
        lines += size_table(results, size) + [""]
    if results.syscalls:
        lines += ["### System calls for each message", ""]
        lines += syscall_table(results) + [""]
    broken = [broken_line(results, model, size)
              for model in results.models for size in results.sizes]
    lines += ["### Where they break", ""]
    lines += [line for line in broken if line] or ["Nowhere in this run."]
    lines += [""]
    if results.skipped:
        lines += ["### Left out", ""]
        lines += [f"- `{skip['model']}`: {skip['why']}"
                  for skip in results.skipped] + [""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", required=True, help="results.json")
    parser.add_argument("--out", required=True, help="where the rest goes")
    arguments = parser.parse_args()
    with open(arguments.json, encoding="utf-8") as file:
        results = Results(json.load(file))
    try:
        import models_plots
        plots = models_plots.draw_all(results, arguments.out)
    except ModuleNotFoundError as missing:
        if missing.name != "matplotlib":
            raise
        print("models: no plots: install Debian's python3-matplotlib, then "
              "bazel run //bench:models_report", file=sys.stderr)
        plots = []
    page = os.path.join(arguments.out, "results.md")
    with open(page, "w", encoding="utf-8") as file:
        file.write(table(results, plots))
    print(page)
    for name, _, _ in plots:
        print(os.path.join(arguments.out, name))


if __name__ == "__main__":
    main()
