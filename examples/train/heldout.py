#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/english_heldout.txt: 65,536 bytes of whole paragraphs from held-out documents.

    python3 examples/train/heldout.py --corpus CORPUS --out tests/data/english_heldout.txt

Documents are taken in the corpus's fixed order, each package in its turn, from each the paragraphs at its beginning; the last
paragraphs are chosen so that the length comes out exactly.
"""
import argparse
import collections
import hashlib
import pathlib

BYTES, EXTRACT = 65536, 1900


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    given = parser.parse_args()
    keys = [line.split("\t")[0] for line in (given.corpus / "english-heldout.list").read_text().splitlines()]
    bodies = (given.corpus / "english-heldout.txt").read_bytes().split(b"\0")
    by_package = collections.defaultdict(list)
    for key, body in zip(keys, bodies, strict=True):
        if len(body) >= EXTRACT and body.isascii():
            by_package[key.split("/")[0]].append((key, body))
    turns = [(index, package, *document) for package in sorted(by_package) for index, document in enumerate(by_package[package])]
    turns.sort(key=lambda turn: turn[:2])
    text, used, spare = b"", [], []
    for _, _, key, body in turns:
        paragraphs = [p + b"\n\n" for p in body.strip().split(b"\n\n")]
        extract = b""
        while paragraphs and len(extract) + len(paragraphs[0]) <= EXTRACT:
            extract += paragraphs.pop(0)
        if len(text) + len(extract) <= BYTES - 1500 and len(extract) > EXTRACT // 2:
            text += extract
            used.append((key, len(extract)))
            spare += [(key, p) for p in paragraphs if 150 < len(p) < 1400]
    while BYTES - len(text) > 2000:
        key, paragraph = spare.pop(0)
        text += paragraph
        used.append((key, len(paragraph)))
    first = {}  # two paragraphs fill the rest exactly
    for key, paragraph in spare:
        rest = BYTES - len(text) - len(paragraph)
        if rest in first:
            for other in (first[rest], (key, paragraph)):
                text += other[1]
                used.append((other[0], len(other[1])))
            break
        first.setdefault(len(paragraph), (key, paragraph))
    if len(text) != BYTES:
        raise SystemExit(f"no two paragraphs fill the last {BYTES - len(text)} bytes")
    given.out.write_bytes(text)
    for key, size in used:
        print(f"{size:6d} {key}")
    print(f"sha256 {hashlib.sha256(text).hexdigest()}")


if __name__ == "__main__":
    main()
