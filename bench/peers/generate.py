#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The English model in PyTorch at batch 1, as fast as it goes there without a kernel of one's own: weights as bf16, keys
and values in a cache of fixed size, attention by scaled_dot_product_attention over the whole cache with a mask, and on a
GPU one step captured in a CUDA graph. generate.py MODEL BYTES PROMPT [cuda|cpu]: prints bytes per second."""
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

LAYERS, HEADS, KEY_HEADS, SIZE, GROUP = 6, 8, 2, 64, 64


def dense(tensors, stem, kind):
    codes = tensors[f"{stem}.weight"]
    pairs = torch.stack((codes & 15, codes >> 4), -1).reshape(codes.shape[0], -1).float() - 8
    scales = tensors[f"{stem}.scale"].float().repeat_interleave(GROUP, 1)
    return (pairs * scales).to(kind)


class Model:
    def __init__(self, file, context, device, kind):
        tensors = {name: tensor.to(device) for name, tensor in load_file(file).items()}
        self.embed = tensors["embed.weight"].to(kind)
        self.head = tensors["head.weight"].to(kind)
        self.norm_head = tensors["norm_head.weight"].to(kind)
        names = ("attend.qkv", "attend.out", "feed.gate_up", "feed.down")
        self.layers = [[dense(tensors, f"blocks.{i}.{name}", kind) for name in names] +
                       [tensors[f"blocks.{i}.norm_{which}.weight"].to(kind) for which in ("attend", "feed")]
                       for i in range(LAYERS)]
        shape = (LAYERS, 1, KEY_HEADS, context, SIZE)
        self.keys, self.values = torch.zeros(shape, device=device, dtype=kind), torch.zeros(shape, device=device, dtype=kind)
        self.places = torch.arange(context, device=device)
        angles = self.places[:, None] * 10000.0 ** (-torch.arange(0, SIZE, 2, device=device) / SIZE)
        self.cosine, self.sine = angles.cos().to(kind), angles.sin().to(kind)

    def turn(self, x, place):
        first, second = x.chunk(2, -1)
        cosine, sine = self.cosine[place], self.sine[place]
        return torch.cat((first * cosine - second * sine, first * sine + second * cosine), -1)

    def step(self, token, place):
        """Logits after one token at one place, both tensors of one element."""
        x = self.embed[token]
        mask = (self.places <= place)[None, None, None]
        for i, (qkv, out, gate_up, down, norm_attend, norm_feed) in enumerate(self.layers):
            q, k, v = F.linear(F.rms_norm(x, (x.shape[-1],), norm_attend, 1e-5), qkv).split(
                (HEADS * SIZE, KEY_HEADS * SIZE, KEY_HEADS * SIZE), -1)
            q = self.turn(q.view(1, HEADS, 1, SIZE), place)
            self.keys[i].index_copy_(2, place, self.turn(k.view(1, KEY_HEADS, 1, SIZE), place))
            self.values[i].index_copy_(2, place, v.view(1, KEY_HEADS, 1, SIZE))
            mixed = F.scaled_dot_product_attention(q, self.keys[i], self.values[i], mask, enable_gqa=True)
            x = x + F.linear(mixed.reshape(1, -1), out)
            gate, up = F.linear(F.rms_norm(x, (x.shape[-1],), norm_feed, 1e-5), gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, down)
        return F.linear(F.rms_norm(x, (x.shape[-1],), self.norm_head, 1e-5), self.head).float()


def draw(logits):
    """Temperature 0.7, top-k 64, top-p 0.95."""
    values, ids = (logits / 0.7).topk(64, -1)
    weights = values.softmax(-1)
    weights = torch.where(weights.cumsum(-1) - weights < 0.95, weights, torch.zeros_like(weights))
    return ids.gather(-1, weights.multinomial(1)).flatten()


@torch.inference_mode()
def main():
    file, count, prompt = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
    device = sys.argv[4] if len(sys.argv) > 4 else "cuda"
    torch.manual_seed(1)
    tokens = [256, *prompt]
    model = Model(file, len(tokens) + count, device, torch.bfloat16 if device == "cuda" else torch.float32)
    token, place = torch.tensor(tokens[:1], device=device), torch.zeros(1, dtype=torch.long, device=device)

    def advance():
        drawn = draw(model.step(token, place))
        place.add_(1)
        token.copy_(drawn)

    step = advance
    if device == "cuda":
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for _ in range(3):
                place.zero_()
                advance()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            advance()
        step = graph.replay
    place.zero_()
    for id_ in tokens:
        token.fill_(id_)
        step()
    start = time.perf_counter()
    text = [token.item()]
    for _ in range(count - 1):
        step()
        text.append(token.item())
    seconds = time.perf_counter() - start
    print(bytes(b for b in text if b < 256).decode(errors="replace"))
    print(f"[{count} bytes, {count / seconds:.0f} bytes per second]", file=sys.stderr)


main()
