#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs byteloom and its peers in turn on the same inputs and writes results/<device>/<topic>.json and .svg.

compare.py generate [--build DIR] [--rounds N]: bytes per second at batch 1 of 01_generate and of PyTorch.
compare.py attend [--build DIR] [--rounds N] [--cases TEXT]: prefill attention beside PyTorch's kernels, TFLOP/s and errors.
compare.py compile: what translation units cost, from compile/budget.py.
compare.py --readme: writes the README's tables from the result files.
compare.py --check: holds the result files against the schema of docs/design.md, and the README's tables against them.
compare.py --list: the topics.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
TOPICS = ["generate", "attend", "compile"]
PROMPT = "The Lord "
COUNT = 1000


def output_of(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout, done.stderr


def gpu_name():
    try:
        return subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True,
                              check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def cpu_name():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def folder_of(device):
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def bytes_per_second(*command):
    return float(re.search(r"([\d.]+) bytes per second", output_of(*command)[1]).group(1))


def row(case, unit, ours, peers, higher=True, limit=None):
    return {"case": case, "unit": unit, "higher_is_better": higher, "ours": statistics.median(ours),
            "spread": [min(ours), max(ours)], "peers": {name: statistics.median(x) for name, x in peers.items()},
            "limit": limit}


def generate(arguments):
    program = pathlib.Path(arguments.build) / "examples" / "01_generate"
    peer = [sys.executable, BENCH / "peers" / "generate.py", ROOT / "examples/models/english.safetensors", COUNT, PROMPT]
    rows = []
    for case, options, device in (("english/cuda/b1", [], "cuda"), ("english/host/b1", ["--host"], "cpu")):
        if device == "cuda" and gpu_name() is None:
            continue
        ours, theirs = [], []
        for turn in range(arguments.rounds):  # in turn, so that what else the machine does meets both
            ours.append(bytes_per_second(program, "--bytes", COUNT, "--seed", turn + 1, *options, PROMPT))
            theirs.append(bytes_per_second(*peer, device))
        rows.append(row(case, "byte/s", ours, {"torch": theirs}, limit=5000.0 if device == "cuda" else 100.0))
    return gpu_name() or cpu_name(), rows


def attend(arguments):
    """Ours and the peers run in one process, in turn; the library's targets are scaled by what cuBLAS reaches in this run."""
    library = pathlib.Path(arguments.build) / "bench" / "libbench_attend.so"
    out, log = output_of(sys.executable, BENCH / "peers" / "attend.py", library, "--rounds", 3 * arguments.rounds,
                         "--seconds", arguments.seconds, *arguments.cases.split())
    print(log, file=sys.stderr)
    return gpu_name(), json.loads(out)


def compile_(_):
    found = json.loads(output_of(sys.executable, BENCH / "compile" / "budget.py", "--print")[0])
    rows = []
    for unit, cost in found.items():
        for key, unit_name in (("cpu_seconds", "s"), ("megabytes", "MB"), ("object_bytes", "byte")):
            rows.append(row(f"{unit}/{key}", unit_name, [cost[key]], {}, higher=False))
    return cpu_name(), rows


def plot(result, topic):
    """Bars a case, as plain SVG: no library decides how this file looks."""
    lines, y = [], 48
    largest = {}
    for r in result["rows"]:
        largest[r["case"]] = max([r["ours"], *r["peers"].values(), r["limit"] or 0])
    for r in result["rows"]:
        lines.append(f'<text x="16" y="{y}" font-weight="bold">{r["case"]} ({r["unit"]})</text>')
        for name, value in [("byteloom", r["ours"]), *r["peers"].items()]:
            y += 22
            width = 420 * value / largest[r["case"]]
            colour = "#2f6f8f" if name == "byteloom" else "#b0b0b0"
            lines.append(f'<text x="16" y="{y}">{name}</text><rect x="120" y="{y - 12}" width="{width:.1f}" height="15" '
                         f'fill="{colour}"/><text x="{126 + width:.1f}" y="{y}">{value:,.5g}</text>')
        y += 34
    caption = f'{result["device"]}, {result["date"]}, {result["revision"][:12]}: {result["command"]}'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="660" height="{y + 8}" font-family="sans-serif" font-size="13">'
            f'<rect width="100%" height="100%" fill="white"/><text x="16" y="22" font-size="15">{topic}</text>'
            + "".join(lines) + f'<text x="16" y="{y}" font-size="10" fill="#555">{caption}</text></svg>\n')


