#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prefill attention: byteloom and PyTorch's kernels in one process, in turn, on the same random bf16 inputs, timed by CUDA
events. attend.py MODULE [CASE ...] [--rounds N] [--seconds S] [--no-flex]: prints rows of the schema of docs/design.md, one a
line as they are found; what else there is to say goes to standard error. attend_cases.py says which cases there are and what
they must reach. Exit status 3: one of ours failed.

forward/...: 16,384 tokens in all and 2,048 numbers a token. Peers: cudnn (the better of both memory layouts; where positions
turn queries and keys, behind a compiled function that does), fa2 (FlashAttention-2 inside PyTorch), flex (FlexAttention,
compiled).
forward/packed/...: windows of 7x7 tokens over 64 images, bias by offset and head, in bytes that must move over time. Ours
reads the images; peers get the windows cut out beforehand, which costs them nothing. sdpa is the best of the backends that
take a bias.
forward/varlen/...: sequences of different lengths. Peers: varlen (torch.nn.attention.varlen), sdpa (padded, with a mask, the
best of the backends).
error/...: relative Frobenius error against double precision on the same inputs, where queries and keys are normal times
`spread`. Peers: cudnn; torch, PyTorch's formula with bf16 inputs and float32 inside, rounded at the end; torch-rounded, the
same with weights rounded to bf16, as tensor cores take them."""
import argparse
import ctypes
import json
import math
import statistics
import sys
import time

import attend_cases as table
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention as sdpa

AHEAD = 500_000  # cycles that the GPU sleeps before a launch is timed, so that the launch waits for it and not it for Python
CAP, STRENGTH, LAMBDA = 20.0, 0.01, 0.5  # as bench/library/fused.cu has them; of maps
TOLERATED = 0.02  # relative difference between two kernels' outputs, beyond which one of them is wrong
BF16 = torch.bfloat16


class Missing(Exception):
    """The module does not have the case."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def first_line(failure):
    return f"{type(failure).__name__}: {(str(failure).splitlines() or [''])[0][:160]}"


def pointer(x):
    return ctypes.c_void_p(x.data_ptr())


class Library:
    def __init__(self, path):
        self.module = ctypes.CDLL(path)

    def call(self, function, name, *arguments):
        run = getattr(self.module, function, None)
        if run is None:
            raise Missing(f"the module has no {function}")
        code = run(*arguments, ctypes.c_void_p(torch.cuda.current_stream().cuda_stream))
        if code == 2:
            raise Missing(f"the module has no case {name}")
        if code:
            raise RuntimeError(f"{name} failed")

    def attend(self, name, q, k, v, out, spans):
        self.call("byteloom_attend", name, name.encode(), *map(pointer, (q, k, v, out)), q.shape[2], q.shape[0], q.shape[1],
                  pointer(spans))
        return out

    def maps(self, name, q, k, v, out):
        self.call("byteloom_attend_maps", name, name.encode(), *map(pointer, (q, k, v, out)), q.shape[2], q.shape[0],
                  q.shape[1], ctypes.c_float(LAMBDA))
        return out

    def packed(self, q, k, v, out, biases):
        self.call("byteloom_attend_packed", "packed", *map(pointer, (q, k, v, out)), q.shape[3], q.shape[0], pointer(biases))
        return out

    def varlen(self, q, k, v, out, offsets, longest):
        self.call("byteloom_attend_ragged", "varlen", *map(pointer, (q, k, v, out)), q.shape[1], q.shape[0], pointer(offsets),
                  offsets.shape[0] - 1, longest)
        return out

    def e4m3(self, name, quantised, out):
        """int byteloom_attend_e4m3(name, q, k, v, out, heads, batch, length, scales of q, of k, of v [heads] float, stream):
        q, k, v [batch, length, heads, size] of e4m3, each worth its scale; out bf16."""
        tensors, scales = zip(*quantised)
        q = tensors[0]
        self.call("byteloom_attend_e4m3", name, name.encode(), *map(pointer, (*tensors, out)), q.shape[2], q.shape[0],
                  q.shape[1], *map(pointer, scales))
        return out


