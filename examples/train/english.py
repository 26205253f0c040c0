#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains examples/models/english.safetensors, a byte-level decoder of English text.

    python3 bench/corpus.py --cache CACHE --out CORPUS english
    python3 examples/train/english.py --corpus CORPUS --heldout tests/data/english_heldout.txt --out examples/models
    python3 examples/train/english.py --model examples/models/english.safetensors --sample "The church was"

Matrices are trained by Muon, embeddings, head and norms by AdamW. The last quarter of the steps trains the weights
as int4 storage rounds them. Held-out figures are computed in float32 from the exported tensors.
"""
import argparse
import hashlib
import lzma
import math
import pathlib
import time

import torch
import torch.nn.functional as F

import export

VOCABULARY, BEGIN, END = 258, 256, 257
WIDTH, BLOCKS, HEADS, KV_HEADS, HEAD, FEED, CONTEXT = 512, 6, 8, 2, 64, 1408, 2048
MATRICES = ("attend.qkv", "attend.out", "feed.gate_up", "feed.down")
SHAPES = {"attend.qkv": ((HEADS + 2 * KV_HEADS) * HEAD, WIDTH), "attend.out": (WIDTH, HEADS * HEAD),
          "feed.gate_up": (2 * FEED, WIDTH), "feed.down": (WIDTH, FEED)}


def rotate(x, cosine, sine):
    low, high = x.chunk(2, -1)
    return torch.cat((low * cosine - high * sine, high * cosine + low * sine), -1)


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_attend = torch.nn.Parameter(torch.ones(WIDTH))
        self.norm_feed = torch.nn.Parameter(torch.ones(WIDTH))
        self.matrices = torch.nn.ParameterDict()
        for name in MATRICES:
            n, k = SHAPES[name]
            start = torch.zeros(n, k) if name in ("attend.out", "feed.down") else torch.randn(n, k) * 0.6 * k**-0.5
            self.matrices[name.replace(".", "_")] = torch.nn.Parameter(start)

    def forward(self, x, cosine, sine, rounded: bool):
        def linear(name, value):
            weight = self.matrices[name]
            return F.linear(value, export.fake_int4(weight) if rounded else weight)

        batch, length, _ = x.shape
        qkv = linear("attend_qkv", F.rms_norm(x.float(), (WIDTH,), self.norm_attend, 1e-5))
        qkv = qkv.view(batch, length, HEADS + 2 * KV_HEADS, HEAD).transpose(1, 2)
        q, k, v = qkv.split((HEADS, KV_HEADS, KV_HEADS), 1)
        q, k = rotate(q.float(), cosine, sine).to(v.dtype), rotate(k.float(), cosine, sine).to(v.dtype)
        k, v = (t.repeat_interleave(HEADS // KV_HEADS, 1) for t in (k, v))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + linear("attend_out", mixed.transpose(1, 2).reshape(batch, length, WIDTH))
        gate, up = linear("feed_gate_up", F.rms_norm(x.float(), (WIDTH,), self.norm_feed, 1e-5)).chunk(2, -1)
        return x + linear("feed_down", F.silu(gate) * up)


class Decoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Parameter(torch.randn(VOCABULARY, WIDTH) * 0.1)
        self.blocks = torch.nn.ModuleList(Block() for _ in range(BLOCKS))
        self.norm_head = torch.nn.Parameter(torch.ones(WIDTH))
        self.head = torch.nn.Parameter(torch.randn(VOCABULARY, WIDTH) * 0.02)
        angle = torch.arange(CONTEXT).double()[:, None] * 10000.0 ** (-torch.arange(HEAD // 2).double() * 2 / HEAD)
        self.register_buffer("cosine", angle.cos().float(), persistent=False)
        self.register_buffer("sine", angle.sin().float(), persistent=False)

    def hidden(self, ids, rounded=False):
        x = F.embedding(ids, self.embed)
        for block in self.blocks:
            x = block(x, self.cosine[: ids.shape[1]], self.sine[: ids.shape[1]], rounded)
        return x

    def logits(self, ids, rounded=False):
        return F.linear(F.rms_norm(self.hidden(ids, rounded).float(), (WIDTH,), self.norm_head, 1e-5), self.head)


def store(model, path, metadata):
    tensors = {}
    export.store_bf16(tensors, "embed.weight", model.embed)
    for i, block in enumerate(model.blocks):
        export.store_f32(tensors, f"blocks.{i}.norm_attend.weight", block.norm_attend)
        export.store_f32(tensors, f"blocks.{i}.norm_feed.weight", block.norm_feed)
        for name in MATRICES:
            export.store_int4(tensors, f"blocks.{i}.{name}", block.matrices[name.replace(".", "_")])
    export.store_f32(tensors, "norm_head.weight", model.norm_head)
    export.store_bf16(tensors, "head.weight", model.head)
    export.save(path, tensors, metadata)


def restore(path, device):
    """The model that a file holds, its weights as float32."""
    tensors, model = export.load(path), Decoder()
    with torch.no_grad():
        model.embed.copy_(tensors["embed.weight"].float())
        for i, block in enumerate(model.blocks):
            block.norm_attend.copy_(tensors[f"blocks.{i}.norm_attend.weight"])
            block.norm_feed.copy_(tensors[f"blocks.{i}.norm_feed.weight"])
            for name in MATRICES:
                block.matrices[name.replace(".", "_")].copy_(export.load_int4(tensors, f"blocks.{i}.{name}"))
        model.norm_head.copy_(tensors["norm_head.weight"])
        model.head.copy_(tensors["head.weight"].float())
    return model.to(device)


def plain(model, device):
    """A copy that is not compiled."""
    copy = Decoder().to(device)
    copy.load_state_dict(model.state_dict())
    return copy


@torch.no_grad()
def bits_per_byte(model, data, device, rounded=False):
    """Mean of -log2 p over the bytes of whole windows: each is fed <|begin|> and its first 2047 bytes. float32."""
    windows = torch.frombuffer(bytearray(data[: len(data) // CONTEXT * CONTEXT]), dtype=torch.uint8).view(-1, CONTEXT).long()
    total = 0.0
    for part in windows.split(8):
        part = part.to(device)
        ids = torch.cat((torch.full_like(part[:, :1], BEGIN), part[:, :-1]), 1)
        total += F.cross_entropy(model.logits(ids, rounded).float().flatten(0, 1), part.flatten(), reduction="none").double().sum().item()
    return total / math.log(2) / windows.numel()


class Muon:
    """Momentum orthogonalised by Newton-Schulz steps (Jordan and others, 2024), all slices of one shape in one batch."""

    def __init__(self, slices):
        self.groups = {}
        for weight, first, last in slices:
            tall = last - first > weight.shape[1]
            shape = (last - first, weight.shape[1])
            self.groups.setdefault(tuple(sorted(shape)), []).append((weight, first, last, tall))
        self.momentum = {shape: torch.zeros(len(group), *shape, device=group[0][0].device) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self, rate, decay, beta):
        for shape, group in self.groups.items():
            gradients = torch.stack([w.grad[a:b].mT if tall else w.grad[a:b] for w, a, b, tall in group])
            momentum = self.momentum[shape].lerp_(gradients, 1 - beta)
            update = gradients.lerp(momentum, beta).bfloat16()
            update = update / (update.float().norm(dim=(-2, -1), keepdim=True) + 1e-7).bfloat16()
            for _ in range(5):
                product = update @ update.mT
                update = 3.4445 * update + (-4.7750 * product + 2.0315 * product @ product) @ update
            update = update.float() * (rate * 0.2 * max(shape) ** 0.5)
            for (w, a, b, tall), change in zip(group, update):
                w.data[a:b].mul_(1 - rate * decay).sub_(change.mT if tall else change)


def slices_of(model):
    """The parts of the stacked matrices that are matrices of their own."""
    for block in model.blocks:
        m, q, kv = block.matrices, HEADS * HEAD, KV_HEADS * HEAD
        yield from ((m["attend_qkv"], 0, q), (m["attend_qkv"], q, q + kv), (m["attend_qkv"], q + kv, q + 2 * kv))
        yield from ((m["feed_gate_up"], 0, FEED), (m["feed_gate_up"], FEED, 2 * FEED))
        yield from ((m["attend_out"], 0, WIDTH), (m["feed_down"], 0, WIDTH))


class Stream:
    """The training documents, each as <|begin|> bytes <|end|>, cut into windows anew in every epoch."""

    def __init__(self, path, device, generator):
        import numpy

        raw = numpy.fromfile(path, dtype=numpy.uint8)
        ends = numpy.flatnonzero(raw == 0)
        ids = numpy.concatenate(([BEGIN], numpy.insert(raw.astype(numpy.int16), ends, END), [END])).astype(numpy.int16)
        ids[ids == 0] = BEGIN
        starts = numpy.flatnonzero((ids[2:] != 10) & (ids[1:-1] == 10) & (ids[:-2] == 10)) + 2  # after a blank line
        starts = numpy.union1d(starts, numpy.flatnonzero(ids == BEGIN) + 1)
        self.ids = torch.from_numpy(ids).to(device)
        self.starts = torch.from_numpy(starts[starts < len(ids) - 2 * CONTEXT]).to(device)
        self.generator, self.device, self.epoch, self.order = generator, device, 0, torch.empty(0, dtype=torch.long, device=device)

    def next(self, count):
        if len(self.order) < count:
            phase = int(torch.randint(CONTEXT, (1,), generator=self.generator))
            offsets = torch.arange(phase, len(self.ids) - 2 * CONTEXT, CONTEXT)
            offsets = offsets[torch.randperm(len(offsets), generator=self.generator)].to(self.device)
            snapped = self.starts[torch.searchsorted(self.starts, offsets).clamp(max=len(self.starts) - 1)]
            half = torch.arange(len(offsets), device=self.device) % 2 == 0  # every second window begins with a paragraph
            self.order = torch.where(half, snapped, offsets)
            self.epoch += 1
        take, self.order = self.order[:count], self.order[count:]
        target = self.ids[take[:, None] + torch.arange(CONTEXT, device=self.device)].long()
        return torch.cat((torch.full_like(target[:, :1], BEGIN), target[:, :-1]), 1), target


def train(given, device):
    torch.manual_seed(given.seed)
    generator = torch.Generator().manual_seed(given.seed)
    began = time.time()
    train_path = given.corpus / "english-train.txt"
    stream = Stream(train_path, device, generator)
    print(f"{len(stream.ids)} ids on {torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    if given.attention == "flash":
        torch.backends.cuda.enable_cudnn_sdp(False)
    elif given.attention == "cudnn":
        torch.backends.cuda.enable_flash_sdp(False)
        torch.backends.cuda.enable_mem_efficient_sdp(False)
    model = Decoder().to(device)
    parameters = sum(p.numel() for p in model.parameters())
    for block in model.blocks:
        block.compile(dynamic=False)

    @torch.compile(dynamic=False)
    def loss_of(x, target):
        logits = F.linear(F.rms_norm(x.float(), (WIDTH,), model.norm_head, 1e-5), model.head).float()
        return F.cross_entropy(logits.flatten(0, 1), target.flatten())

    others = [p for p in model.parameters() if not any(p is w for w, _, _ in slices_of(model))]

    def optimizers():
        return Muon(slices_of(model)), torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0, fused=True)

    def gradients(rounded):
        ids, target = stream.next(given.batch)
        with torch.autocast("cuda", torch.bfloat16):
            loss = loss_of(model.hidden(ids, rounded), target)
        loss.backward()
        return loss.detach()

    def update(muon, adam, rate, step):
        muon.step(rate, given.decay, min(0.95, 0.85 + 0.1 * step / 300))
        adam.param_groups[0]["lr"] = rate
        adam.step()
        model.zero_grad(set_to_none=False)

    # Both graphs are compiled and timed before the first step, so that the schedule fits --seconds.
    cost = {}
    for rounded in (False, True):
        muon, adam = optimizers()
        for attempt in range(2):
            torch.cuda.synchronize()
            at = time.time()
            for _ in range(4 if attempt == 0 else 16):
                gradients(rounded)
                update(muon, adam, 0.0, 0)
            torch.cuda.synchronize()
            cost[rounded] = (time.time() - at) / 16
    print(f"{time.time() - began:.1f} s to compile; a step takes {1e3 * cost[False]:.1f} ms, {1e3 * cost[True]:.1f} ms with rounding; {given.batch * CONTEXT / cost[False] / 1e6:.2f} MB/s", flush=True)
    steps = given.steps
    if given.seconds:
        mean = (1 - given.rounded) * cost[False] + given.rounded * cost[True]
        steps = max(20, int((given.seconds - (time.time() - began)) / mean * 0.95))
    torch.manual_seed(given.seed)
    generator.manual_seed(given.seed)
    stream.order, stream.epoch = stream.order[:0], 0
    muon, adam = optimizers()
    turn = int(steps * (1 - given.rounded))
    print(f"{parameters} parameters, {steps} steps of {given.batch * CONTEXT} bytes, rounding from step {turn}", flush=True)
    note = {"what": "byte-level decoder of English text (byteloom example)", "licence": "Apache-2.0",
            "trained_by": "examples/train/english.py on the corpus `english` of bench/corpus.py", "seed": given.seed, "steps": steps}
    path = given.out / "english.safetensors"
    running, float_figure = None, None
    for step in range(steps):
        rounded = step >= turn
        if step == turn:
            float_figure = bits_per_byte(plain(model, device), given.heldout.read_bytes(), device)
            print(f"step {step}: float model before rounding: {float_figure:.4f} bits a byte", flush=True)
        done = step / steps
        rate = given.rate * min(1.0, (step + 1) / given.warmup) * (given.floor + (1 - given.floor) * 0.5 * (1 + math.cos(math.pi * done)))
        loss = gradients(rounded)
        update(muon, adam, rate, step)
        running = loss if running is None else running.lerp(loss, 0.02)
        if step % 250 == 0:
            print(f"step {step} epoch {stream.epoch} rate {rate:.5f} loss {running.item() / math.log(2):.4f} bits, {time.time() - began:.0f} s", flush=True)
        if step % 1000 == 999 and (step > 0.45 * steps):
            store(model, path, note)
    torch.cuda.synchronize()
    print(f"trained {steps} steps, {stream.epoch} epochs, {time.time() - began:.0f} s, last loss {running.item() / math.log(2):.4f} bits", flush=True)
    store(model, path, note)
    figure = bits_per_byte(restore(path, device), given.heldout.read_bytes(), device)
    store(model, path, note | {"held_out": f"{figure:.4f} bits per byte on {given.heldout.name}", "parameters": parameters})
    evaluate(given, device, path, {
        "bits_per_byte_of_float_before_rounding": float_figure,
        "bits_per_byte_of_float_after_rounding": bits_per_byte(plain(model, device), given.heldout.read_bytes(), device),
        "training_sha256": hashlib.sha256(train_path.read_bytes()).hexdigest(), "steps": steps, "training_bytes_seen": steps * given.batch * CONTEXT,
        "training_seconds": round(time.time() - began), "training_device": torch.cuda.get_device_name()})


def evaluate(given, device, path, figures):
    """Adds the held-out figures of a stored model to `figures` and notes them in figures.json."""
    model, text = restore(path, device), given.heldout.read_bytes()
    figures |= {"bits_per_byte": bits_per_byte(model, text, device), "windows": len(text) // CONTEXT, "context": CONTEXT,
                "xz9_bits_per_byte": len(lzma.compress(text, preset=9)) * 8 / len(text), "heldout_bytes": len(text),
                "parameters": sum(p.numel() for p in model.parameters()), "sha256": export.sha256(path)}
    print(figures, flush=True)
    if given.corpus:
        whole = (given.corpus / "english-heldout.txt").read_bytes().replace(b"\0", b"\n")
        figures |= {"whole_split_bits_per_byte": bits_per_byte(model, whole, device), "whole_split_bytes": len(whole) // CONTEXT * CONTEXT}
    export.note_figures(given.out / "figures.json", "english", figures)
    print(figures, flush=True)


@torch.no_grad()
def sample(given, device):
    model = restore(given.model, device)
    prompts = [prompt.encode() for prompt in given.sample]
    for temperature in given.temperature:
        generator = torch.Generator(device).manual_seed(given.seed)
        for prompt in prompts:
            ids = torch.tensor([[BEGIN, *prompt]], device=device)
            for _ in range(given.bytes):
                probability = (model.logits(ids[:, -CONTEXT:])[0, -1] / temperature).softmax(-1)
                ids = torch.cat((ids, torch.multinomial(probability, 1, generator=generator)[None]), 1)
                if ids[0, -1] >= BEGIN:
                    break
            print(f"--- temperature {temperature}\n{bytes(i for i in ids[0].tolist() if i < 256).decode('utf-8', 'replace')}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=pathlib.Path, help="folder that bench/corpus.py wrote")
    parser.add_argument("--heldout", type=pathlib.Path, default=pathlib.Path("tests/data/english_heldout.txt"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("examples/models"))
    parser.add_argument("--steps", type=int, default=17054)
    parser.add_argument("--seconds", type=float, default=0.0, help="choose the number of steps so that training ends after this time")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--floor", type=float, default=0.02, help="the last rate, as a part of --rate")
    parser.add_argument("--decay", type=float, default=0.1)
    parser.add_argument("--warmup", type=int, default=150)
    parser.add_argument("--rounded", type=float, default=0.25, help="the part of the steps, the last, that trains int4 weights")
    parser.add_argument("--attention", choices=("auto", "flash", "cudnn"), default="auto")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=pathlib.Path, default=pathlib.Path("examples/models/english.safetensors"))
    parser.add_argument("--evaluate", action="store_true", help="write the held-out figures of --model instead of training")
    parser.add_argument("--sample", nargs="+", metavar="PROMPT", help="write on from prompts instead of training")
    parser.add_argument("--bytes", type=int, default=300)
    parser.add_argument("--temperature", type=float, nargs="+", default=[0.7])
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if given.sample:
        sample(given, device)
    elif given.evaluate:
        evaluate(given, device, given.model, {})
    else:
        given.out.mkdir(parents=True, exist_ok=True)
        train(given, device)


if __name__ == "__main__":
    main()