def faults_of(result):
    faults = [f"lacks {key}" for key in ("device", "date", "revision", "command", "rows") if key not in result]
    for r in result.get("rows", []):
        for key, kind in (("case", str), ("unit", str), ("higher_is_better", bool), ("ours", (int, float)),
                          ("spread", list), ("peers", dict)):
            if not isinstance(r.get(key), kind):
                faults.append(f"{r.get('case')}: {key} is missing or of another type")
        if "limit" not in r:
            faults.append(f"{r.get('case')}: limit is missing")
        elif isinstance(r.get("spread"), list) and not (len(r["spread"]) == 2 and r["spread"][0] <= r["ours"] <= r["spread"][1]):
            faults.append(f"{r.get('case')}: the median lies outside its spread")
    return faults


def shown(figure):
    return f"{figure:,.0f}" if figure >= 10 else f"{figure:.3g}"


def table(text):
    """README text with every <!-- bench:device/topic --> table written anew from its result file."""
    def written(found):
        result = json.loads((BENCH / "results" / f"{found.group(1)}.json").read_text(encoding="utf-8"))
        peers = sorted({name for r in result["rows"] for name in r["peers"]})
        lines = [f'| {result["device"]}, {result["date"]} | unit | byteloom | ' + " | ".join(peers) + " |",
                 "|---|---|---|" + "---|" * len(peers)]
        for r in result["rows"]:
            figures = [shown(r["ours"])] + [shown(r["peers"][name]) if name in r["peers"] else "" for name in peers]
            lines.append(f'| `{r["case"]}` | {r["unit"]} | ' + " | ".join(figures) + " |")
        return f"<!-- bench:{found.group(1)} -->\n" + "\n".join(lines) + "\n<!-- bench -->"
    return re.sub(r"<!-- bench:(\S+) -->\n.*?<!-- bench -->", written, text, flags=re.S)


def check():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    if table(readme) != readme:
        sys.exit("README.md shows other figures than bench/results; run bench/compare.py --readme")
    for path in sorted((BENCH / "results").glob("*/*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        faults = faults_of(result)
        if path.stem not in TOPICS:
            faults.append(f"{path.stem} is no topic")
        if folder_of(result.get("device", "")) != path.parent.name:
            faults.append("lies in another device's folder")
        if not path.with_suffix(".svg").exists():
            faults.append("has no plot beside it")
        if faults:
            sys.exit(f"{path}: " + "; ".join(faults))


def self_test():
    good = {"device": "A B", "date": "d", "revision": "r", "command": "c", "rows": [row("x", "s", [3, 1, 2], {"p": [4]})]}
    assert not faults_of(good) and good["rows"][0]["ours"] == 2 and folder_of("NVIDIA H200") == "nvidia-h200"
    assert faults_of({}) and faults_of({**good, "rows": [{**good["rows"][0], "ours": 9}]})
    assert plot(good, "t").startswith("<svg")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("topic", nargs="?", choices=TOPICS)
    parser.add_argument("--build", default=ROOT / "build" / "device")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1e9, help="attend: begin no case after this time")
    parser.add_argument("--cases", default="", help="attend: only cases that hold one of these words")
    parser.add_argument("--results", type=pathlib.Path, default=BENCH / "results")
    for option in ("--check", "--list", "--readme", "--self-test"):
        parser.add_argument(option, action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
    elif arguments.readme:
        readme = ROOT / "README.md"
        readme.write_text(table(readme.read_text(encoding="utf-8")), encoding="utf-8")
    elif arguments.check:
        check()
    elif arguments.list or arguments.topic is None:
        print("\n".join(TOPICS))
    else:
        device, rows = {"generate": generate, "attend": attend, "compile": compile_}[arguments.topic](arguments)
        revision = os.environ.get("BYTELOOM_REVISION") or output_of("git", "-C", ROOT, "rev-parse", "HEAD")[0].strip()
        result = {"device": device, "date": datetime.date.today().isoformat(), "revision": revision,
                  "command": f"bench/compare.py {arguments.topic} --rounds {arguments.rounds}", "rows": rows}
        folder = arguments.results / folder_of(device)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{arguments.topic}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (folder / f"{arguments.topic}.svg").write_text(plot(result, arguments.topic), encoding="utf-8")
        print(json.dumps(rows, indent=2))


main()
