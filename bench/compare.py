#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs byteloom and its peers in turn on the same inputs and writes results/<device>/<topic>.json and .svg.

compare.py generate [--build DIR] [--rounds N]: bytes per second at batch 1 of 01_generate and of PyTorch.
compare.py attend [--build DIR] [--rounds N] [--cases WORDS] [--seconds S] [--no-flex]: prefill attention beside PyTorch's
  kernels, TFLOP/s, GB/s and errors; peers/attend_cases.py says what they must reach.
compare.py compile: what translation units cost, from compile/budget.py.
compare.py --judge [FILE ...]: which rows of result files (all, where none is named) reach what they must; exit status 1 where
  one does not.
compare.py --readme: writes the tables of README.md and docs/attention.md from the result files.
compare.py --check: holds the result files against the schema of docs/design.md, and those tables against them.
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
sys.path.insert(0, str(BENCH / "peers"))
sys.dont_write_bytecode = True
import attend_cases  # noqa: E402  (it lies in peers/)

PAGES = ["README.md", "docs/attention.md"]  # that show figures
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
    """Ours and the peers run in one process, in turn; absolute targets are scaled by what cuBLAS reaches in this run."""
    library = arguments.module or pathlib.Path(arguments.build) / "bench" / "libbench_attend.so"
    command = [sys.executable, BENCH / "peers" / "attend.py", library, *arguments.cases.split(), "--rounds",
               3 * arguments.rounds, "--seconds", arguments.seconds, *(["--no-flex"] if arguments.no_flex else [])]
    rows = []
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True) as peers:
        for line in peers.stdout:  # as they come, so that a run that breaks off keeps what it has
            if line.startswith("{"):
                rows.append(json.loads(line))
            else:
                print(line, end="", file=sys.stderr)
    if peers.returncode != 0:
        print(f"peers/attend.py: exit status {peers.returncode}; its rows so far are kept", file=sys.stderr)
        arguments.status = 1
    if not rows:
        sys.exit("attend: no row was measured")
    return gpu_name() or "no GPU", rows


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
    for r in result["rows"]:
        lines.append(f'<text x="16" y="{y}" font-weight="bold">{r["case"]} ({r["unit"]})</text>')
        bars = [("byteloom", r["ours"]), *r["peers"].items(), *r.get("beside", {}).items()]
        largest = max([value for _, value in bars] + [r["limit"] or 0])
        for name, value in bars:
            y += 22
            width = 420 * value / largest
            colour = "#2f6f8f" if name == "byteloom" else "#b0b0b0"
            lines.append(f'<text x="16" y="{y}">{name}</text><rect x="120" y="{y - 12}" width="{width:.1f}" height="15" '
                         f'fill="{colour}"/><text x="{126 + width:.1f}" y="{y}">{value:,.5g}</text>')
        y += 34
    caption = f'{result["device"]}, {result["date"]}, {result["revision"][:12]}: {result["command"]}'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="660" height="{y + 8}" font-family="sans-serif" font-size="13">'
            f'<rect width="100%" height="100%" fill="white"/><text x="16" y="22" font-size="15">{topic}</text>'
            + "".join(lines) + f'<text x="16" y="{y}" font-size="10" fill="#555">{caption}</text></svg>\n')


def bounds(r):
    """What a row must reach, in its unit, and why: its limit, and its ratios over figures measured with it. A ratio of 1 is
    reached from 0.98 on."""
    found = [(r["limit"], "limit")] if r["limit"] is not None else []
    figures = {**r["peers"], **r.get("beside", {})}
    for name, ratio in r.get("ratios", {}).items():
        if name in figures:
            least = 0.98 if ratio == 1 else ratio
            figure = figures[name] * least if r["higher_is_better"] else figures[name] / least
            found.append((figure, f"{ratio:.3g} x {name}"))
    return found


def bound(r):
    """The one of bounds(r) that asks the most, or None."""
    return (max if r["higher_is_better"] else min)(bounds(r), default=None)


def reached(r, figure):
    return r["ours"] >= figure if r["higher_is_better"] else r["ours"] <= figure


def judge(result):
    """Sentences on what misses and on what could not be judged, and how many rows have something to reach."""
    said, judged = [], 0
    for r in result["rows"]:
        wanted = bounds(r)
        judged += bool(wanted)
        for figure, why in wanted:
            if not reached(r, figure):
                said.append(f'{r["case"]}: {r["ours"]:.5g} {r["unit"]} misses {figure:.5g} ({why}), '
                            f'{r["ours"] / figure:.3f} of it')
        for name in r.get("ratios", {}):
            if name not in r["peers"] and name not in r.get("beside", {}):
                said.append(f'{r["case"]}: not judged over {name}, which was not measured')
    return said, judged


def judge_files(files):
    missed = False
    for path in files or sorted((BENCH / "results").glob("*/*.json")):
        result = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        said, judged = judge(result)
        missed = missed or any(" misses " in sentence for sentence in said)
        print(f'{path}: {judged} of {len(result["rows"])} rows have something to reach')
        print("".join(f"  {sentence}\n" for sentence in said), end="")
    sys.exit(1 if missed else 0)


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
        for key in ("ratios", "beside"):
            if not all(isinstance(figure, (int, float)) for figure in r.get(key, {}).values()):
                faults.append(f"{r.get('case')}: {key} holds something that is no number")
    return faults


def shown(figure):
    return f"{figure:,.0f}" if figure >= 10 else f"{figure:.3g}"


