#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what translation units cost and holds it against budget.json.

budget.py [--nvcc NVCC] [--update | --print]: CPU seconds and peak megabytes over those of empty.cu, and the object's bytes. Bytes
and memory may grow by a quarter before the check fails; CPU time, which other work on the machine disturbs, is held
against the promise alone (10 s and 700 MB for one attention launcher).
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
UNITS = ["attend", "generator"]
PROMISED = {"attend": {"cpu_seconds": 10.0, "megabytes": 700.0}}
GROWTH = 1.25


def compile_unit(nvcc, unit, folder):
    output = pathlib.Path(folder) / f"{unit}.o"
    command = [nvcc, "-std=c++20", "-O3", "-gencode", "arch=compute_90a,code=sm_90a", f"-I{HERE.parents[1] / 'include'}",
               f"-I{HERE.parents[1] / 'examples'}", "-c", str(HERE / f"{unit}.cu"), "-o", str(output)]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{unit}.cu does not compile")
    # nvcc's children are its own: their CPU time is in its account, their peak is the largest of them
    return {"cpu_seconds": usage.ru_utime + usage.ru_stime, "megabytes": usage.ru_maxrss / 1024,
            "object_bytes": output.stat().st_size}


def measure(nvcc):
    with tempfile.TemporaryDirectory() as folder:
        empty = compile_unit(nvcc, "empty", folder)
        found = {}
        for unit in UNITS:
            cost = compile_unit(nvcc, unit, folder)
            found[unit] = {"cpu_seconds": round(cost["cpu_seconds"] - empty["cpu_seconds"], 2),
                           "megabytes": round(cost["megabytes"], 1), "object_bytes": cost["object_bytes"]}
        return found


def complaints(found, budget):
    result = []
    for unit, promised in PROMISED.items():
        for key, most in promised.items():
            if found[unit][key] > most:
                result.append(f"{unit}: {key} is {found[unit][key]}, promised are at most {most}")
    for unit, cost in found.items():
        if unit not in budget:
            result.append(f"{unit}: has no budget; run with --update")
            continue
        for key in ("megabytes", "object_bytes"):
            if cost[key] > budget[unit][key] * GROWTH:
                result.append(f"{unit}: {key} grew from {budget[unit][key]} to {cost[key]}")
    return result


def self_test():
    well = {"attend": {"cpu_seconds": 1.0, "megabytes": 100.0, "object_bytes": 1000}}
    assert not complaints(well, well)
    assert complaints({"attend": {**well["attend"], "object_bytes": 1300}}, well)
    assert complaints({"attend": {**well["attend"], "cpu_seconds": 11.0}}, well)
    assert complaints(well, {})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--print", action="store_true", help="measure and print, check nothing")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return
    found = measure(arguments.nvcc)
    print(json.dumps(found, indent=2))
    if arguments.print:
        return
    file = HERE / "budget.json"
    if arguments.update:
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        return
    wrong = complaints(found, json.loads(file.read_text(encoding="utf-8")))
    if wrong:
        sys.exit("\n".join(wrong))


main()
