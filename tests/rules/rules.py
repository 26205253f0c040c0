#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the repository against the rules of docs/design.md that can be read off its files."""
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import textwrap

POLICY_ROOMS = ["core", "tokenize", "reduce", "embed", "position", "attend", "quantize", "mix", "compose"]
ARROWS = {
    "core": [],
    "tokenize": ["core"],
    "reduce": ["core"],
    "embed": ["core", "quantize"],
    "position": ["core"],
    "attend": ["core", "position", "quantize"],
    "quantize": ["core"],
    "mix": ["core", "position"],
    "compose": [room for room in POLICY_ROOMS if room != "compose"],
    "sample": ["core", "tokenize"],
    "load": ["core", "quantize", "tokenize", "compose"],
    "host": POLICY_ROOMS + ["sample"],
    "cuda": POLICY_ROOMS + ["sample"],
    "parallel": ["core", "compose", "cuda"],
}
TOP_LEVEL = {
    "CMakeLists.txt", "include", "examples", "tests", "bench", "cmake", "LICENSE", "README.md", "CMakePresets.json",
    ".clang-format", ".gitignore", ".ci", "CHANGELOG.md", "CONTRIBUTING.md", "conanfile.py", "docs"
}
CUDA_INCLUDE = re.compile(r'#include\s*[<"](cuda|cub/|thrust/|cooperative_groups|nv/|mma\.h)')
UNTESTED = ["byteloom: safetensors data is little-endian and used in place; this machine is big-endian."]  # has no such
LONGEST_MEDIAN = 120
LONGEST_HEADER = 500


def lines_of_code(text):
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("//"))


def check_headers(root, faults):
    include = root / "include" / "byteloom"
    lengths = []
    for path in sorted(include.rglob("*")):
        if path.suffix not in (".hpp", ".cuh"):
            continue
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(include.parent)
        lines = text.splitlines()
        if not lines or lines[0] != "// SPDX-License-Identifier: Apache-2.0":
            faults.append(f"{name}: the first line is not the SPDX line")
        if "#pragma once" not in lines[:3]:
            faults.append(f"{name}: no #pragma once at its head")
        if path.suffix == ".hpp" and CUDA_INCLUDE.search(text):
            faults.append(f"{name}: a .hpp includes a CUDA header")
        if re.search(r"^[^/]*\[\[no_unique_address\]\]", text, re.M):
            faults.append(f"{name}: [[no_unique_address]], which nvcc lays out differently on the device")
        lengths.append(lines_of_code(text))
        if lengths[-1] > LONGEST_HEADER:
            faults.append(f"{name}: {lengths[-1]} lines of code, more than {LONGEST_HEADER}")
        room = path.relative_to(include).parts[0]
        for target in re.findall(r'#include\s*[<"]byteloom/([^>"]+)[>"]', text):
            if not (include / target).exists():
                faults.append(f"{name}: includes byteloom/{target}, which does not exist")
            if path.suffix == ".hpp" and target.endswith(".cuh"):
                faults.append(f"{name}: a .hpp includes byteloom/{target}")
            other = pathlib.PurePath(target).parts[0]
            if room.endswith(".hpp") or other == room or other.endswith(".hpp"):
                continue
            if room not in ARROWS:
                faults.append(f"{name}: {room}/ is no room of the house")
            elif other not in ARROWS[room]:
                faults.append(f"{name}: {room}/ may not include {other}/ (byteloom/{target})")
    if lengths and statistics.median(lengths) >= LONGEST_MEDIAN:
        faults.append(f"the median header has {statistics.median(lengths)} lines of code, not below {LONGEST_MEDIAN}")


def check_messages(root, faults):
    """Every sentence that a compiler may have to say is said in a test."""
    cases = "\n".join(path.read_text(encoding="utf-8") for path in sorted((root / "tests/messages").glob("*.cpp")))
    expected = [line.strip() for line in re.findall(r"^// EXPECT: (.*)$", cases, re.M)]
    for path in sorted((root / "include").rglob("*.[hc]*")):
        for body in re.findall(r'static_assert\(((?:[^"]|"(?:[^"\\]|\\.)*")*?)\);$', path.read_text(encoding="utf-8"),
                               re.M):
            sentence = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', body)).replace('\\"', '"')
            if body.endswith("::met") or sentence in UNTESTED or any(said in sentence for said in expected):
                continue
            faults.append(f"{path.relative_to(root)}: no case of tests/messages expects: {sentence or body.strip()}")


def check_version(root, faults):
    header = (root / "include/byteloom/version.hpp").read_text(encoding="utf-8")
    version = ".".join(re.findall(r"#define BYTELOOM_VERSION_\w+ (\d+)", header))
    port = root / "cmake/packaging/vcpkg/ports/byteloom/vcpkg.json"
    if port.exists():
        manifest = json.loads(port.read_text(encoding="utf-8"))
        if manifest["version"] != version:
            faults.append(f"vcpkg.json says {manifest['version']}, version.hpp {version}")
        if manifest["license"] != "Apache-2.0" or manifest["name"] != "byteloom":
            faults.append("vcpkg.json: name or licence is wrong")
        names = [entry if isinstance(entry, str) else entry["name"] for entry in manifest["dependencies"]]
        if names != sorted(names):
            faults.append("vcpkg.json: the dependencies are not sorted")
    newest = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    if newest is None or newest.group(1) != version:
        faults.append(f"CHANGELOG.md does not begin with {version}")
    readme = (root / "README.md").read_text(encoding="utf-8")
    for named in re.findall(r"byteloom/(\d+\.\d+\.\d+)", readme):
        if named != version:
            faults.append(f"README.md names byteloom/{named}, version.hpp says {version}")


