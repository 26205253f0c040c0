#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains examples/models/digits.safetensors, a patch transformer on scikit-learn's 8x8 digit images.

    python3 examples/train/digits.py --out examples/models --data tests/data

The held-out fifth (360 images) is drawn once with a fixed seed and used for the last figure alone. The weights stored are a
running mean of the last steps. The accuracy is computed in float32 from the exported tensors.
"""
import argparse
import pathlib
import time

import numpy
import sklearn
import sklearn.datasets
import torch
import torch.nn.functional as F

import export

WIDTH, BLOCKS, HEADS, PATCH, TOKENS, CLASSES = 64, 3, 4, 2, 16, 10


def names():
    yield "embed.weight", (WIDTH, PATCH * PATCH)
    yield "embed.bias", (WIDTH,)
    yield "position.weight", (TOKENS, WIDTH)
    for i in range(BLOCKS):
        for name, n, k in (("norm_attend", WIDTH, 0), ("attend.qkv", 3 * WIDTH, WIDTH), ("attend.out", WIDTH, WIDTH),
                           ("norm_feed", WIDTH, 0), ("feed.up", 4 * WIDTH, WIDTH), ("feed.down", WIDTH, 4 * WIDTH)):
            yield f"blocks.{i}.{name}.weight", (n, k) if k else (n,)
            yield f"blocks.{i}.{name}.bias", (n,)
    yield "norm_head.weight", (WIDTH,)
    yield "norm_head.bias", (WIDTH,)
    yield "head.weight", (CLASSES, WIDTH)
    yield "head.bias", (CLASSES,)


def is_bf16(name, shape):
    return len(shape) == 2 and name != "position.weight"


def start(name, shape):
    if "norm" in name:
        return torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
    if name == "position.weight":
        return torch.randn(shape) * 0.1
    return torch.randn(shape) * shape[1] ** -0.5 * (0.4 if ".out." in name or ".down." in name else 1.0) if len(shape) == 2 else torch.zeros(shape)


def logits(w, images, dropout=0.0):
    """images [batch, 8, 8], 0 to 1."""
    def drop(x):
        return F.dropout(x, dropout) if dropout else x

    side = 8 // PATCH
    x = images.view(-1, side, PATCH, side, PATCH).transpose(2, 3).reshape(-1, TOKENS, PATCH * PATCH)
    x = F.linear(x, w["embed.weight"], w["embed.bias"]) + w["position.weight"]
    for i in range(BLOCKS):
        b = f"blocks.{i}."
        h = F.layer_norm(x, (WIDTH,), w[b + "norm_attend.weight"], w[b + "norm_attend.bias"], 1e-5)
        qkv = F.linear(h, w[b + "attend.qkv.weight"], w[b + "attend.qkv.bias"])
        q, k, v = qkv.view(-1, TOKENS, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(-1, TOKENS, WIDTH)
        x = x + drop(F.linear(h, w[b + "attend.out.weight"], w[b + "attend.out.bias"]))
        h = F.layer_norm(x, (WIDTH,), w[b + "norm_feed.weight"], w[b + "norm_feed.bias"], 1e-5)
        h = F.gelu(F.linear(h, w[b + "feed.up.weight"], w[b + "feed.up.bias"]))
        x = x + drop(F.linear(h, w[b + "feed.down.weight"], w[b + "feed.down.bias"]))
    x = F.layer_norm(x.mean(1), (WIDTH,), w["norm_head.weight"], w["norm_head.bias"], 1e-5)
    return F.linear(x, w["head.weight"], w["head.bias"])


def disturb(images):
    """Turned by up to 12 degrees, scaled by up to 12 %, moved by up to 0.9 pixels, with a little noise."""
    count, device = len(images), images.device

    def spread(size):
        return (torch.rand(count, device=device) * 2 - 1) * size

    angle, scale, shear = spread(0.21), 1 + spread(0.12), spread(0.12)
    rows = torch.stack((torch.stack((angle.cos() * scale, (shear - angle.sin()) * scale, spread(0.22)), -1),
                        torch.stack((angle.sin() * scale, angle.cos() * scale, spread(0.22)), -1)), 1)
    grid = F.affine_grid(rows, (count, 1, 8, 8), align_corners=False)
    moved = F.grid_sample(images[:, None], grid, align_corners=False)[:, 0]
    return (moved + torch.randn_like(moved) * 0.03).clamp(0, 1)


def split(seed=20):
    digits = sklearn.datasets.load_digits()
    order = numpy.random.default_rng(seed).permutation(len(digits.images))
    held, kept = numpy.sort(order[:360]), numpy.sort(order[360:])
    return [(digits.images[part].astype(numpy.uint8), digits.target[part].astype(numpy.uint8)) for part in (kept, held)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("examples/models"))
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("tests/data"))
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.time()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(given.seed)
    (images, labels), (held_images, held_labels) = split()
    images = torch.from_numpy(images).float().to(device) / 16
    labels = torch.from_numpy(labels).long().to(device)
    w = {name: start(name, shape).to(device).requires_grad_() for name, shape in names()}
    mean = {name: value.detach().clone() for name, value in w.items()}
    adam = torch.optim.AdamW(w.values(), lr=given.rate, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, given.rate, given.steps, pct_start=0.1)

    def loss_of(batch, target):
        return F.cross_entropy(logits(w, disturb(batch), 0.1), target, label_smoothing=0.05)

    compiled = torch.compile(loss_of, dynamic=False) if device.type == "cuda" else loss_of
    for step in range(given.steps):
        chosen = torch.randint(len(images), (given.batch,), device=device)
        loss = compiled(images[chosen], labels[chosen])
        loss.backward()
        adam.step()
        adam.zero_grad()
        schedule.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(mean.values()), [v.detach() for v in w.values()], 1.0 if step < given.steps // 2 else 0.005)
        if step % 500 == 0:
            print(f"step {step} loss {loss.item():.4f} {time.time() - began:.0f} s", flush=True)
    tensors = {}
    for name, shape in names():
        (export.store_bf16 if is_bf16(name, shape) else export.store_f32)(tensors, name, mean[name])
    path = given.out / "digits.safetensors"
    stored = {name: value.float() for name, value in tensors.items()}
    held = torch.from_numpy(held_images).float() / 16
    correct = int((logits(stored, held).argmax(-1).numpy() == held_labels).sum())
    parameters = sum(value.numel() for value in tensors.values())
    export.save(path, tensors, {"what": "patch transformer for 8x8 grey digit images (byteloom example)", "licence": "Apache-2.0",
                                "trained_by": "examples/train/digits.py", "seed": given.seed, "steps": given.steps,
                                "parameters": parameters, "held_out": f"{correct} of {len(held_labels)} right"})
    given.data.mkdir(parents=True, exist_ok=True)
    export.save(given.data / "digits_heldout.safetensors",
                {"images": torch.from_numpy(held_images).view(-1, 8, 8, 1), "labels": torch.from_numpy(held_labels)},
                {"what": "held-out fifth of scikit-learn's digits", "values": "0 to 16"})
    with torch.no_grad():
        seen = (logits({n: v.to(device) for n, v in stored.items()}, images).argmax(-1) == labels).float().mean().item()
    figures = {"accuracy": correct / len(held_labels), "correct": correct, "images": len(held_labels), "training_accuracy": seen,
               "parameters": parameters, "steps": given.steps, "training_seconds": round(time.time() - began),
               "sklearn": sklearn.__version__, "sha256": export.sha256(path)}
    export.note_figures(given.out / "figures.json", "digits", figures)
    print(figures, flush=True)


if __name__ == "__main__":
    main()
