#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: faults.py write RESULTS ROOT | render ROOT | print RESULTS | check ROOT

Reports the results of bench/faults. "write" writes ROOT/docs/faults/results.json, and from it
docs/faults.md and the short table between two marks in README.md; "render" does only the latter,
after a template has changed; "check" verifies that these match the JSON; "print" shows the
table, and fails if something was not measured or verified, or userblk has lost something.
"""

import datetime
import json
import os
import re
import sys

import collect
import tables

HERE = os.path.dirname(os.path.abspath(__file__))
BEGIN, END = "<!-- bench/faults: begin -->", "<!-- bench/faults: end -->"

CASES = {
    "one": "(a) one of four workers killed",
    "all": "(b) all killed and restarted",
    "stopped": "(c) all stopped (SIGSTOP), device deleted",
    "no-io-uring": "(d) all killed, restarted without io_uring",
    "unprivileged": "(e) unprivileged: killed and restarted",
}
PROBES = {"neighbour": "I/O on another device", "sync": "sync"}
ANOTHER = ("creating another device", "I/O on a new device", "removing another device")


class Found:
    """All rounds of one case of one target."""

    def __init__(self, rounds):
        self.rounds = rounds
        self.held = next((r for r in rounds if r["held"]), None)
        # The operator reacts at once in these; in the other one, the probes came first.
        self.prompt = [r for r in rounds if not r["held"] and "saw" in r] or [r for r in rounds if "saw" in r]

    @property
    def trouble(self):
        """The reason for missing figures."""
        for r in self.rounds:
            if r.get("lost"):
                return "the guest did not come back from it"
            if "failed" in r:
                return f"not measured: {r['failed']}"
        return None

    @property
    def came_back(self):
        return all(r["recovered"] for r in self.rounds)

    def seen(self, what):
        return [r["saw"][what] for r in self.rounds if "saw" in r]

    @property
    def is_deletion(self):
        return self.rounds[0]["case"] == "stopped"


def seconds(value):
    return f"{value:.1f} s" if value >= 1 else f"{value:.2f} s"


def errors(found):
    if len(found.seen("io_errors")) < len(found.rounds):
        return "the application hung for good"
    most = max(found.seen("io_errors"))
    text = "**0**" if most == 0 else f"{most:,}"
    if any(found.seen("gave_up")):
        text = "more than 2,000"
    if any(found.seen("wrong_data")):
        text += f", {max(found.seen('wrong_data')):,} blocks wrong"
    if found.is_deletion:
        return f"{text} (expected)"
    return text if found.came_back else f"{text}; device lost"


def pause(found):
    if found.is_deletion:
        told = found.held["saw"]["first_error_s"] if "saw" in found.held else None
        if "hung_s" in found.held:
            return f"deletion hangs until the server is killed (here after {found.held['hung_s']:.0f} s)"
        return "none: deleted" if told is None else f"deletion reported after {seconds(told)}"
    longest = max((r["saw"]["longest_wait_s"] or 0.0 for r in found.prompt), default=0.0)
    if any("refused" in r for r in found.rounds):
        return f"as long as io_uring is forbidden (here {seconds(longest)})"
    told = [first for first in found.seen("first_error_s") if first is not None]
    return f"{seconds(max(told))}, then errors" if told else seconds(longest) if found.came_back else "does not end"


def commands(found):
    given = (found.prompt or found.rounds)[0]["commands"]
    if not found.is_deletion and not found.came_back:
        return f"{len(given)}, in vain"
    if any("refused" in r for r in found.rounds):
        return "allow io_uring, then 1"
    return str(len(given)) if given else "**none**"


def blocked(found):
    tried = found.held["probe"]
    stopped = [what for name, what in PROBES.items() if tried[name]["status"] != 0]
    if tried["another"]["status"] != 0:
        stopped.append(ANOTHER[min(len(tried["another"]["reached"]), len(ANOTHER) - 1)])
    return ", ".join(stopped) if stopped else "nothing"


def row(case, target, found):
    if found.trouble:
        return [CASES[case], target, found.trouble, "–", "–", "–"]
    return [CASES[case], target, errors(found), pause(found), commands(found), blocked(found)]


def gather(results):
    """{(case, target): Found}, in the order of the table."""
    groups = {}
    for r in results:
        if "case" in r:
            groups.setdefault((r["case"], r["target"]), []).append(r)
    return {(case, target): Found(groups[case, target])
            for case in CASES for known, target in groups if known == case}


def table(results):
    rows, last = [], None
    for (case, target), found in gather(results).items():
        cells = row(case, target, found)
        rows.append(["" if case == last else cells[0], *cells[1:]])
        last = case
    text = tables.markdown(["fault", "driver", "errors that the application saw", "longest pause",
                            "commands for the operator", "blocked meanwhile"], rows)
    return re.sub(r"\| (--: \| )+--: \|", "|" + " --- |" * 5, text, count=1)


# The columns of the short table: the drivers compared, each in its users' best setup.
SUMMED_UP = {"userblk": "userblk", "ublk": "ublk", "nbd, dead_conn_timeout": "nbd with both timeouts"}


def outcome(found):
    """What the application sees of a fault, in short."""
    if found.trouble:
        return found.trouble
    if found.is_deletion:
        return pause(found)
    return f"{errors(found).replace('**0**', '**no**')} errors, {pause(found)}" if found.came_back \
        else f"{errors(found).replace('; ', ' errors; ')}"


def summary(results):
    """A row per fault, a column per driver."""
    groups = gather(results)
    rows = [[text] + [outcome(groups[case, target]) if (case, target) in groups else "–" for target in SUMMED_UP]
            for case, text in CASES.items()]
    text = tables.markdown(["fault", *SUMMED_UP.values()], rows)
    return re.sub(r"\| (--: \| )+--: \|", "|" + " --- |" * len(SUMMED_UP), text, count=1)


def command_list(results):
    lines = []
    for (case, target), found in gather(results).items():
        if found.trouble:
            continue
        given = (found.prompt or found.rounds)[0]["commands"]
        texts = [f"`{step['text']}`" + (f" – {step['error']}" if "error" in step else "") for step in given]
        lines.append(f"* {CASES[case]}, {target}: " + ("; ".join(texts) if texts else "none"))
    return "\n".join(lines)


def figures_table(results):
    """Everything by round, for those who doubt the summary."""
    rows = []
    for (case, target), found in gather(results).items():
        for number, r in enumerate(found.rounds, 1):
            if "saw" not in r:
                continue
            saw = r["saw"]
            wait = "–" if saw["longest_wait_s"] is None else f"{saw['longest_wait_s']:.2f}"
            probes = r.get("probe", {})
            rows.append([f"{CASES[case][:3]} {target}", f"{number}{', held' if r['held'] else ''}",
                         str(r["met"]), f"{saw['io_errors']:,}", f"{saw['wrong_data']:,}",
                         f"{saw['verified']:,}", f"{saw['answers']:,}", f"{saw['answers_after']:,}", wait,
                         " / ".join(f"{probes[name]['seconds']:.1f}" if probes[name]["status"] == 0 else "no"
                                    for name in ("neighbour", "another", "sync")) if probes else "–"])
    return tables.markdown(["", "round", "in flight", "errors", "wrong blocks", "blocks read back", "answers",
                            "of those after the repair", "longest wait, s", "another's I/O / a new device / sync, s"], rows)


def notes(results):
    lines = []
    restarts = sum("restarted" in r for r in results)
    if restarts:
        lines.append(f"The guest had to be restarted {restarts} time{'s' if restarts > 1 else ''}: a driver was stuck.")
    stuck = [f"{CASES[r['case']][:3]} {r['target']}" for r in results if r.get("stuck") or r.get("lost")]
    if stuck:
        lines.append(f"Stuck for good after: {', '.join(stuck)}.")
    lines.append("The kernel's log held reports (hung tasks or warnings)."
                 if any("kernel_report" in r for r in results)
                 else "The kernel's log held no warnings, oopses or hung tasks.")
    return " ".join(lines)


def fill_document(found):
    with open(f"{HERE}/faults.md.in", encoding="utf-8") as file:
        text = file.read()
    makers = {"date": found["date"], "commit": found["commit"], "kernel": found["kernel"],
              "table": table(found["results"]), "commands": command_list(found["results"]),
              "figures": figures_table(found["results"]), "notes": notes(found["results"]),
              "rounds": str(max(len(f.rounds) for f in gather(found["results"]).values()) - 1)}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: makers[match[1]], text)


def fill_readme(readme, found):
    """The text of README.md with today's table between the marks."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    head = f"Linux {found['kernel']}, {found['date']}, by `bench/faults`. Method, all drivers and figures: " \
           "[docs/faults.md](docs/faults.md)."
    return f"{before}{BEGIN}\n{head}\n\n{summary(found['results'])}\n{END}{after}"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def made(root):
    """The expected files: {path: text}."""
    found = json.loads(read(f"{root}/docs/faults/results.json"))
    return {f"{root}/docs/faults.md": fill_document(found),
            f"{root}/README.md": fill_readme(read(f"{root}/README.md"), found)}