def normal(*shape, spread=1.0):
    return (torch.randn(*shape, device="cuda") * spread).to(BF16)


def poisoned(*shape):
    return torch.full(shape, math.nan, device="cuda", dtype=BF16)


def inputs(sizes, batch, length, spread=1.0):
    """q, k, v and an output, [batch, length, heads, size]."""
    heads = table.HEADS[sizes]
    size, value_size = table.sizes_of(sizes)
    return (normal(batch, length, heads, size, spread=spread), normal(batch, length, heads, size, spread=spread),
            normal(batch, length, heads, value_size), poisoned(batch, length, heads, value_size))


def ids_of(documents):
    rows = [[which for which, count in enumerate(row) for _ in range(count)] for row in documents]
    return torch.tensor(rows, dtype=torch.int32, device="cuda")


def spans_of(documents):
    rows = [[[sum(row[:which]), sum(row[:which + 1])] for which, count in enumerate(row) for _ in range(count)]
            for row in documents]
    return torch.tensor(rows, dtype=torch.int32, device="cuda")


def quantised(x):
    """e4m3 bytes of [batch, length, heads, size], and a scale a head."""
    scale = x.float().abs().amax(dim=(0, 1, 3)).clamp_min(1e-12) / 448
    whole = (x.float() / scale[:, None]).clamp(-448, 448).to(torch.float8_e4m3fn)
    return whole.contiguous().view(torch.uint8), scale.contiguous()


def dequantised(pair):
    return pair[0].view(torch.float8_e4m3fn).float().double() * pair[1].double()[:, None]


def turned(*tensors):
    return [x.transpose(1, 2) for x in tensors]


def slopes(heads):
    return torch.tensor([2.0 ** (-8 * (h + 1) / heads) for h in range(heads)], device="cuda")


def strengths(heads):
    return torch.tensor([STRENGTH if h % 2 == 0 else -STRENGTH for h in range(heads)], device="cuda")


