# SPDX-License-Identifier: BSD-3-Clause
#
# The plots of models_report.py, by matplotlib. Each has one panel for each
# family of models, on the same axes: the family in its colour, all the others in
# grey behind it. So one sees two dozen models without a tangle, and each family
# beside the rest.
#
# The colours are those of Okabe and Ito (the yellow darker, to be seen on white),
# which people tell apart who do not see all colours; within a family the models
# differ in lightness, in their markers and in the kind of their lines. A hollow
# marker: not all connections were served.
import os

import matplotlib

matplotlib.use("SVG")
matplotlib.rcParams.update({
    "svg.fonttype": "none",  # letters stay letters: to be searched, and small
    "svg.hashsalt": "evoke",  # the same figures give the same file
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
})

from matplotlib import colors as mcolors  # noqa: E402
from matplotlib import pyplot  # noqa: E402
from matplotlib import ticker  # noqa: E402

# In the order of the chapter, with its section.
FAMILIES = {
    "processes": ("Processes (13.2)", "#D55E00"),
    "threads": ("Threads (13.3)", "#E69F00"),
    "multiplexing": ("Multiplexing (13.4)", "#0072B2"),
    "multiplexing and threads": ("Multiplexing and threads (13.5)", "#009E73"),
    "multiplexing processes": ("Multiplexing processes (13.6)", "#CC79A7"),
    "messaging": ("Messaging (13.7)", "#A89B00"),
    "libraries": ("Libraries (13.8)", "#555555"),
    "your own": ("Your own", "#56B4E9"),
}
OTHERS = "#D4D4D4"
# Memory may also shrink, or not grow at all, which no logarithm shows.
FLOOR = {"memory": 0.01}
MARKERS = "os^DvPX*"
LINES = ["-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 2, 1, 2))]

# (name of the file and the metric, title, the y axis, caption)
BY_CONNECTIONS = [
    ("served", "Connections that are served", "connections served",
     "Of so many connections that ask, so many get an answer while all of them "
     "are open. The dotted line is all. Below it a model has broken, by its "
     "design or at a limit of the system."),
    ("throughput", "Throughput", "messages a second",
     "Closed loop: every connection sends its next message when the last one was "
     "answered."),
    ("p99", "Latency: 99 % are faster", "microseconds",
     "Open loop: messages are due at a fixed rate, one connection after the "
     "other, and are measured from the moment at which they were due. Where the "
     "line goes up steeply, the server is slower than the rate."),
    ("cpu", "CPU time for each message", "microseconds",
     "Closed loop on all connections; user and kernel time of all processes and "
     "threads of the server."),
    ("cpu_idle", "CPU time beside idle connections", "microseconds",
     "The same, with a few connections that send while all the others are idle: "
     "what does a connection cost that says nothing?"),
    ("memory", "Memory for each connection", "KiB",
     "Of the server's processes, pages that several share counted in parts. With "
     "few connections it is noise; what is less than ten bytes is drawn as ten."),
    ("kernel", "Memory of the kernel for each connection", "KiB",
     "What the kernel keeps on top of that: processes, threads and their stacks, "
     "page tables, sockets; for both ends of the connection, of which the "
     "client's is the same for all. It is read for the whole machine, and only "
     "where thousands of connections are served does it tell anything."),
    ("switches", "Context switches for each message", "switches",
     "Closed loop on all connections; of all threads of the server."),
]


def shades(family, count):
    """`count` colours of a family, from darker to lighter."""
    base = mcolors.to_rgb(FAMILIES.get(family, FAMILIES["your own"])[1])
    result = []
    for i in range(count):
        # from -0.5 (towards black) to 0.3 (towards white)
        shift = 0 if count == 1 else -0.5 + 0.8 * i / (count - 1)
        toward = 0.0 if shift < 0 else 1.0
        result.append(tuple(c + (toward - c) * abs(shift) for c in base))
    return result


def plain(value, _=None):
    """10,000 and 0.1, no powers."""
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def log_y(axes):
    """Enough labels, also where there are few decades."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    subs = (1,) if high / low > 300 else (1, 2, 5)
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(plain))
    axes.yaxis.set_minor_locator(ticker.NullLocator())


def log_x(axes, places, labels):
    axes.set_xscale("log")
    axes.set_xticks(places, labels)
    axes.xaxis.set_minor_locator(ticker.NullLocator())


def families_of(results):
    """(family, its models) for those that were measured."""
    present = []
    for family in FAMILIES:
        models = [m for m in results.models if results.family_of[m] == family]
        if models:
            present.append((family, models))
    return present


def panels(results):
    """A figure with a panel for each family."""
    families = families_of(results)
    columns = min(3, len(families))
    rows = -(-len(families) // columns)
    figure, grid = pyplot.subplots(
        rows, columns, squeeze=False, sharex=True, sharey=True,
        figsize=(max(4.2 * columns, 5.2), 4.1 * rows), layout="constrained")
    flat = list(grid.flat)
    for unused in flat[len(families):]:
        unused.set_axis_off()
    return figure, list(zip(flat, families))


def draw_series(axes, series, gid, **style):
    """Points (x, Point, complete): line, spread, hollow where incomplete."""
    xs = [x for x, _, _ in series]
    ys = [point.median for _, point, _ in series]
    line, = axes.plot(xs, ys, gid=gid, clip_on=False, **style)
    axes.vlines(xs, [point.low for _, point, _ in series],
                [point.high for _, point, _ in series], color=line.get_color(),
                linewidth=0.8, zorder=style["zorder"] - 0.1)
    hollow = [(x, point.median) for x, point, complete in series if not complete]
    if hollow and style.get("marker"):
        axes.plot(*zip(*hollow), linestyle="none", marker=style["marker"],
                  markersize=style["markersize"], markerfacecolor="white",
                  markeredgecolor=line.get_color(), zorder=style["zorder"] + 0.1,
                  clip_on=False)


def draw_families(results, series_of, finish):
    """One panel for each family; series_of(model) gives its points."""
    figure, parts = panels(results)
    every = {model: series_of(model) for model in results.models}
    for axes, (family, models) in parts:
        title, color = FAMILIES[family]
        for model in results.models:
            if model not in models and every[model]:
                axes.plot([x for x, _, _ in every[model]],
                          [point.median for _, point, _ in every[model]],
                          color=OTHERS, linewidth=1, zorder=1)
        for i, (model, shade) in enumerate(zip(models,
                                               shades(family, len(models)))):
            if every[model]:
                # Thinner and thinner, so that one shows behind the other.
                draw_series(axes, every[model], f"series-{model}", label=model,
                            color=shade, marker=MARKERS[i % len(MARKERS)],
                            markersize=max(4, 7 - 0.6 * i),
                            linewidth=max(1.2, 2.6 - 0.3 * i),
                            linestyle=LINES[i % len(LINES)], zorder=3 + 0.5 * i)
        axes.set_title(title, color=color, fontweight="bold", loc="left",
                       fontsize=11)
        axes.grid(True, color="#EEEEEE", linewidth=0.8, zorder=0)
        axes.set_axisbelow(True)
        finish(axes)
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            axes.legend(handles, labels, loc="upper center", ncol=2,
                        bbox_to_anchor=(0.5, -0.17), frameon=False, fontsize=9,
                        handlelength=3)
    return figure


def save(figure, out, name):
    # No date in it: the same figures give the same file.
    figure.savefig(os.path.join(out, name), metadata={"Date": None})
    pyplot.close(figure)


def drawable(point):
    return point is not None and point.median > 0


def floored(point, floor):
    if point is not None and floor is not None:
        for name in ("median", "low", "high"):
            setattr(point, name, max(floor, getattr(point, name)))
    return point


def by_connections(results, metric, title, y_label):
    def series_of(model):
        points = [(size, floored(results.point(model, size, metric),
                                 FLOOR.get(metric)),
                   results.complete(model, size)) for size in results.sizes]
        return [p for p in points if drawable(p[1])]

    def finish(axes):
        log_x(axes, results.sizes, [plain(size) for size in results.sizes])
        log_y(axes)
        axes.tick_params(labelbottom=True, labelleft=True)
        axes.set_xlabel("connections")
        axes.set_ylabel(y_label)
        if metric == "served":
            axes.plot(results.sizes, results.sizes, color="#888888",
                      linestyle=":", linewidth=1, zorder=0.5)

    figure = draw_families(results, series_of, finish)
    figure.suptitle(title, fontsize=14, fontweight="bold")
    return figure


def percentiles(results, size):
    names = ("p50", "p90", "p99", "p99.9")

    def series_of(model):
        points = [(1 / (1 - float(name[1:]) / 100),
                   results.point(model, size, name),
                   results.complete(model, size)) for name in names]
        return [p for p in points if drawable(p[1])]

    def finish(axes):
        log_x(axes, [2, 10, 100, 1000], ["50 %", "90 %", "99 %", "99.9 %"])
        log_y(axes)
        axes.tick_params(labelbottom=True, labelleft=True)
        axes.set_xlabel("of the messages are faster than")
        axes.set_ylabel("microseconds")

    figure = draw_families(results, series_of, finish)
    figure.suptitle(f"Latency at {size:,} connections", fontsize=14,
                    fontweight="bold")
    return figure


def syscalls(results):
    """Bars, one for each model and size; they are few and exact."""
    sizes = results.syscall_sizes()
    rows = [(family, model) for family, models in families_of(results)
            for model in models]
    figure, axes = pyplot.subplots(
        figsize=(9, 1.6 + 0.19 * len(sizes) * len(rows) + 0.12 * len(rows)),
        layout="constrained")
    height = 0.8 / max(1, len(sizes))

    def total(model, size):
        calls = results.syscalls_per_message(model, size)
        return 0 if calls is None else sum(calls.values())

    # One that does not run as it would elsewhere must not make the others'
    # bars too short to be told apart: its own are cut off.
    widest = max((total(model, size) for size in sizes for _, model in rows
                  if model not in results.notes), default=0) * 1.2 or None

    def words(calls, size):
        if calls == 0:
            return "not counted"
        cut = ", cut off" if widest and calls > widest else ""
        return f"{calls:.2f} at {size:,}{cut}"

    for i, size in enumerate(sizes):
        totals, places, shown = [], [], []
        for y, (family, model) in enumerate(rows):
            totals.append(total(model, size))
            places.append(y - 0.4 + (i + 0.5) * height)
            shown.append(FAMILIES[family][1])
        widths = [min(calls, widest or calls) for calls in totals]
        bars = axes.barh(places, widths, height * 0.92, color=shown,
                         alpha=1 - 0.5 * i / max(1, len(sizes)))
        axes.bar_label(bars, padding=3, fontsize=8,
                       labels=[words(calls, size) for calls in totals])
    axes.set_yticks(range(len(rows)), [model for _, model in rows])
    for label, (family, _) in zip(axes.get_yticklabels(), rows):
        label.set_color(FAMILIES[family][1])
    axes.invert_yaxis()
    axes.margins(x=0.3, y=0.01)
    axes.set_xlabel("system calls for each message")
    axes.grid(True, axis="x", color="#EEEEEE")
    axes.set_axisbelow(True)
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=FAMILIES[family][1])
               for family, _ in families_of(results)]
    axes.legend(handles, [FAMILIES[family][0] for family, _ in
                          families_of(results)],
                loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False,
                fontsize=9)
    figure.suptitle("System calls for each message", fontsize=14,
                    fontweight="bold")
    return figure


def draw_all(results, out):
    """Writes all plots into `out`; (file, title, caption) of each."""
    drawn = []
    for metric, title, y_label, caption in BY_CONNECTIONS:
        save(by_connections(results, metric, title, y_label), out,
             f"{metric}.svg")
        drawn.append((f"{metric}.svg", title, caption))
    size = max((s for s in results.sizes if s <= 1000), default=results.sizes[0])
    save(percentiles(results, size), out, "percentiles.svg")
    drawn.insert(3, ("percentiles.svg", f"Latency at {size:,} connections",
                     "The same loop, and not only its 99 %: how many messages "
                     "are faster than that?"))
    if results.syscalls:
        save(syscalls(results), out, "syscalls.svg")
        drawn.append((
            "syscalls.svg", "System calls for each message",
            "Closed loop under `strace`, which slows the server down: more "
            "connections are then ready when it looks, and a call that asks for "
            "all of them serves more messages than it would otherwise."))
    return drawn
