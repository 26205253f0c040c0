# SPDX-License-Identifier: Apache-2.0
"""What attend.py measures and what it must reach, without PyTorch, so that compare.py --self-test runs it everywhere.

A row's `ratios` say how many times another figure of the same row it must reach: those of peers, and those in `beside`, which
are ours or the machine's, measured in turn with it:
* causal: our plain causal attention on the same inputs (alibi, softcap, window1024, document, user);
* interpolated: the rate of an odd size that took the time interpolated between our sizes 64, 128 and 256. A time is that of
  one head, the call's over its heads, at equal tokens, sequences and lengths; between two sizes it is linear in the size.
  Where values have a size of their own, the size is the mean of both: 192/128 is held to the time of 160, which has as much
  to multiply. 1.1 times that time is 1/1.1 of that rate;
* d64: the rate of d40 if a head of it took the time of a head of d64;
* launches: two launches of plain attention that do the work of one difference of maps;
* copy: what copying device memory reaches, reads and writes counted."""
import dataclasses
import random

TOKENS, WIDTH = 16384, 2048
SEED = 1  # of the lengths of documents and of sequences
HEADS = {"d40": 48, "d64": 32, "d72": 28, "d80": 24, "d96": 20, "d112": 18, "d128": 16, "d160": 12, "d192-128": 16,
         "d256": 8}  # as bench/library/*.cu are compiled
BASES = (64, 128, 256)
ODD = ("d72", "d80", "d96", "d112", "d160", "d192-128", "d40")
FUSED = ("alibi", "softcap", "window1024", "document", "user")
PLAIN = ("full", "causal")
# TFLOP/s, where cuBLAS reaches 794 in the same run
TARGETS = {"forward/full/d128/s8192": 680, "forward/causal/d128/s8192": 660, "forward/causal/d128/s16384": 700,
           "forward/full/d64/s8192": 548, "forward/causal/d64/s8192": 520, "forward/full/d256/s8192": 690,
           "forward/causal/d256/s8192": 610, "forward/softcap/d128/s8192": 514, "forward/window1024/d128/s8192": 463,
           "forward/full/d128/s8192/e4m3": 814, "forward/causal/d128/s8192/e4m3": 780}


@dataclasses.dataclass(frozen=True)
class Forward:
    kind: str
    sizes: str
    length: int
    element: str = "bf16"

    @property
    def name(self):
        return f"forward/{self.kind}/{self.sizes}/s{self.length}" + ("/e4m3" if self.element == "e4m3" else "")

    @property
    def heads(self):
        return HEADS[self.sizes]

    @property
    def size(self):
        return sizes_of(self.sizes)[0]

    @property
    def value_size(self):
        return sizes_of(self.sizes)[1]

    @property
    def with_flex(self):
        """FlexAttention compiles for long; of the plain cases it runs beside the most telling ones."""
        return self.kind in FUSED or (self.kind in PLAIN and self.sizes == "d128" and self.length == 8192)

    @property
    def ratios(self):
        if self.element == "e4m3":
            return {}
        if self.kind == "difference":
            return {"launches": 0.95}
        if self.kind == "rope":
            return {"cudnn": 1.0}
        if self.kind in FUSED:
            return {"flex": 1.8, "causal": 0.8 if self.kind == "softcap" else 0.9}
        if self.sizes == "d40":
            return {"d64": 1.0}
        peers = {"cudnn": 1.0, "fa2": 1.0, **({"flex": 1.0} if self.with_flex else {})}
        return {**peers, "interpolated": 1 / 1.1} if self.sizes in ODD else peers


def forwards():
    """The most telling first, for runs that have little time."""
    found = []
    for length in (8192, 16384, 2048, 512):
        found += [Forward(kind, f"d{size}", length) for kind in PLAIN for size in (128, 64, 256)]
        if length == 8192:
            found += [Forward(kind, "d128", length) for kind in FUSED]
            found += [Forward("difference", "d128", length)]
            found += [Forward("rope", "d128", length)]
            found += [Forward(kind, "d128", length, "e4m3") for kind in PLAIN]
        if length == 512:
            found += [Forward("rope", "d128", length)]
        if length == 2048:
            found += [Forward("full", sizes, 8192) for sizes in ODD]
    return found


PACKED = {"name": "forward/packed/d32/s49", "images": 64, "heads": 4, "size": 32, "side": 7, "cells": 56,
          "ratios": {"flex": 4.0, "sdpa": 4.0, "copy": 0.5}}