def rotary(size, length, base=10000.0):
    """Rotary positions of halves, as one compiled function over [batch, length, heads, size]."""
    angles = (torch.arange(length, device="cuda", dtype=torch.float64)[:, None] *
              base ** (-torch.arange(0, size, 2, device="cuda", dtype=torch.float64) / size))[:, None, :]
    cosine, sine = angles.cos().float(), angles.sin().float()

    def turn(x):
        a, b = x[..., :size // 2], x[..., size // 2:]
        return torch.cat((a * cosine - b * sine, a * sine + b * cosine), -1).to(x.dtype)
    return torch.compile(turn, dynamic=False)


def weighed(scores, v, rounded):
    weights = scores.softmax(-1)
    return (weights.to(BF16).to(weights.dtype) if rounded else weights) @ v.to(weights.dtype)


def formula(kind, q, k, v, real, ids=None, rounded=False):
    """The meaning of a case over [batch, heads, length, size], computed in `real`."""
    length, heads = q.shape[2], q.shape[1]
    scores = q.to(real) @ k.to(real).transpose(-1, -2) / math.sqrt(q.shape[-1])
    i, j = torch.arange(length, device="cuda")[:, None], torch.arange(length, device="cuda")[None, :]
    if kind == "alibi":
        scores -= slopes(heads).to(real)[:, None, None] * (i - j).to(real)
    if kind == "user":
        scores += strengths(heads).to(real)[:, None, None] * (i - j).to(real)
    if kind == "softcap":
        scores = CAP * torch.tanh(scores / CAP)
    if kind != "full":
        keep = (j <= i)[None, None]
        if kind == "window1024":
            keep = keep & (i - j < 1024)
        if kind == "document":
            keep = keep & (ids[:, None, :, None] == ids[:, None, None, :])
        scores = scores.masked_fill(~keep, -math.inf)
    return weighed(scores, v, rounded)


def flex_run(kind, heads, ids, q, k, v):
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention
    torch._dynamo.reset()  # one compilation a case: beyond a few of one function, PyTorch stops compiling
    batch, length = ids.shape
    masks = {"full": None, "window1024": lambda b, h, i, j: (j <= i) & (i - j < 1024),
             "document": lambda b, h, i, j: (j <= i) & (ids[b, i] == ids[b, j])}
    mask = masks.get(kind, lambda b, h, i, j: j <= i)
    of_distance = slopes(heads) if kind == "alibi" else -strengths(heads)
    scores = {"alibi": lambda s, b, h, i, j: s - of_distance[h] * (i - j),
              "softcap": lambda s, b, h, i, j: CAP * torch.tanh(s / CAP),
              "user": lambda s, b, h, i, j: s - of_distance[h] * (i - j)}
    blocks = None
    if mask is not None:
        blocks = create_block_mask(mask, batch if kind == "document" else None, None, length, length, device="cuda",
                                   _compile=True)
    compiled = torch.compile(flex_attention, dynamic=False)
    return lambda: compiled(q, k, v, score_mod=scores.get(kind), block_mask=blocks)


def with_backend(backend, *tensors, **options):
    def run():
        with sdpa_kernel(backend):
            return sdpa(*tensors, **options)
    return run


def relative(found, wanted):
    return float((found.double() - wanted.double()).norm() / wanted.double().norm())


def timed(run):
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda._sleep(AHEAD)
    start.record()
    run()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3


def seconds_of(makers, rounds, alike=None):
    """Times of each run, in turn. makers: name to a function that makes the run; those that fail are left out and named,
    except "ours". alike: name to what lays a peer's output as ours, to hold one against the other."""
    runs, reference = {}, None
    for name, make in makers.items():
        try:
            run = make()
            run()
            output = run()
            torch.cuda.synchronize()
        except Exception as failure:  # a peer that does not have the composition says so in its own way
            if name == "ours":
                raise
            say(f"  {name}: {first_line(failure)}")
            torch.cuda.synchronize()  # raises where the process can compute nothing any more
            torch.cuda.empty_cache()
            continue
        runs[name] = run
        if name == "ours" and output is not None:
            reference = output
            if not bool(output.isfinite().all()):
                raise RuntimeError("our output has numbers that are not finite")
        elif alike and name in alike and reference is not None:
            difference = relative(alike[name](output), alike["ours"](reference))
            if not difference < TOLERATED:
                say(f"  WARNING: the outputs of ours and {name} differ by {difference:.3e}")
        del output
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(timed(run))
    return times


def same(x):
    return x


class Bench:
    def __init__(self, library, rounds, with_flex):
        self.kernels, self.rounds, self.with_flex = library, rounds, with_flex
        self.scale = 1.0  # of absolute targets, which are for a run in which cuBLAS reaches 794

    def emit(self, case, unit, work, times, groups, ratios, limit=None, beside=None, seed=None):
        """A row of rates: `work` over times. groups: a peer's name to the runs of which the best counts; beside: figures that
        are not peers'."""
        rates = {name: [work / t for t in taken] for name, taken in times.items()}
        found = {name: statistics.median(rate) for name, rate in rates.items()}
        peers = {}
        for peer, names in groups.items():
            best = max((found[name] for name in names if name in found), default=None)
            if best is not None:
                peers[peer] = best
        row = {"case": case, "unit": unit, "higher_is_better": True, "ours": found["ours"],
               "spread": [min(rates["ours"]), max(rates["ours"])], "peers": peers, "limit": limit}
        if ratios:
            row["ratios"] = ratios
        if beside:
            row["beside"] = beside
        if seed is not None:
            row["seed"] = seed
        self.show(row)

    def show(self, row):
        others = {**row["peers"], **row.get("beside", {})}
        form = "{:9.3e}" if row["unit"] == "relative" else "{:8.1f}"
        limit = "" if row["limit"] is None else "  limit " + form.format(row["limit"])
        say(f"{row['case']:36s} " + form.format(row["ours"]) + limit +
            "".join(f"  {name} " + form.format(figure) for name, figure in sorted(others.items())))
        print(json.dumps(row), flush=True)

    def ceilings(self):
        """What the machine reaches in this run."""
        x, y = normal(8192, 8192), normal(8192, 8192)
        times = seconds_of({"ours": lambda: lambda: x @ y}, max(self.rounds, 10))
        self.scale = 2e-12 * 8192 ** 3 / statistics.median(times["ours"]) / 794
        self.emit("cublas/bf16/8192x8192x8192", "TFLOP/s", 2e-12 * 8192 ** 3, times, {}, {})

    def errors(self, case, outputs, exact, held_to):
        """A row of errors; the first of held_to that is there gives the limit."""
        error = {name: relative(x, exact) for name, x in outputs.items()}
        limit = next((1.05 * error[name] for name in held_to if name in error), None)
        self.show({"case": case, "unit": "relative", "higher_is_better": False, "ours": error["ours"],
                   "spread": [error["ours"]] * 2, "peers": {name: e for name, e in error.items() if name != "ours"},
                   "limit": limit})

    def error(self, kind, sizes, spread, length=2048):
        case = f"error/{kind}/{sizes}/spread{spread}"
        documents = table.document_lengths(1, length, 16, 512)
        ids, spans = ids_of(documents), spans_of(documents)
        q, k, v, out = inputs(sizes, 1, length, spread)
        self.kernels.attend(f"{kind}/{sizes}", q, k, v, out, spans)
        qt, kt, vt = turned(q, k, v)
        outputs = {"ours": out.transpose(1, 2)}
        if kind in table.PLAIN:
            try:
                outputs["cudnn"] = with_backend(SDPBackend.CUDNN_ATTENTION, *(x.contiguous() for x in (qt, kt, vt)),
                                                is_causal=kind == "causal")()
            except Exception as failure:
                say(f"  cudnn: {first_line(failure)}")
        outputs["torch"] = formula(kind, qt, kt, vt, torch.float32, ids).to(BF16)
        outputs["torch-rounded"] = formula(kind, qt, kt, vt, torch.float32, ids, rounded=True).to(BF16)
        self.errors(case, outputs, formula(kind, qt, kt, vt, torch.float64, ids), ("cudnn", "torch"))

    def forward(self, case):
        if case.element == "e4m3":
            return self.forward_e4m3(case)
        if case.kind == "difference":
            return self.difference(case)
        batch = table.TOKENS // case.length
        documents = table.document_lengths(batch, case.length)
        ids, spans = ids_of(documents), spans_of(documents)
        q, k, v, out = inputs(case.sizes, batch, case.length)
        views = turned(q, k, v)
        packed = [x.contiguous() for x in views]
        causal = case.kind == "causal"
        makers = {"ours": lambda: lambda: self.kernels.attend(f"{case.kind}/{case.sizes}", q, k, v, out, spans)}
        alike = {"ours": same}
        groups = {"cudnn": ("cudnn/bshd", "cudnn/bhsd"), "fa2": ("fa2",), "flex": ("flex",)}
        if case.kind in table.PLAIN:
            makers["cudnn/bshd"] = lambda: with_backend(SDPBackend.CUDNN_ATTENTION, *views, is_causal=causal)
            makers["cudnn/bhsd"] = lambda: with_backend(SDPBackend.CUDNN_ATTENTION, *packed, is_causal=causal)
            makers["fa2"] = lambda: with_backend(SDPBackend.FLASH_ATTENTION, *packed, is_causal=causal)
        if case.kind == "rope":
            turn = rotary(case.size, case.length)

            def turn_and_attend():
                with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
                    return sdpa(*turned(turn(q), turn(k), v), is_causal=True)
            makers["cudnn/bshd"] = lambda: turn_and_attend
        if self.with_flex and case.with_flex:
            makers["flex"] = lambda: flex_run(case.kind, case.heads, ids, *packed)
        for name in ("cudnn/bshd", "cudnn/bhsd", "fa2", "flex"):
            alike[name] = lambda x: x.transpose(1, 2)
        bases = {}
        if case.kind in table.FUSED:
            other = torch.empty_like(out)
            makers["causal"] = lambda: lambda: self.kernels.attend(f"causal/{case.sizes}", q, k, v, other, spans)
        elif case.sizes in table.ODD:
            for base in (64,) if case.sizes == "d40" else table.BASES:
                bases[base] = inputs(f"d{base}", batch, case.length)
                makers[f"d{base}"] = lambda base=base: lambda: self.kernels.attend(f"{case.kind}/d{base}", *bases[base], spans)
        times = seconds_of(makers, self.rounds, alike)
        work = table.flop_of(case, documents) * 1e-12
        beside = {}
        if "causal" in times:
            plain = table.Forward("causal", case.sizes, case.length)
            beside["causal"] = table.flop_of(plain, documents) * 1e-12 / statistics.median(times["causal"])
        if bases:
            heads = {base: statistics.median(times[f"d{base}"]) / table.HEADS[f"d{base}"] for base in bases
                     if f"d{base}" in times}
            if case.sizes == "d40" and 64 in heads:
                beside["d64"] = work / case.heads / heads[64]
            elif len(heads) == len(table.BASES):
                beside["interpolated"] = work / case.heads / table.interpolated((case.size + case.value_size) / 2, heads)
        limit = round(table.TARGETS[case.name] * self.scale, 1) if case.name in table.TARGETS else None
        self.emit(case.name, "TFLOP/s", work, times, groups, case.ratios, limit, beside,
                  table.SEED if case.kind == "document" else None)

    def forward_e4m3(self, case):
        batch = table.TOKENS // case.length
        q, k, v, out = inputs(case.sizes, batch, case.length)
        parts = [quantised(x) for x in (q, k, v)]
        times = seconds_of({"ours": lambda: lambda: self.kernels.e4m3(f"{case.kind}/{case.sizes}", parts, out)}, self.rounds)
        self.emit(case.name, "TFLOP/s", table.flop_of(case, [[case.length]] * batch) * 1e-12, times, {}, case.ratios,
                  round(table.TARGETS[case.name] * self.scale, 1))

    def error_e4m3(self, kind, spread, length=2048):
        """torch: float32 inside over the same e4m3 inputs; torch-rounded: with weights rounded to e4m3, too, each row's
        largest to 1."""
        q, k, v, out = inputs("d128", 1, length, spread)
        parts = [quantised(x) for x in (q, k, v)]
        self.kernels.e4m3(f"{kind}/d128", parts, out)
        exact = turned(*(dequantised(part) for part in parts))
        scores = exact[0].float() @ exact[1].float().transpose(-1, -2) / math.sqrt(128)
        if kind == "causal":
            scores.masked_fill_(torch.ones(length, length, dtype=torch.bool, device="cuda").triu(1), -math.inf)
        weights = (scores - scores.amax(-1, keepdim=True)).exp()
        rounded = weights.to(torch.float8_e4m3fn).float() @ exact[2].float() / weights.sum(-1, keepdim=True)
        self.errors(f"error/{kind}/d128/spread{spread}/e4m3",
                    {"ours": out.transpose(1, 2), "torch": formula(kind, *exact, torch.float32).to(BF16),
                     "torch-rounded": rounded.to(BF16)}, formula(kind, *exact, torch.float64), ())

    def difference(self, case):
        """One launch for the difference of two maps over one value, against a launch of plain attention for each."""
        batch = table.TOKENS // case.length
        q, k, v, out = inputs(case.sizes, batch, case.length)
        v, out = v[:, :, ::2].contiguous(), out[:, :, ::2].contiguous()
        halves = [[x[:, :, half::2].contiguous() for x in (q, k)] for half in (0, 1)]
        others = [torch.empty_like(out) for _ in halves]

        def launches():
            for half, other in zip(halves, others):
                self.kernels.maps(f"half/{case.sizes}", *half, v, other)
            return others

        times = seconds_of({"ours": lambda: lambda: self.kernels.maps(f"difference/{case.sizes}", q, k, v, out),
                            "launches": lambda: launches}, self.rounds,
                           {"ours": same, "launches": lambda x: x[0].float() - LAMBDA * x[1].float()})
        work = table.flop_of(case, [[case.length]] * batch) * 1e-12
        beside = {"launches": work / statistics.median(times["launches"])} if "launches" in times else {}
        self.emit(case.name, "TFLOP/s", work, times, {}, case.ratios, None, beside)

    def error_difference(self, spread, length=2048):
        q, k, v, out = inputs("d128", 1, length, spread)
        v, out = v[:, :, ::2].contiguous(), out[:, :, ::2].contiguous()
        self.kernels.maps("difference/d128", q, k, v, out)
        qt, kt, vt = turned(q, k, v)

        def joined(real, rounded=False):
            first, second = (formula("causal", qt[:, half::2], kt[:, half::2], vt, real, rounded=rounded) for half in (0, 1))
            return first - LAMBDA * second
        self.errors(f"error/difference/d128/spread{spread}",
                    {"ours": out.transpose(1, 2), "torch": joined(torch.float32).to(BF16),
                     "torch-rounded": joined(torch.float32, True).to(BF16)}, joined(torch.float64), ("torch",))

    def packed_inputs(self, spread=1.0):
        """Images, how their windows are cut out, and the bias as a table and for each two cells of a window."""
        case = table.PACKED
        images, heads, size, side, cells = (case[key] for key in ("images", "heads", "size", "side", "cells"))
        shape = (images, cells, cells, heads, size)
        across = cells // side

        def windows(x):  # [windows, heads, cells of a window, size]
            x = x.view(images, across, side, across, side, heads, size)
            return x.permute(0, 1, 3, 5, 2, 4, 6).reshape(images * across * across, heads, side * side, size)
        q, k, v, out = normal(*shape, spread=spread), normal(*shape, spread=spread), normal(*shape), poisoned(*shape)
        biases = torch.randn((2 * side - 1) ** 2, heads, device="cuda")
        dense = biases[torch.tensor(table.window_rows(side), device="cuda")].permute(2, 0, 1).contiguous()
        return q, k, v, out, windows, biases, dense

    def packed(self):
        case = table.PACKED
        q, k, v, out, windows, biases, dense = self.packed_inputs()
        cut = [windows(x).contiguous() for x in (q, k, v)]
        cells = dense.shape[-1]
        wide = torch.zeros(*dense.shape[:2], (cells + 7) // 8 * 8, device="cuda", dtype=BF16)  # rows of 16 bytes, as kernels ask
        wide[..., :cells] = dense
        bias = wide[..., :cells].expand(cut[0].shape[0], -1, -1, -1)
        source = torch.empty(1 << 28, device="cuda", dtype=torch.float32).normal_()
        target = torch.empty_like(source)

        def flex():
            from torch.nn.attention.flex_attention import flex_attention
            torch._dynamo.reset()
            compiled = torch.compile(flex_attention, dynamic=False)
            return lambda: compiled(*cut, score_mod=lambda s, b, h, i, j: s + dense[h, i, j])
        makers = {"ours": lambda: lambda: self.kernels.packed(q, k, v, out, biases),
                  "copy": lambda: lambda: target.copy_(source),
                  "sdpa/efficient": lambda: with_backend(SDPBackend.EFFICIENT_ATTENTION, *cut, attn_mask=bias),
                  "sdpa/cudnn": lambda: with_backend(SDPBackend.CUDNN_ATTENTION, *cut, attn_mask=bias),
                  "sdpa/math": lambda: with_backend(SDPBackend.MATH, *cut, attn_mask=bias)}
        if self.with_flex:
            makers["flex"] = flex
        alike = {"ours": windows, **{name: same for name in makers if name not in ("ours", "copy")}}
        times = seconds_of(makers, self.rounds, alike)
        moved = 1e-9 * (sum(x.numel() * x.element_size() for x in (q, k, v, out)) + biases.numel() * 4)
        beside = {}
        if "copy" in times:
            beside["copy"] = 1e-9 * 2 * source.numel() * source.element_size() / statistics.median(times["copy"])
        say("  milliseconds: " + ", ".join(f"{n} {statistics.median(t) * 1e3:.4f}" for n, t in times.items()))
        self.emit(case["name"], "GB/s", moved, times,
                  {"flex": ("flex",), "sdpa": ("sdpa/efficient", "sdpa/cudnn", "sdpa/math")}, case["ratios"], None, beside)

    def error_packed(self, spread):
        q, k, v, out, windows, biases, dense = self.packed_inputs(spread)
        self.kernels.packed(q, k, v, out, biases)
        cut = [windows(x) for x in (q, k, v)]

        def biased(real, rounded=False):
            scores = cut[0].to(real) @ cut[1].to(real).transpose(-1, -2) / math.sqrt(q.shape[-1])
            return weighed(scores + dense.to(real), cut[2], rounded)
        self.errors(f"error/packed/d32/spread{spread}",
                    {"ours": windows(out), "torch": biased(torch.float32).to(BF16),
                     "torch-rounded": biased(torch.float32, True).to(BF16)}, biased(torch.float64), ("torch",))

    def varlen_inputs(self, spread=1.0):
        case = table.VARLEN
        lengths = table.sequence_lengths(case["sequences"], case["longest"], case["mean"])
        shape = (sum(lengths), case["heads"], case["size"])
        offsets = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0).to(torch.int32).cuda()
        return (lengths, offsets, normal(*shape, spread=spread), normal(*shape, spread=spread), normal(*shape),
                poisoned(*shape))

    @staticmethod
    def varlen_run(q, k, v, offsets, longest):
        """PyTorch's attention over sequences of different lengths, by the newest name that it has here."""
        try:
            from torch.nn.attention.varlen import varlen_attn
            return lambda: varlen_attn(q, k, v, offsets, offsets, longest, longest)
        except ImportError as failure:
            say(f"  torch.nn.attention.varlen: {first_line(failure)}")
            return lambda: torch.ops.aten._flash_attention_forward(q, k, v, offsets, offsets, longest, longest, 0.0, False,
                                                                   False)[0]

    def varlen(self):
        case = table.VARLEN
        lengths, offsets, q, k, v, out = self.varlen_inputs()
        longest = case["longest"]
        present = torch.arange(longest, device="cuda")[None] < torch.tensor(lengths, device="cuda")[:, None]

        def padded(x):  # [sequences, heads, longest, size]
            whole = torch.zeros(len(lengths), longest, *x.shape[1:], device="cuda", dtype=x.dtype)
            whole[present] = x
            return whole.transpose(1, 2).contiguous()
        filled = [padded(x) for x in (q, k, v)]
        mask = present[:, None, None, :]
        whole_mask = mask.expand(-1, case["heads"], longest, -1)
        makers = {"ours": lambda: lambda: self.kernels.varlen(q, k, v, out, offsets, longest),
                  "varlen": lambda: self.varlen_run(q, k, v, offsets, longest)}
        for name, backend in (("efficient", SDPBackend.EFFICIENT_ATTENTION), ("cudnn", SDPBackend.CUDNN_ATTENTION)):
            for shape, given in (("row", mask), ("whole", whole_mask)):
                makers[f"sdpa/{name}/{shape}"] = lambda backend=backend, given=given: with_backend(backend, *filled,
                                                                                                   attn_mask=given)
        padded_runs = [name for name in makers if name.startswith("sdpa")]
        alike = {"ours": same, "varlen": lambda x: x[0] if isinstance(x, tuple) else x,
                 **{name: (lambda x: x.transpose(1, 2)[present]) for name in padded_runs}}
        times = seconds_of(makers, self.rounds, alike)
        say("  milliseconds: " + ", ".join(f"{n} {statistics.median(t) * 1e3:.4f}" for n, t in times.items()))
        work = 4e-12 * case["heads"] * case["size"] * sum(n * n for n in lengths)
        self.emit(case["name"], "TFLOP/s", work, times,
                  {"varlen": ("varlen",), "sdpa": padded_runs}, case["ratios"], seed=table.SEED)

    def error_varlen(self, spread):
        lengths, offsets, q, k, v, out = self.varlen_inputs(spread)
        self.kernels.varlen(q, k, v, out, offsets, table.VARLEN["longest"])

        def one_by_one(real, rounded=False):
            found = []
            for own in zip(*(x.split(lengths) for x in (q, k, v))):
                own = [x.transpose(0, 1)[None] for x in own]
                found.append(formula("full", *own, real, rounded=rounded)[0].transpose(0, 1))
            return torch.cat(found)
        outputs = {"ours": out, "torch": one_by_one(torch.float32).to(BF16),
                   "torch-rounded": one_by_one(torch.float32, True).to(BF16)}
        try:
            theirs = self.varlen_run(q, k, v, offsets, table.VARLEN["longest"])()
            outputs["varlen"] = theirs[0] if isinstance(theirs, tuple) else theirs
        except Exception as failure:
            say(f"  varlen: {first_line(failure)}")
        self.errors(f"error/varlen/d64/spread{spread}", outputs, one_by_one(torch.float64), ("torch",))

    def steps(self):
        """Names of cases and what runs each, the most telling first."""
        for kind, sizes, spread in table.ERRORS:
            yield f"error/{kind}/{sizes}/spread{spread}", lambda: self.error(kind, sizes, spread)
        for spread in (1, 8):
            yield f"error/packed/d32/spread{spread}", lambda: self.error_packed(spread)
            yield f"error/varlen/d64/spread{spread}", lambda: self.error_varlen(spread)
            yield f"error/difference/d128/spread{spread}", lambda: self.error_difference(spread)
            for kind in table.PLAIN:
                yield f"error/{kind}/d128/spread{spread}/e4m3", lambda: self.error_e4m3(kind, spread)
        forwards = table.forwards()
        first = [case for case in forwards[:forwards.index(table.Forward("full", "d128", 16384))]]
        for case in first:
            yield case.name, lambda: self.forward(case)
        yield table.PACKED["name"], self.packed
        yield table.VARLEN["name"], self.varlen
        for case in forwards[len(first):]:
            yield case.name, lambda: self.forward(case)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-flex", action="store_true")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no case after this time")
    arguments = parser.parse_intermixed_args()
    torch.manual_seed(0)
    begun = time.monotonic()
    bench = Bench(Library(arguments.module), arguments.rounds, not arguments.no_flex)
    bench.ceilings()
    failed = []
    for name, step in bench.steps():
        if arguments.cases and not any(wanted in name for wanted in arguments.cases):
            continue
        if time.monotonic() - begun > arguments.seconds:
            say(f"out of time before {name}")
            break
        try:
            step()
        except Missing as absent:
            say(f"{name}: {absent}")
        except Exception as failure:
            failed.append(name)
            say(f"FAILED: {name}: {first_line(failure)}")
        try:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
        except Exception as failure:
            say(f"the GPU is lost: {first_line(failure)}")
            failed.append("the rest")
            break
    say(f"{time.monotonic() - begun:.0f} seconds")
    if failed:
        say("failed: " + ", ".join(failed))
        sys.exit(3)


if __name__ == "__main__":
    main()
