# SPDX-License-Identifier: MIT
"""The plots, as SVG."""

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  # after the choice of a backend
from matplotlib.ticker import MaxNLocator  # noqa: E402

import figures  # noqa: E402

# To be read at a glance: so many bars a panel at most. What else was measured is in the tables.
MOST = 8
MEMORY = ("brd", "nbd memory", "ublk memory", "ublk memory, asking for addresses",
          "ublk memory, batch commands", "ublk memory, shared with the client", "userblk mem",
          "userblk mem, --scheduling=fifo", "userblk mem, 4 workers")
FILES = ("loop on tmpfs", "userblk file, --redirect", "loop on ext4", "userblk file, on ext4, --redirect",
         "loop on null_blk, direct", "ublk on null_blk", "ublk on null_blk, registered buffers",
         "userblk file, on null_blk, --redirect, --direct")
SUBMITTERS = ("loop on tmpfs", "userblk file, 1 worker, --redirect", "userblk file, 2 workers, --redirect",
              "ublk memory", "ublk memory, 2 tasks", "userblk mem, 1 worker", "userblk mem, 2 workers", "ublk null")
# The pictures of a mode and tool: {name: targets}
PICTURES = {("counted", "load"): {"memory": MEMORY, "files": FILES},
            ("time", "load"): {"memory": MEMORY, "files": FILES},
            ("jobs", "fio"): {"4k reads, depth 1": SUBMITTERS}}

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
    assert len(entries) <= MOST
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
    figure, axes = plt.subplots(rows, 2, figsize=(11, rows * (0.8 + 0.24 * len(targets))),
                                squeeze=False, layout="constrained")
    # Adjacent plots show the same targets: name them once.
    for number, (axis, job) in enumerate(zip(axes.flat, jobs)):
        entries = [(key.target, *value(f)) for key, f in found.items() if key.job == job]
        bars(axis, entries, job, unit, label, number % 2 == 0 or len(entries) != len(targets))
    for axis in list(axes.flat)[len(jobs):]:
        axis.remove()
    figure.suptitle(heading, fontsize=11, x=0.01, ha="left")
    save(figure, path)


def counted(found, path, heading):
    panels(found, path, f"{heading}: instructions per I/O, one processor (less is better)",
           "instructions per I/O", lambda f: (f.median, None, None), lambda v: f"{v:,.0f}")


def timed(found, path, heading):
    panels(found, path, f"{heading}: I/Os per second, two emulated processors, median, least and most of "
           "the rounds (more is better)", "I/Os per second",
           lambda f: (1e9 / f.median, 1e9 / f.most, 1e9 / f.least), lambda v: f"{v:,.0f}")


def pictures(found, folder, mode, tool, kernel):
    """Draws a mode's pictures of the targets that there are; returns the files' names."""
    drawn = []
    for name, targets in PICTURES[mode, tool].items():
        there = [target for target in targets if any(key.target == target for key in found)][:MOST]
        some = {key: found[key] for target in there for key in found if key.target == target}
        if some:
            drawn.append("-".join([mode, *([name] if len(PICTURES[mode, tool]) > 1 else []), kernel]) + ".svg")
            heading = f"Linux {kernel}, {name}"
            (counted if mode in figures.COUNTED else timed)(some, f"{folder}/{drawn[-1]}", heading)
    return drawn


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
