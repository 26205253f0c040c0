#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes include/byteloom/tokenize/unicode/classes_16.hpp: what the patterns of tokenizers ask of a character, for all
1,114,112 code points as tiktoken answers it (tiktoken 0.14, whose tables are Unicode 16.0). Needs tiktoken.
unicode_classes.py [--check]: --check compares and writes nothing."""
import pathlib
import sys

import tiktoken

VERSION = "0.14."
# In the order of byteloom::unicode::character_class; what none of them takes is `other`.
CLASSES = (r"\p{Lu}", r"\p{Ll}", r"\p{Lt}", r"\p{Lm}", r"\p{Lo}", r"\p{M}", r"\p{N}", r"\s")
BLOCK = 128  # code points that share an entry of the first table
HEADER = pathlib.Path(__file__).resolve().parent.parent / "include/byteloom/tokenize/unicode/classes_16.hpp"


def members(pattern, text):
    """The code points of a text that a pattern takes: tiktoken leaves out what its pattern does not match."""
    bytes_alone = {bytes([byte]): byte for byte in range(256)}
    found = tiktoken.Encoding("bytes", pat_str=pattern, mergeable_ranks=bytes_alone, special_tokens={})
    return {ord(character) for character in bytes(found.encode_ordinary(text)).decode()}


def classes():
    result = [0] * 0x110000
    assigned = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for first in range(0, len(assigned), 1 << 16):
        text = "".join(map(chr, assigned[first:first + (1 << 16)]))
        for number, pattern in enumerate(CLASSES, 1):
            for code in members(pattern, text):
                assert result[code] == 0, f"U+{code:04X} has two classes"
                result[code] = number
    return result


def words(values, bits):
    """Values packed into 64-bit words, the first lowest."""
    each = 64 // bits
    return [sum(value << (bits * place) for place, value in enumerate(values[first:first + each]))
            for first in range(0, len(values), each)]


def lines(numbers):
    texts = [f"0x{number:x}," for number in numbers]
    line = ""
    for text in texts:
        if len(line) + 1 + len(text) > 140:
            yield line
            line = ""
        line += (" " if line else "    ") + text
    yield line


def header():
    all_classes = classes()
    blocks, first_table = {}, []
    for first in range(0, len(all_classes), BLOCK):
        block = tuple(all_classes[first:first + BLOCK])
        first_table.append(blocks.setdefault(block, len(blocks)))
    assert len(blocks) <= 256
    second = [word for block in blocks for word in words(block, 4)]
    return "\n".join([
        "// SPDX-License-Identifier: Apache-2.0", "#pragma once", "",
        "// tokenize/unicode/classes_16: classes of all code points in Unicode 16.0, in two tables. Written by",
        "// cmake/unicode_classes.py from what tiktoken answers.", "", "#include <cstdint>", "",
        "// clang-format off", "namespace byteloom::inline v0::unicode::detail {", "",
        f"/// For {BLOCK} code points each the number of their block, 8 in a word, the first lowest.",
        f"inline constexpr std::uint64_t block_of_16[] = {{", *lines(words(first_table, 8)), "};", "",
        f"/// Blocks of {BLOCK} classes, 16 in a word, the first lowest.",
        f"inline constexpr std::uint64_t classes_16[] = {{", *lines(second), "};", "",
        "}  // namespace byteloom::inline v0::unicode::detail", "// clang-format on", ""])


def main():
    if not tiktoken.__version__.startswith(VERSION):
        sys.exit(f"tiktoken is {tiktoken.__version__}; the tables are those of {VERSION}x")
    if "--check" in sys.argv[1:]:
        if HEADER.read_text() != header():
            sys.exit(f"{HEADER} is not what tiktoken says")
    else:
        HEADER.parent.mkdir(exist_ok=True)
        HEADER.write_text(header())


if __name__ == "__main__":
    main()
