#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prefill attention: byteloom and PyTorch's kernels in one process, in turn, on the same random bf16 inputs, 16,384 tokens
in all and 2,048 numbers a token, timed by CUDA events. attend.py MODULE [CASE ...] [--rounds N] [--no-flex]: prints rows
of the schema of docs/design.md as JSON. Peers: cudnn (the better of both memory layouts), fa2 (FlashAttention-2 inside
PyTorch), flex (FlexAttention, compiled). Cases error/...: relative Frobenius error against double precision, beside that
of cuDNN and of PyTorch's formula with bf16 inputs and float32 inside."""
import argparse
import ctypes
import json
import math
import statistics
import sys
import time

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention as sdpa

TOKENS, WIDTH = 16384, 2048
SEED = 1  # of the documents' lengths
TARGETS = {"forward/full/d128/s8192": 680, "forward/causal/d128/s8192": 660, "forward/causal/d128/s16384": 700,
           "forward/full/d64/s8192": 548, "forward/causal/d64/s8192": 520, "forward/full/d256/s8192": 690,
           "forward/causal/d256/s8192": 610, "forward/softcap/d128/s8192": 514, "forward/window1024/d128/s8192": 463}


def cases():
    """The most telling first, for runs that have little time."""
    for length in (8192, 16384, 2048, 512):
        for kind in ("full", "causal"):
            for size in (128, 64, 256):
                yield kind, f"d{size}", length
        if length == 8192:
            for kind in ("alibi", "softcap", "window1024", "document", "user"):
                yield kind, "d128", 8192
        if length == 2048:
            for size in ("d40", "d72", "d80", "d96", "d112", "d160", "d192-128"):
                yield "full", size, 8192


def document_ids(batch, length):
    generator = torch.Generator().manual_seed(SEED)
    ids = torch.empty(batch, length, dtype=torch.int32)
    for row in ids:
        at, which = 0, 0
        while at < length:
            size = int(torch.randint(128, 4097, (1,), generator=generator))
            row[at:at + size] = which
            at, which = at + size, which + 1
    return ids