def table(text):
    """A page with every <!-- bench:device/topic --> table written anew from its result file; words behind the topic leave the
    rows whose cases begin with one of them."""
    def written(found):
        result = json.loads((BENCH / "results" / f"{found.group(1)}.json").read_text(encoding="utf-8"))
        words = tuple(found.group(2).split())
        rows = [r for r in result["rows"] if not words or r["case"].startswith(words)]
        peers = sorted({name for r in rows for name in r["peers"]})
        lines = [f'| {result["device"]}, {result["date"]} | unit | byteloom | to reach | ' + " | ".join(peers) + " |",
                 "|---|---|---|---|" + "---|" * len(peers)]
        for r in rows:
            least = bound(r)
            figures = [shown(r["ours"]), shown(least[0]) if least else ""]
            figures += [shown(r["peers"][name]) if name in r["peers"] else "" for name in peers]
            lines.append(f'| `{r["case"]}` | {r["unit"]} | ' + " | ".join(figures) + " |")
        return f"<!-- bench:{found.group(1)}{found.group(2)} -->\n" + "\n".join(lines) + "\n<!-- bench -->"
    return re.sub(r"<!-- bench:(\S+)((?: \S+)*?) -->\n.*?<!-- bench -->", written, text, flags=re.S)


def check():
    for name in PAGES:
        page = (ROOT / name).read_text(encoding="utf-8")
        if table(page) != page:
            sys.exit(f"{name} shows other figures than bench/results; run bench/compare.py --readme")
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
    fast = {"case": "x", "unit": "TFLOP/s", "higher_is_better": True, "ours": 100, "spread": [100, 100], "limit": 90,
            "peers": {"cudnn": 101, "flex": 60}, "beside": {"causal": 110}}
    result = {**good, "rows": [{**fast, "ratios": {"cudnn": 1, "flex": 1.6, "causal": 0.9, "fa2": 1}}]}
    assert not faults_of(result) and judge(result) == (["x: not judged over fa2, which was not measured"], 1)
    assert bound(result["rows"][0]) == (110 * 0.9, "0.9 x causal")
    said, _ = judge({"rows": [{**fast, "limit": 101, "ratios": {"flex": 1.8, "causal": 0.95}}]})
    assert len(said) == 3 and "0.990 of it" in said[0] and "1.8 x flex" in said[1] and "0.95 x causal" in said[2]
    small = {**fast, "higher_is_better": False, "limit": 99, "peers": {"cudnn": 150}, "ratios": {"cudnn": 2}}
    assert [figure for figure, _ in bounds(small)] == [99, 75] and len(judge({"rows": [small]})[0]) == 2
    assert faults_of({**good, "rows": [{**fast, "ratios": {"cudnn": "much"}}]})
    attend_cases.self_test()
    result_files = sorted((BENCH / "results").glob("*/attend.json"))
    name = result_files[0].relative_to(BENCH / "results").with_suffix("") if result_files else None
    if name:
        shorter = table(f"<!-- bench:{name} forward/full forward/causal -->\nold\n<!-- bench -->")
        whole = table(f"a\n<!-- bench:{name} -->\n<!-- bench -->\nb")
        assert "error/" in whole and "error/" not in shorter and "forward/full" in shorter and "old" not in shorter
        assert whole.startswith("a\n") and whole.endswith("\nb") and table(shorter) == shorter and len(shorter) < len(whole)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("topic", nargs="?", help=", ".join(TOPICS))
    parser.add_argument("files", nargs="*", help="--judge: result files")
    parser.add_argument("--build", default=ROOT / "build" / "device")
    parser.add_argument("--library", dest="module", help="attend: what CMake builds as bench_attend, where it lies elsewhere")
    parser.add_argument("--no-flex", action="store_true", help="attend: leave FlexAttention out, which compiles for long")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1e9, help="attend: begin no case after this time")
    parser.add_argument("--cases", default="", help="attend: only cases that hold one of these words")
    parser.add_argument("--results", type=pathlib.Path, default=BENCH / "results")
    for option in ("--check", "--judge", "--list", "--readme", "--self-test"):
        parser.add_argument(option, action="store_true")
    arguments = parser.parse_args()
    arguments.status = 0
    if arguments.judge:
        judge_files(arguments.files if arguments.topic is None else [arguments.topic, *arguments.files])
    elif arguments.topic not in (None, *TOPICS) or arguments.files:
        parser.error("topics are " + ", ".join(TOPICS))
    elif arguments.self_test:
        self_test()
    elif arguments.readme:
        for name in PAGES:
            page = ROOT / name
            page.write_text(table(page.read_text(encoding="utf-8")), encoding="utf-8")
    elif arguments.check:
        check()
    elif arguments.list or arguments.topic is None:
        print("\n".join(TOPICS))
    else:
        device, rows = {"generate": generate, "attend": attend, "compile": compile_}[arguments.topic](arguments)
        revision = os.environ.get("BYTELOOM_REVISION") or output_of("git", "-C", ROOT, "rev-parse", "HEAD")[0].strip()
        result = {"device": device, "date": datetime.date.today().isoformat(), "revision": revision,
                  "command": f"bench/compare.py {arguments.topic} --rounds {arguments.rounds}" +
                             (f" --cases '{arguments.cases}'" if arguments.cases else ""), "rows": rows}
        folder = arguments.results / folder_of(device)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{arguments.topic}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (folder / f"{arguments.topic}.svg").write_text(plot(result, arguments.topic), encoding="utf-8")
        print(json.dumps(rows, indent=2))
        print("\n".join(judge(result)[0]), file=sys.stderr)
        sys.exit(arguments.status)


main()
