#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles a wrong program and checks that the first error is the sentence that its head expects.

expect.py COMPILER CASE FLAGS...: CASE holds `// EXPECT: sentence`; a control (*.ok.cpp) must compile instead, so that a
broken include cannot pass as the mistake. `// FROM: file` takes another file's text instead, in which `// CHANGE: old => new`
has to happen once.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def said(text, what):
    found = re.search(rf"^// {what}: (.*)$", text, re.M)
    return found.group(1).strip() if found else None


def changed(text, root, folder):
    """The path of a file that holds what FROM and CHANGE say."""
    source = root / said(text, "FROM")
    body = source.read_text(encoding="utf-8")
    if said(text, "CHANGE"):
        old, new = said(text, "CHANGE").split(" => ")
        if body.count(old) != 1:
            sys.exit(f"{source} holds {body.count(old)} times: {old}")
        body = body.replace(old, new)
    path = pathlib.Path(folder) / source.name
    path.write_text(body, encoding="utf-8")
    return str(path)


def main():
    compiler, case, *flags = sys.argv[1:]
    with open(case, encoding="utf-8") as file:
        text = file.read()
    with tempfile.TemporaryDirectory() as folder:
        source = case
        if said(text, "FROM"):
            root = pathlib.Path(case).parents[2]
            source = changed(text, root, folder)
            flags.append(f"-I{(root / said(text, 'FROM')).parent}")  # what the file includes from beside itself
        compile_and_compare(compiler, case, source, said(text, "EXPECT"), flags)


def compile_and_compare(compiler, case, source, expected, flags):
    nvcc = os.path.basename(compiler).startswith("nvcc")
    command = [compiler, "-std=c++20", *flags]
    if nvcc:
        command += ["-gencode", "arch=compute_90a,code=sm_90a", "-x", "cu", "-c", source, "-o", os.devnull]
    else:
        command += ["-fsyntax-only", source]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    errors = [line for line in run.stdout.splitlines() if re.search(r"\berror\b", line)]
    if case.endswith(".ok.cpp"):
        if run.returncode != 0:
            sys.exit(f"the control does not compile:\n{run.stdout}")
        return
    if run.returncode == 0:
        sys.exit("the wrong program compiles")
    if not errors or expected not in errors[0]:
        sys.exit(f"expected as the first error: {expected}\nfound: {errors[0] if errors else run.stdout}")


main()