VARLEN = {"name": "forward/varlen/d64/s1024", "sequences": 16, "longest": 1024, "mean": 0.6, "heads": 12, "size": 64,
          "ratios": {"varlen": 1.8, "sdpa": 2.5}}
ERRORS = ([(kind, f"d{size}", spread) for size in (64, 128, 256) for kind in PLAIN for spread in (1, 8)] +
          [(kind, "d128", spread) for kind in FUSED for spread in (1, 8)])


def sizes_of(sizes):
    both = [int(part) for part in sizes[1:].split("-")]
    return both[0], both[-1]


def document_lengths(batch, length, least=128, most=4096, seed=SEED):
    """Lengths of the documents of each sequence; the last one of a sequence is cut where it ends."""
    draw = random.Random(seed)
    found = []
    for _ in range(batch):
        row = []
        while sum(row) < length:
            row.append(min(draw.randint(least, most), length - sum(row)))
        found.append(row)
    return found


def sequence_lengths(sequences, longest, mean, seed=SEED):
    """Lengths of sequences: one has the longest, all together `mean` of it on average, the others spread as far as that lets
    them."""
    draw = random.Random(seed)
    left = round(sequences * longest * mean) - longest
    share = left / (sequences - 1)
    reach = min(longest - share, share - 1)
    found = [round(share + reach * (2 * draw.random() - 1)) for _ in range(sequences - 1)]
    while sum(found) != left:
        step = 1 if sum(found) < left else -1
        at = draw.randrange(len(found))
        found[at] = min(max(found[at] + step, 1), longest)
    found.insert(draw.randrange(sequences), longest)
    return found


def pairs(kind, length, documents):
    """Sites that the mask keeps, of one head of all sequences; a triangle counts as half its square, as in published rates."""
    batch = len(documents)
    if kind == "full":
        return batch * length * length
    if kind == "window1024":
        return batch * (1024 * length - 1024 * 1023 // 2) if length > 1024 else batch * length * length // 2
    if kind == "document":
        return sum(n * n for row in documents for n in row) // 2
    return batch * length * length // 2


def flop_of(case, documents):
    """Of all maps: a difference has two over each value."""
    work = 2.0 * case.heads * (case.size + case.value_size)
    return work * pairs(case.kind, case.length, documents)


def interpolated(size, times):
    """Seconds of a head of `size`, between those of the sizes of BASES."""
    below = max(base for base in BASES[:-1] if base <= size)
    above = BASES[BASES.index(below) + 1]
    return times[below] + (size - below) / (above - below) * (times[above] - times[below])


def window_rows(side):
    """[side * side, side * side]: the row of a table of biases by offset, row-major, for a query and a key of a window."""
    cells = [divmod(slot, side) for slot in range(side * side)]
    return [[(q[0] - k[0] + side - 1) * (2 * side - 1) + q[1] - k[1] + side - 1 for k in cells] for q in cells]


def self_test():
    names = [case.name for case in forwards()]
    assert len(set(names)) == len(names) and set(TARGETS) <= set(names)
    assert names[0] == "forward/full/d128/s8192" and "forward/full/d192-128/s8192" in names
    for row in document_lengths(3, 8192):
        assert sum(row) == 8192 and all(128 <= n <= 4096 for n in row[:-1])
    assert document_lengths(2, 8192) == document_lengths(2, 8192)
    lengths = sequence_lengths(16, 1024, 0.6)
    assert max(lengths) == 1024 and min(lengths) >= 1 and abs(sum(lengths) - 16 * 1024 * 0.6) < 1 and len(lengths) == 16
    assert pairs("document", 8, [[4, 4]]) == 16 and pairs("causal", 8, [[4, 4]]) == 32 and pairs("full", 8, [[8]]) == 64
    assert pairs("window1024", 2048, [[2048]]) == sum(min(i + 1, 1024) for i in range(2048))
    times = {64: 1.0, 128: 3.0, 256: 5.0}
    assert [interpolated(size, times) for size in (64, 96, 128, 160)] == [1.0, 2.0, 3.0, 3.5]
    rows = window_rows(7)
    assert rows[0][0] == 84 and rows[48][0] == 168 and rows[0][48] == 0 and rows[0][1] == 83
    for case in forwards():
        assert case.heads * case.size <= 1.5 * WIDTH
