# SPDX-License-Identifier: MIT
"""The plots, as SVG."""

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  # after the choice of a backend
from matplotlib.ticker import MaxNLocator  # noqa: E402

import figures  # noqa: E402

OURS, PEER, KERNEL = "#c2410c", "#2563eb", "#9ca3af"

plt.rcParams.update({"font.size": 9, "svg.hashsalt": "userblk", "axes.spines.top": False,
                     "axes.spines.right": False, "axes.axisbelow": True})


def color(target):
    if target.startswith("userblk"):
        return OURS
    return PEER if target.startswith(("ublk", "nbd")) else KERNEL


def save(figure, path):
    figure.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)


def bars(axis, entries, title, unit, label, named):
    """Horizontal bars: [(target, value, low, high)]; a bar far longer than the others is cut
    off, and its number says so. named: whether the targets' names are shown."""
    values = [entry[1] for entry in entries]
    limit = min(max(values), 2.2 * sorted(values)[int(len(values) * 0.7)])
    for row, (target, value, low, high) in enumerate(reversed(entries)):
        shown = min(value, limit)
        axis.barh(row, shown, color=color(target), height=0.7)
        end = shown
        if low is not None and value <= limit:
            axis.errorbar(value, row, xerr=[[value - low], [min(high, limit * 1.1) - value]],
                          color="black", linewidth=0.8, capsize=2)
            end = max(shown, min(high, limit * 1.1))
        axis.text(end + limit * 0.015, row, label(value) + (" →" if value > limit else ""),
                  va="center", fontsize=8)
    axis.set_yticks(range(len(entries)), [entry[0] if named else "" for entry in reversed(entries)])
    axis.set_xlim(0, limit * 1.25)
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.xaxis.set_major_formatter(lambda v, _: f"{v:,.0f}")
    axis.set_xlabel(unit)
    axis.set_title(title, loc="left", fontsize=10)
    axis.grid(axis="x", color="#e5e7eb")
    axis.tick_params(axis="y", length=0)


def panels(found, path, heading, unit, value, label):
    jobs = figures.unique(key.job for key in found)
    targets = figures.unique(key.target for key in found)
    rows = (len(jobs) + 1) // 2
    figure, axes = plt.subplots(rows, 2, figsize=(11, rows * (0.6 + 0.24 * len(targets))),
                                squeeze=False, layout="constrained")
    # Adjacent plots show the same targets: name them once.
    for number, (axis, job) in enumerate(zip(axes.flat, jobs)):
        entries = [(key.target, *value(f)) for key, f in found.items() if key.job == job]
        bars(axis, entries, job, unit, label, number % 2 == 0 or len(entries) != len(targets))
    for axis in list(axes.flat)[len(jobs):]:
        axis.remove()
    figure.suptitle(heading, fontsize=11, x=0.01, ha="left")
    save(figure, path)


def counted(found, path, kernel):
    panels(found, path, f"Instructions per I/O, Linux {kernel}, one processor (less is better)",
           "instructions per I/O", lambda f: (f.median, None, None), lambda v: f"{v:,.0f}")


def timed(found, path, kernel, tool):
    panels(found, path, f"I/Os per second, Linux {kernel}, {tool}, two emulated processors: median, "
           "least and most of the rounds (more is better)", "I/Os per second",
           lambda f: (1e9 / f.median, 1e9 / f.most, 1e9 / f.least), lambda v: f"{v:,.0f}")


def scale(measurements, path):
    names = [("queues", "hardware queues, as many submitters, one worker"),
             ("workers", "workers waiting in SERVE, one queue"), ("devices", "devices, one of them busy")]
    figure, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained", sharey=True)
    highest = 0
    for axis, (name, label) in zip(axes, names):
        for (kernel, points), style in zip(figures.series(measurements, name).items(), ("o-", "s--")):
            axis.plot([str(x) for x, _ in points], [y for _, y in points], style, label=f"Linux {kernel}",
                      color=OURS if style == "o-" else KERNEL)
            highest = max(highest, *(y for _, y in points))
        axis.set_xlabel(label)
        axis.grid(axis="y", color="#e5e7eb")
    axes[0].set_ylim(0, highest * 1.15)  # shared by all
    axes[0].set_ylabel("instructions per I/O")
    axes[0].legend(frameon=False, loc="lower left")
    figure.suptitle("4k reads, depth 8 per submitter, null store, eight processors", fontsize=11, x=0.01,
                    ha="left")
    save(figure, path)