def check_shown(root, faults, mark, page, folder):
    """Code in a page stands between [mark:x] marks in a file of the folder, and the page shows it unchanged."""
    marked = {}
    for path in (root / folder).glob("**/*.[ch]pp"):
        for name, body in re.findall(rf"// \[{mark}:(\w+)\]\n(.*?)// \[{mark}:\1\]", path.read_text(encoding="utf-8"),
                                     re.S):
            marked[name] = textwrap.dedent(re.sub(r" *\Z", "", body)).strip()
    text = (root / page).read_text(encoding="utf-8")
    for name in set(marked) | set(re.findall(rf"<!-- {mark}:(\w+) -->\n```cpp\n", text)):
        shown = re.search(rf"<!-- {mark}:{name} -->\n```cpp\n(.*?)```", text, re.S)
        if shown is None or shown.group(1).strip() != marked.get(name):
            faults.append(f"{page} does not show what stands between [{mark}:{name}] in {folder}/")


def check_top_level(root, faults):
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=False)
    for name in sorted({line.split("/")[0] for line in listed.stdout.splitlines()} - TOP_LEVEL):
        faults.append(f"{name} does not belong at the top level")


def faults_of(root):
    faults = []
    check_headers(root, faults)
    check_messages(root, faults)
    check_version(root, faults)
    check_shown(root, faults, "readme", "README.md", "examples")
    check_shown(root, faults, "masks", "docs/masks.md", "tests")
    check_top_level(root, faults)
    return faults


def self_test():
    """Plants one violation after the other in a small tree and expects it to be found."""
    head = "// SPDX-License-Identifier: Apache-2.0\n#pragma once\n"
    version = head + "#define BYTELOOM_VERSION_MAJOR 1\n#define BYTELOOM_VERSION_MINOR 2\n#define BYTELOOM_VERSION_PATCH 3\n"
    well = {
        "include/byteloom/version.hpp": version,
        "include/byteloom/core/a.hpp": head,
        "include/byteloom/attend/b.hpp": head + '#include "byteloom/core/a.hpp"\n',
        "include/byteloom/cuda/k.cuh": head + '#include <cuda_runtime.h>\n#include "byteloom/attend/b.hpp"\n',
        "examples/x.cpp": "// [readme:one]\nint x;\n// [readme:one]\n",
        "CHANGELOG.md": "# Changelog\n\n## 1.2.3\n",
        "README.md": "<!-- readme:one -->\n```cpp\nint x;\n```\n",
        "docs/masks.md": "<!-- masks:one -->\n```cpp\nint y;\n```\n",
        "tests/support/y.hpp": "// [masks:one]\nint y;\n// [masks:one]\n",
    }
    planted = {
        "may not include attend/": {"include/byteloom/core/a.hpp": head + '#include "byteloom/attend/b.hpp"\n'},
        "may not include cuda/": {"include/byteloom/attend/b.hpp": head + '#include "byteloom/cuda/k.cuh"\n'},
        "a .hpp includes a CUDA header": {"include/byteloom/core/a.hpp": head + "#include <cuda_fp16.h>\n"},
        "SPDX": {"include/byteloom/core/a.hpp": "#pragma once\n"},
        "#pragma once": {"include/byteloom/core/a.hpp": "// SPDX-License-Identifier: Apache-2.0\n"},
        "no_unique_address": {"include/byteloom/core/a.hpp": head + "struct a { [[no_unique_address]] int b; };\n"},
        "no case of tests/messages": {"include/byteloom/core/a.hpp": head + 'static_assert(1, "byteloom: one " "word");\n'},
        "is no room": {"include/byteloom/cellar/c.hpp": head + '#include "byteloom/core/a.hpp"\n'},
        "does not exist": {"include/byteloom/core/a.hpp": head + '#include "byteloom/core/none.hpp"\n'},
        "more than 500": {"include/byteloom/core/a.hpp": head + "int i;\n" * 501},
        "CHANGELOG.md does not begin": {"CHANGELOG.md": "## 1.2.4\n"},
        "README.md names": {"README.md": well["README.md"] + "byteloom/1.0.0"},
        "README.md does not show": {"README.md": "nothing"},
        "masks.md does not show": {"tests/support/y.hpp": "// [masks:one]\nint z;\n// [masks:one]\n"},
        "between [masks:two]": {"docs/masks.md": well["docs/masks.md"] * 2 + well["docs/masks.md"].replace("one", "two")},
    }

    def found(changes):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {**well, **changes}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            return faults_of(root)

    if found({}):
        sys.exit(f"a clean tree has faults: {found({})}")
    for sentence, changes in planted.items():
        if not any(sentence in fault for fault in found(changes)):
            sys.exit(f"not found: {sentence}")


def main():
    if sys.argv[1] == "--self-test":
        self_test()
        return
    faults = faults_of(pathlib.Path(sys.argv[1]))
    if faults:
        sys.exit("\n".join(faults))


main()