def pairs(kind, length, ids):
    """Sites that the mask keeps, of one head of all sequences."""
    if kind == "full":
        return ids.shape[0] * length * length
    if kind == "window1024":
        return ids.shape[0] * (1024 * length - 1024 * 1023 // 2)
    if kind == "document":
        return sum(int(n) ** 2 for row in ids for n in row.unique(return_counts=True)[1]) // 2
    return ids.shape[0] * length * length // 2


def flex_run(kind, heads, ids, q, k, v):
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention
    batch, length = ids.shape
    ids = ids.cuda()
    masks = {"full": None, "window1024": lambda b, h, i, j: (j <= i) & (i - j < 1024),
             "document": lambda b, h, i, j: (j <= i) & (ids[b, i] == ids[b, j])}
    mask = masks.get(kind, lambda b, h, i, j: j <= i)
    slopes = torch.tensor([2.0 ** (-8 * (h + 1) / heads) for h in range(heads)], device="cuda")
    scores = {"alibi": lambda s, b, h, i, j: s - slopes[h] * (i - j),
              "softcap": lambda s, b, h, i, j: 20 * torch.tanh(s / 20),
              "user": lambda s, b, h, i, j: s + torch.where(h % 2 == 0, 0.01, -0.01) * (i - j)}
    blocks = None
    if mask is not None:
        blocks = create_block_mask(mask, batch if kind == "document" else None, None, length, length, device="cuda",
                                   _compile=True)
    compiled = torch.compile(flex_attention, dynamic=False)
    return lambda: compiled(q, k, v, score_mod=scores.get(kind), block_mask=blocks)


def seconds_of(runs, rounds):
    """Medians and ranges of each run, in turn; runs that fail are left out."""
    times = {}
    for name, run in list(runs.items()):
        try:
            for _ in range(2):
                run()
            torch.cuda.synchronize()
            times[name] = []
        except Exception as failure:  # a peer that does not have the composition says so in its own way
            print(f"{name}: {str(failure).splitlines()[0][:120]}", file=sys.stderr)
            del runs[name]
    for _ in range(rounds):
        for name, run in runs.items():
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            run()
            end.record()
            end.synchronize()
            times[name].append(start.elapsed_time(end) / 1e3)
    return times


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-flex", action="store_true")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no case after this time")
    arguments = parser.parse_args()
    library = ctypes.CDLL(arguments.module)
    torch.manual_seed(0)
    begun = time.monotonic()

    def ours(name, q, k, v, out, ids):
        code = library.byteloom_attend(name.encode(), *(ctypes.c_void_p(x.data_ptr()) for x in (q, k, v, out)),
                                       q.shape[0], q.shape[1], ctypes.c_void_p(ids.data_ptr()),
                                       ctypes.c_void_p(torch.cuda.current_stream().cuda_stream))
        if code:
            raise RuntimeError(f"{name} failed")
        return out

    def inputs(size, value_size, heads, batch, length):
        return [torch.randn(batch, length, heads, n, device="cuda", dtype=torch.bfloat16)
                for n in (size, size, value_size)] + [
                    torch.full((batch, length, heads, value_size), math.nan, device="cuda", dtype=torch.bfloat16)]

    x, y = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    products = seconds_of({"cublas": lambda: x @ y}, arguments.rounds)["cublas"]
    cublas = 2 * 8192 ** 3 / statistics.median(products) * 1e-12
    scale = cublas / 794  # of the absolute targets, which are for a run in which cuBLAS reaches 794
    rows = [{"case": "cublas/bf16/8192x8192x8192", "unit": "TFLOP/s", "higher_is_better": True, "ours": cublas,
             "spread": [2 * 8192 ** 3 / t * 1e-12 for t in (max(products), min(products))], "peers": {}, "limit": None}]
    for kind, sizes in (("full", "d64"), ("causal", "d64"), ("full", "d128"), ("causal", "d128"), ("full", "d256"),
                        ("causal", "d256")):
        for spread in (1.0, 8.0):
            case = f"error/{kind}/{sizes}/spread{spread:.0f}"
            if arguments.cases and not any(wanted in case for wanted in arguments.cases):
                continue
            size, length = int(sizes[1:]), 2048
            heads = WIDTH // size
            q, k, v, out = inputs(size, size, heads, 1, length)
            q, k = q * spread, k * spread
            causal = kind == "causal"
            ours(f"{kind}/{sizes}", q, k, v, out, document_ids(1, length).cuda())
            qt, kt, vt = (x.transpose(1, 2) for x in (q, k, v))

            def formula(kind_of):
                scores = qt.to(kind_of) @ kt.to(kind_of).transpose(-1, -2) / math.sqrt(size)
                if causal:
                    scores.masked_fill_(torch.ones(length, length, dtype=torch.bool, device="cuda").triu(1), -math.inf)
                return scores.softmax(-1) @ vt.to(kind_of)
            exact = formula(torch.float64)
            with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
                cudnn = sdpa(qt.contiguous(), kt.contiguous(), vt.contiguous(), is_causal=causal)
            error = {name: float((x.double() - exact).norm() / exact.norm()) for name, x in
                     (("ours", out.transpose(1, 2)), ("cudnn", cudnn), ("torch", formula(torch.float32).bfloat16()))}
            rows.append({"case": case, "unit": "relative", "higher_is_better": False, "ours": error["ours"],
                         "spread": [error["ours"]] * 2, "peers": {n: error[n] for n in ("cudnn", "torch")},
                         "limit": 1.05 * error["cudnn"]})
            print(f"{case:34s} {error['ours']:.3e}  cudnn {error['cudnn']:.3e}  torch {error['torch']:.3e}",
                  file=sys.stderr, flush=True)
    for kind, sizes, length in cases():
        case = f"forward/{kind}/{sizes}/s{length}"
        if arguments.cases and not any(wanted in case for wanted in arguments.cases):
            continue
        if time.monotonic() - begun > arguments.seconds:
            break
        size, value_size = (int(x) for x in (sizes[1:].split("-") * 2)[:2])
        heads = 16 if sizes == "d192-128" else WIDTH // size // 2 * 2
        batch = TOKENS // length
        ids = document_ids(batch, length)
        on_device = ids.cuda()
        q, k, v, out = inputs(size, value_size, heads, batch, length)
        turned = [x.transpose(1, 2) for x in (q, k, v)]
        packed = [x.contiguous() for x in turned]
        causal = kind == "causal"
        runs = {"ours": lambda: ours(f"{kind}/{sizes}", q, k, v, out, on_device)}

        def with_backend(backend, x):
            def run():
                with sdpa_kernel(backend):
                    return sdpa(*x, is_causal=causal)
            return run
        if kind in ("full", "causal"):
            runs["cudnn/bshd"] = with_backend(SDPBackend.CUDNN_ATTENTION, turned)
            runs["cudnn/bhsd"] = with_backend(SDPBackend.CUDNN_ATTENTION, packed)
            runs["fa2"] = with_backend(SDPBackend.FLASH_ATTENTION, packed)
        if not arguments.no_flex and (kind not in ("full", "causal") or (sizes == "d128" and length == 8192)):
            runs["flex"] = flex_run(kind, heads, ids, *packed)
        times = seconds_of(runs, arguments.rounds)
        flop = 2.0 * heads * (size + value_size) * pairs(kind, length, ids)
        rates = {name: [flop / t * 1e-12 for t in taken] for name, taken in times.items()}
        found = {name: statistics.median(rate) for name, rate in rates.items()}
        peers = {name: found[name] for name in ("fa2", "flex") if name in found}
        layouts = [found[name] for name in found if name.startswith("cudnn")]
        if layouts:
            peers["cudnn"] = max(layouts)
        rows.append({"case": case, "unit": "TFLOP/s", "higher_is_better": True, "ours": found["ours"],
                     "spread": [min(rates["ours"]), max(rates["ours"])], "peers": peers,
                     "limit": round(TARGETS[case] * scale, 1) if case in TARGETS else None})
        print(f"{case:34s} {found['ours']:7.1f}  " + "  ".join(f"{n} {p:7.1f}" for n, p in sorted(peers.items())),
              file=sys.stderr, flush=True)

    print(json.dumps(rows))


main()
