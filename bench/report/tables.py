# SPDX-License-Identifier: MIT
"""Tables in Markdown."""

import figures

JOBS = ("4k read, depth 1", "4k read, depth 32", "4k write, depth 32", "128k read, depth 8")
GOALS = {  # of the design: at most this many instructions
    "null": (12_800, 5_350, 5_350, 27_500),
    "mem": (13_600, 6_150, 6_150, 51_000),
    "file, --redirect": (14_500, 7_100, 7_400, 66_000),
}


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


def goals(found, kernel, stores):
    """The goals next to the best way to serve, and by how much it misses them."""
    by_place = {(key.target, key.job): figure.median
                for key, figure in of_mode(found, "counted", kernel, "load").items()}
    rows = []
    for store, job, goal in ((s, *pair) for s in stores for pair in zip(JOBS, GOALS[s])):
        ways = [by_place.get((f"userblk {store}{way}", job))
                for way in ("", ", --wait=poll", ", --scheduling=fifo")]
        if None in ways:
            continue
        short = min(ways) / goal - 1
        rows.append([f"{store}, {job}", number(goal), *[number(way) for way in ways],
                     "reached" if short <= 0 else f"{short * 100:.1f} % above"])
    return markdown(["", "goal, at most", "default", "`--wait=poll`", "`--scheduling=fifo`",
                     "best of them"], rows)


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
