#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles a wrong program and checks that the first error is the sentence that its head expects.

expect.py COMPILER CASE FLAGS...: CASE holds `// EXPECT: sentence`; a control (*.ok.cpp) must compile instead, so that a
broken include cannot pass as the mistake.
"""
import os
import re
import subprocess
import sys


def main():
    compiler, case, *flags = sys.argv[1:]
    nvcc = os.path.basename(compiler).startswith("nvcc")
    command = [compiler, "-std=c++20", *flags]
    if nvcc:
        command += ["-gencode", "arch=compute_90a,code=sm_90a", "-x", "cu", "-c", case, "-o", os.devnull]
    else:
        command += ["-fsyntax-only", case]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    errors = [line for line in run.stdout.splitlines() if re.search(r"\berror\b", line)]
    if case.endswith(".ok.cpp"):
        if run.returncode != 0:
            sys.exit(f"the control does not compile:\n{run.stdout}")
        return
    with open(case, encoding="utf-8") as file:
        expected = next(line[len("// EXPECT: "):].strip() for line in file if line.startswith("// EXPECT: "))
    if run.returncode == 0:
        sys.exit("the wrong program compiles")
    if not errors or expected not in errors[0]:
        sys.exit(f"expected as the first error: {expected}\nfound: {errors[0] if errors else run.stdout}")


main()
