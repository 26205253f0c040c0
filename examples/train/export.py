# SPDX-License-Identifier: Apache-2.0
"""Weights in byteloom's storage formats: int4 in groups of 64, bf16, f32; written as safetensors."""
import hashlib
import json
import pathlib

import torch
from safetensors.torch import load_file, save_file

GROUP = 64
DIVISORS = (6.5, 7.0, 7.5, 8.0, 8.6, 9.3, 10.0, 11.0)  # candidate scales of a group: its largest magnitude over each of these


def int4_scale(groups):
    """The f16 scale (as f32) of each group [..., 64] that leaves the least squared error."""
    largest = groups.abs().amax(-1, keepdim=True)
    best_scale, best_error = None, None
    for divisor in DIVISORS:
        scale = (largest / divisor).clamp(min=6.2e-5).half().float()
        error = ((torch.round(groups / scale).clamp(-8, 7) * scale - groups) ** 2).sum(-1, keepdim=True)
        if best_scale is None:
            best_scale, best_error = scale, error
        else:
            best_scale = torch.where(error < best_error, scale, best_scale)
            best_error = torch.minimum(error, best_error)
    return best_scale


def fake_int4(weight):
    """What int4 storage makes of a weight [n, k]; the gradient passes straight through."""
    groups = weight.detach().float().unflatten(-1, (-1, GROUP))
    scale = int4_scale(groups)
    rounded = (torch.round(groups / scale).clamp(-8, 7) * scale).flatten(-2)
    return weight + (rounded - weight.detach())


def store_int4(tensors, name, weight):
    groups = weight.detach().float().cpu().unflatten(-1, (-1, GROUP))
    scale = int4_scale(groups)
    codes = (torch.round(groups / scale).clamp(-8, 7) + 8).to(torch.uint8).flatten(-2)
    tensors[name + ".weight"] = (codes[:, 0::2] | (codes[:, 1::2] << 4)).contiguous()
    tensors[name + ".scale"] = scale.squeeze(-1).half().contiguous()


def load_int4(tensors, name):
    packed, scale = tensors[name + ".weight"], tensors[name + ".scale"].float()
    codes = torch.stack((packed & 15, packed >> 4), -1).flatten(-2).float() - 8
    return (codes.unflatten(-1, (-1, GROUP)) * scale[..., None]).flatten(-2)


def store_bf16(tensors, name, value):
    tensors[name] = value.detach().cpu().bfloat16().contiguous()


def store_f32(tensors, name, value):
    tensors[name] = value.detach().cpu().float().contiguous()


def save(path, tensors, metadata):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={key: str(value) for key, value in metadata.items()})


def load(path):
    return load_file(path)


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def note_figures(path, name, figures):
    """Adds figures of one model to figures.json, beside what is there."""
    path = pathlib.Path(path)
    known = json.loads(path.read_text()) if path.exists() else {}
    known[name] = known.get(name, {}) | figures
    path.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
