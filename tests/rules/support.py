#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/support.md: which policies of attention and which published mechanisms tests run on which backend.

support.py ROOT checks that the page is what the tests say, support.py ROOT --write writes it, support.py --self-test plants
a difference. A policy is tried where a test, or a header of tests/ that it includes, includes the policy's header; a mechanism
has a test whose name begins with its number, as in TEST_CASE("MSK-06 (partial: no merging) Swin's windows").
"""
import pathlib
import re
import sys
import tempfile

AXES = ["attend/mask", "attend/score", "position", "attend/normalizer", "attend/observe", "attend/scales"]
SHARED = {"interval", "map", "pointwise", "turn"}  # what policies are made of
JOIN = "attend/attention.hpp"  # brings the defaults of an attention
PAGE = "docs/support.md"


def included(path, tests):
    """Headers of the library that a test names, itself or through headers of tests/."""
    found, todo, seen = set(), [path], set()
    while todo:
        text = todo.pop().read_text(encoding="utf-8")
        for name in re.findall(r'#include "([^"]+)"', text):
            if name.startswith("byteloom/"):
                found.add(name.removeprefix("byteloom/"))
            elif (tests / name).exists() and name not in seen:
                seen.add(name)
                todo.append(tests / name)
    return found


def page_of(root):
    include, tests = root / "include/byteloom", root / "tests"
    backends = {"host": sorted((tests / "attend").glob("*.cpp")),
                "device": sorted([*(tests / "device").glob("*.cu"), *(tests / "matrix").glob("*.cu")])}
    tried = {}
    for backend, files in backends.items():
        tried[backend] = set().union(*(included(path, tests) for path in files))
        if any("attend" in name for name in tried[backend]):
            tried[backend] |= set(re.findall(r'#include "byteloom/([^"]+)"', (include / JOIN).read_text(encoding="utf-8")))
    lines = ["# What is tried where", "",
             "Written by `tests/rules/support.py . --write` from the tests, and checked by one.", "",
             "| policy | host | device |", "|---|---|---|"]
    for axis in AXES:
        for path in sorted((include / axis).glob("*.hpp")):
            if path.stem not in SHARED:
                name = f"{axis}/{path.name}"
                marks = " | ".join("yes" if name in tried[backend] else "" for backend in backends)
                lines.append(f"| `{name}` | {marks} |")
    lines += ["", "Published mechanisms, by the numbers in the tests' names. What no test runs from input to output is named.", "",
              "| number | test | on | partial |", "|---|---|---|---|"]
    rows = {}
    for backend, files in backends.items():
        for path in files:
            for literals in re.findall(r'TEST_CASE\(\s*((?:"[^"]*"\s*)+)\)', path.read_text(encoding="utf-8")):
                named = re.fullmatch(r"([A-Z]{2,3}-\d+) (?:\(partial: ([^)]*)\) )?(.*)", "".join(re.findall('"([^"]*)"', literals)))
                if named:
                    rows.setdefault((named[1], named[3], named[2] or ""), []).append(backend)
    for (number, title, clause), on in sorted(rows.items()):
        lines.append(f"| {number} | {title} | {', '.join(sorted(set(on), reverse=True))} | {clause} |")
    return "\n".join(lines).replace("\\\\", "\\") + "\n"


def fault_of(root):
    page = root / PAGE
    if not page.exists() or page.read_text(encoding="utf-8") != page_of(root):
        return f"{PAGE} is not what the tests say; run tests/rules/support.py . --write"
    return None


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {
                "include/byteloom/attend/attention.hpp": '#include "byteloom/position/rope.hpp"\n',
                "include/byteloom/position/rope.hpp": "",
                "include/byteloom/attend/mask/a.hpp": "",
                "include/byteloom/attend/mask/map.hpp": "",
                "tests/support/s.hpp": '#include "byteloom/attend/mask/a.hpp"\n',
                "tests/attend/t.cpp": '#include "support/s.hpp"\nTEST_CASE("MSK-01 (partial: no b) a") {}\nTEST_CASE("c") {}\n'
                                     'TEST_CASE(\n    "MSK-03 (partial: no "\n    "f) e") {}\n',
                "tests/device/t.cu": '#include "byteloom/core/x.hpp"\nTEST_CASE("MSK-02 d") {}\n',
                "docs/support.md": "",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        page = page_of(root)
        for line in ("| `attend/mask/a.hpp` | yes |  |", "| `position/rope.hpp` | yes |  |", "| MSK-01 | a | host | no b |",
                     "| MSK-02 | d | device |  |",
                     "| MSK-03 | e | host | no f |"):
            if line + "\n" not in page:
                sys.exit(f"not in the page: {line}\n{page}")
        if "map" in page or "| c |" in page or not fault_of(root):
            sys.exit(f"the page holds too much, or a stale one passes:\n{page}")
        (root / PAGE).write_text(page, encoding="utf-8")
        if fault_of(root):
            sys.exit(fault_of(root))


def main():
    if sys.argv[1] == "--self-test":
        self_test()
        return
    root = pathlib.Path(sys.argv[1])
    if "--write" in sys.argv:
        (root / PAGE).write_text(page_of(root), encoding="utf-8")
    elif fault_of(root):
        sys.exit(fault_of(root))


main()
