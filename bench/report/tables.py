# SPDX-License-Identifier: MIT
"""Tables in Markdown."""

import figures

JOBS = ("4k read, depth 1", "4k read, depth 32", "4k write, depth 32", "128k read, depth 8")
DISK = "file, on null_blk, --redirect, --direct"
GOALS = {  # at most this many instructions, with default options
    "6.12": {"mem": (13_600, 6_000, 6_050, 46_500), "file, --redirect": (14_500, 6_800, 7_290, 59_700)},
    "7.3": {"mem": (14_200, 6_100, 6_150, 47_000), "file, --redirect": (16_200, 7_900, 8_450, 97_000),
            DISK: (16_600, 8_500, 9_100, 34_500)},
}
# The nearest rival of a store, at its best, with a client that knows nothing of it.
RIVALS = {"mem": ("ublk memory", "ublk memory, asking for addresses", "ublk memory, batch commands"), "file, --redirect": ("loop on tmpfs",),
          DISK: ("ublk on null_blk", "ublk on null_blk, registered buffers",
                 "ublk on null_blk, batch commands, registered buffers")}


def markdown(head, rows):
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value):
    return f"{value:,.0f}"


def of_mode(found, mode, kernel, tool):
    return {key: figure for key, figure in found.items() if key[:3] == (mode, kernel, tool)}


def grid(found, cell):
    """Targets down, jobs across."""
    jobs = figures.unique(key.job for key in found)
    by_place = {(key.target, key.job): figure for key, figure in found.items()}
    return markdown(["", *jobs], [
        [target, *[cell(by_place[target, job]) if (target, job) in by_place else "–" for job in jobs]]
        for target in figures.unique(key.target for key in found)])


def counted(found, kernel):
    return grid(of_mode(found, "counted", kernel, "load"), lambda figure: number(figure.median))


def goals(found, kernel):
    """The goals, and the nearest rival, next to what userblk does by default."""
    by_place = {(key.target, key.job): figure.median
                for key, figure in of_mode(found, "counted", kernel, "load").items()}
    rows = []
    chosen = GOALS[max((known for known in GOALS if figures.version(known) <= figures.version(kernel)),
                       key=figures.version)]
    for store, job, goal in ((s, *pair) for s in chosen for pair in zip(JOBS, chosen[s])):
        ours = by_place.get((f"userblk {store}", job))
        if ours is None:
            continue
        fifo = by_place.get((f"userblk {store}, --scheduling=fifo", job))
        rival = min(((by_place[name, job], name) for name in RIVALS[store] if (name, job) in by_place), default=None)
        rows.append([f"{store}, {job}", number(goal), number(ours), number(fifo) if fifo else "–",
                     f"{number(rival[0])} ({rival[1]})" if rival else "–",
                     "reached" if ours <= goal else f"{(ours / goal - 1) * 100:.1f} % above"])
    return markdown(["", "goal, at most", "default", "`--scheduling=fifo`", "nearest rival, at its best",
                     "default against the goal"], rows)


def slices(found, kernel):
    """Under control groups, and by how much that differs from sessions alone."""
    alone = of_mode(found, "counted", kernel, "load")
    by_place = {(key.target, key.job): figure.median for key, figure in alone.items()}
    rows = {}
    for key, figure in of_mode(found, "slices", kernel, "load").items():
        before = by_place.get((key.target, key.job))
        change = f" ({(figure.median / before - 1) * 100:+.1f} %)" if before else ""
        rows.setdefault(key.target, {})[key.job] = number(figure.median) + change
    jobs = figures.unique(job for cells in rows.values() for job in cells)
    return markdown(["", *jobs], [[target, *[cells.get(job, "–") for job in jobs]] for target, cells in rows.items()])


def submitters(found, kernel, tool):
    return grid(of_mode(found, "jobs", kernel, tool), per_second)


def submitters_counted(found, kernel):
    return grid(of_mode(found, "jobs-counted", kernel, "load"),
                lambda figure: f"{number(figure.median)} / {figure.switches:.2f}")


def skipped(measurements, kernel):
    """A sentence for each reason."""
    reasons = {}
    for target, reason in figures.skipped(measurements).get(kernel, {}).items():
        reasons.setdefault(reason, []).append(target)
    return " ".join(f"Skipped on {kernel}, since {reason}: {'; '.join(targets)}." for reason, targets in reasons.items())


def per_second(figure):
    return f"{number(1e9 / figure.median)} ({number(1e9 / figure.most)}–{number(1e9 / figure.least)})"


def timed(found, kernel, tool):
    return grid(of_mode(found, "time", kernel, tool), per_second)


def latency(found, kernel, tool):
    def cell(figure):
        return f"{figure.p50 / 1000:,.0f} / {figure.p99 / 1000:,.0f}" if figure.p50 else "–"
    return grid(of_mode(found, "time", kernel, tool), cell)


def processor(found, kernel, tool):
    def cell(figure):
        worker = f"{figure.worker / 1000:,.1f}" if figure.worker is not None else "–"
        return f"{figure.submitter / 1000:,.1f} / {worker}" if figure.submitter else "–"
    return grid(of_mode(found, "time", kernel, tool), cell)


def singular(words):
    first, *rest = words.split(" ")
    return " ".join([first.removesuffix("s"), *rest])


def scale(measurements, name, what):
    rows = []
    for kernel, points in figures.series(measurements, name).items():
        first = points[0][1]
        rows += [[f"{kernel}, {x} {what if x > 1 else singular(what)}", number(y), f"{(y / first - 1) * 100:+.1f} %"]
                 for x, y in points]
    return markdown(["", "instructions per I/O", "against the first"], rows)


def memory(measurements):
    rows = [[figures.short_kernel(m["kernel"]), f"{m['device_bytes'] / 1024:,.0f} KiB",
             f"{m['worker_bytes'] / 1024:,.0f} KiB"]
            for m in measurements if m.get("series") == "memory"]
    return markdown(["kernel", "idle device of depth 128", "idle worker, its own"], rows)
