#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Registers, shared memory and spills of the canonical kernels, held against table.json: a performance test without a
GPU. resources.py [--nvcc NVCC] [--update]: any spill fails, and so do more registers or shared memory than the table says
(registers: by more than 8)."""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
UNITS = ["attend", "attend_canonical", "generator"]
ARCHITECTURES = ["80", "90a"]
SLACK = 8


def short(name):
    name = re.sub(r"byteloom::v\d+::|cuda::detail::sm_\w+::|void |\(byteloom[^)]*memory\)\d|\(memory\)\d|, \(index\)-1", "", name)
    name = re.sub(r"\(.*", "", name) if name.count("<") == 0 else name
    return re.sub(r"\s+", " ", name)


def parse(text):
    """{kernel: [registers, shared bytes, spill bytes]} from the assembler's report."""
    kernels = {}
    name = None
    spills = 0
    for line in text.splitlines():
        entry = re.search(r"Compiling entry function '([^']+)'", line)
        if entry:
            name, spills = entry.group(1), 0
        stores = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line)
        if stores:
            spills = max(spills, int(stores.group(1)) + int(stores.group(2)))
        used = re.search(r"Used (\d+) registers", line)
        if used and name:
            shared = re.search(r"(\d+) bytes smem", line)
            kernels[name] = [int(used.group(1)), int(shared.group(1)) if shared else 0, spills]
            name = None
    return kernels


def demangle(names):
    done = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def measure(nvcc):
    table = {}
    for architecture in ARCHITECTURES:
        kernels = {}
        for unit in UNITS:
            done = subprocess.run([nvcc, "-std=c++20", "-O3", "-gencode", f"arch=compute_{architecture},code=sm_{architecture}",
                                   "-Xptxas", "-v", f"-I{ROOT / 'include'}", f"-I{ROOT / 'examples'}", "-c",
                                   str(ROOT / "bench" / "compile" / f"{unit}.cu"), "-o", os.devnull],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(done.stderr)
            found = parse(done.stderr)
            for name, pretty in zip(found, demangle(found)):
                kernels[short(pretty.split(">(")[0] + (">" if ">(" in pretty else ""))] = found[name]
        table[f"sm_{architecture}"] = dict(sorted(kernels.items()))
    return table


def complaints(found, table):
    result = []
    for architecture, kernels in found.items():
        known = table.get(architecture, {})
        for name, (registers, shared, spills) in kernels.items():
            where = f"{architecture} {name}"
            if spills:
                result.append(f"{where}: spills {spills} bytes")
            if name not in known:
                result.append(f"{where}: is not in the table; run with --update")
            elif registers > known[name][0] + SLACK or shared > known[name][1]:
                result.append(f"{where}: {registers} registers and {shared} bytes of shared memory, the table says {known[name][:2]}")
        for name in known.keys() - kernels.keys():
            result.append(f"{architecture} {name}: is in the table alone; run with --update")
    return result


def self_test():
    report = ("ptxas info : Compiling entry function '_Z1kv' for 'sm_90a'\n 0 bytes stack frame, 4 bytes spill stores, "
              "8 bytes spill loads\nptxas info : Used 40 registers, used 1 barriers, 128 bytes smem\n")
    assert parse(report) == {"_Z1kv": [40, 128, 12]}
    well = {"sm_80": {"k": [40, 128, 0]}}
    assert not complaints(well, well)
    assert complaints({"sm_80": {"k": [40, 128, 4]}}, well)
    assert complaints({"sm_80": {"k": [49, 128, 0]}}, well)
    assert complaints({"sm_80": {"k": [40, 129, 0]}}, well)
    assert complaints(well, {"sm_80": {}}) and complaints({"sm_80": {}}, well)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return
    found = measure(arguments.nvcc)
    file = HERE / "table.json"
    if arguments.update:
        lines = json.dumps(found, indent=1)
        file.write_text(re.sub(r"\[\s+(\d+),\s+(\d+),\s+(\d+)\s+\]", r"[\1, \2, \3]", lines) + "\n", encoding="utf-8")
        return
    wrong = complaints(found, json.loads(file.read_text(encoding="utf-8")))
    if wrong:
        sys.exit("\n".join(wrong))


main()