def load(path):
    with open(path, encoding="utf-8") as file:
        return [entry for entry in map(json.loads, file) if "begun" not in entry]


def write(path, root):
    results = load(path)
    found = {"date": datetime.date.today().isoformat(), "commit": collect.commit(),
             "kernel": next(r["kernel"] for r in results if "kernel" in r), "results": results}
    os.makedirs(f"{root}/docs/faults", exist_ok=True)
    with open(f"{root}/docs/faults/results.json", "w", encoding="utf-8") as file:
        json.dump(found, file, indent=1)
        file.write("\n")
    render(root)


def render(root):
    for name, text in made(root).items():
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)


def show(path):
    results = load(path)
    print(table(results))
    bad = [f"{case}, {target}: {found.trouble or 'nothing was verified'}"
           for (case, target), found in gather(results).items()
           if found.trouble or 0 in found.seen("verified")]
    for (case, target), found in gather(results).items():
        lost = any(found.seen("io_errors")) and case != "stopped" or any(found.seen("wrong_data"))
        if target == "userblk" and not found.trouble and (lost or blocked(found) != "nothing"):
            bad.append(f"{case}, {target}: {errors(found)}, blocked: {blocked(found)}")
    sys.exit("\n".join(bad) if bad else 0)


def check(root):
    for name, text in made(root).items():
        if read(name) != text:
            sys.exit(f"{name} does not match docs/faults/results.json; run bench/faults")


def main():
    actions = {"write": (write, 2), "render": (render, 1), "print": (show, 1), "check": (check, 1)}
    action, count = actions.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if action is None or len(sys.argv) != count + 2:
        sys.exit("usage: faults.py write RESULTS ROOT | render ROOT | print RESULTS | check ROOT")
    action(*sys.argv[2:])


if __name__ == "__main__":
    main()
