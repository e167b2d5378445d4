"""Train the network of `interpolation.fill(series, factor, method="network")`, and say how.

    pip install "em-inverse[train]"
    python data/train_tilt_network.py            # writes tilt-network.npz and its log beside it

One compact residual U-Net for all gaps and positions between two recorded frames. What it sees is
made by `em_inverse.interpolation.network.channels`, as at the microscope; what it learns from are
simulated icosahedra, decahedra and octahedra of Pt, Ag, Au and Cu. Steps are chosen on a second
draw of those; fcc clusters of Yb, Ir, Xe and Al are looked at once, when all is done.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from em_inverse.interpolation import network
from em_inverse.simulate import particle_set

HERE = Path(__file__).resolve().parent
WIDTH, BATCH, CROP = 24, 12, 64
GAPS = tuple(range(1, 13))
PROBES = ("sharp", "aberrated")


class Net(nn.Module):
    """Three levels; kernels are longer across the tilt axis, along which columns move."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        w = width
        sizes = {
            "a1": (inputs, w, 7, 3),
            "a2": (w, w, 5, 3),
            "b1": (w, 2 * w, 5, 3),
            "b2": (2 * w, 2 * w, 3, 3),
            "c1": (2 * w, 3 * w, 3, 3),
            "c2": (3 * w, 3 * w, 3, 3),
            "d1": (5 * w, 2 * w, 3, 3),
            "e1": (3 * w, w, 3, 3),
            "e2": (w, 1, 3, 3),
        }
        for name, (i, o, kx, ky) in sizes.items():
            setattr(self, name, nn.Conv2d(i, o, (kx, ky), padding=(kx // 2, ky // 2)))
        nn.init.zeros_(self.e2.weight)
        nn.init.zeros_(self.e2.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the residual in units of the change between the two frames."""

        def layer(name: str, y: torch.Tensor) -> torch.Tensor:
            return nn.functional.leaky_relu(getattr(self, name)(y), network.SLOPE)

        def twice(y: torch.Tensor) -> torch.Tensor:
            return nn.functional.interpolate(y, scale_factor=2, mode="nearest")

        a = layer("a2", layer("a1", x))
        b = layer("b2", layer("b1", nn.functional.avg_pool2d(a, 2)))
        c = layer("c2", layer("c1", nn.functional.avg_pool2d(b, 2)))
        d = layer("d1", torch.cat([twice(c), b], 1))
        return self.e2(layer("e1", torch.cat([twice(d), a], 1)))


def examples(
    rng: np.random.Generator, stacks: list[np.ndarray], count: int, crop: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw inputs, base and scale, and truth, at random gaps and places."""
    seen, base, truth = [], [], []
    while len(seen) < count:
        stack = stacks[rng.integers(len(stacks))]
        gap = 2 * int(rng.choice(GAPS))
        first = int(rng.integers(0, 181 - gap))
        middle = first + (gap // 2 if rng.random() < 0.7 else int(rng.integers(1, gap)))
        frames = stack[max(first - gap, 0) : first + 2 * gap + 1]
        known = [k for k in (first - gap, first, first + gap, first + 2 * gap) if 0 <= k < 181]
        chosen = frames[[k - max(first - gap, 0) for k in known]].astype(np.float32)
        target = stack[middle].astype(np.float32)
        x, line, scale = network.channels(np.array(known, float), chosen, float(middle))
        if scale < 1e-6:
            continue
        if crop:
            i, j = (int(k) for k in rng.integers(16, 128 - 16 - crop + 1, 2))
            window = (..., slice(i, i + crop), slice(j, j + crop))
            x, line, target = x[window], line[window], target[window]
        if rng.random() < 0.5:
            x, line, target = x[:, ::-1], line[::-1], target[::-1]
        if rng.random() < 0.5:
            x, line, target = x[..., ::-1], line[:, ::-1], target[:, ::-1]
        seen.append(x)
        base.append(line / scale)
        truth.append(target / scale)
    return tuple(np.ascontiguousarray(np.stack(v), np.float32) for v in (seen, base, truth))


def loss_of(out: torch.Tensor, base: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean decibels gained on the straight line: every gap counts alike."""
    ours = ((base + out[:, 0] - truth) ** 2).mean((1, 2))
    line = ((base - truth) ** 2).mean((1, 2))
    return 10 * (torch.log10(ours + 1e-7) - torch.log10(line + 1e-7)).mean()


def train(minutes: float, seed: int, teach: int) -> None:
    """Train for a number of CPU minutes and write weights, log and check."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    begin = time.process_time()
    stacks = []
    for split_seed, count in ((1, teach), (2, 6)):
        stacks.append(
            [
                series.projections.astype(np.float16)
                for probe in PROBES
                for series in particle_set(count, probe=probe, seed=split_seed)
            ]
        )
    teaching, choosing = stacks
    net = Net(network.N_CHANNELS, WIDTH).to(memory_format=torch.channels_last)
    total = sum(p.numel() for p in net.parameters())
    print(f"{total} parameters; data after {time.process_time() - begin:.0f} CPU s", flush=True)
    held = examples(np.random.default_rng(99), choosing, 96, None)
    steps = int(minutes * 60 / 0.33)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    log: list[dict[str, float]] = []
    best: tuple[float, dict[str, np.ndarray]] = (np.inf, {})
    running: list[float] = []
    for step in range(1, steps + 1):
        x, base, truth = map(torch.from_numpy, examples(rng, teaching, BATCH, CROP))
        optimiser.zero_grad()
        loss = loss_of(net(x), base, truth)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        running.append(loss.item())
        if step % 200 == 0 or step == steps:
            with torch.no_grad():
                parts = [
                    loss_of(net(x), b, t).item()
                    for x, b, t in zip(*(torch.from_numpy(v).split(8) for v in held), strict=True)
                ]
            entry = {
                "step": step,
                "gain_db_taught": -float(np.mean(running)),
                "gain_db_chosen_on": -float(np.mean(parts)),
                "cpu_s": round(time.process_time() - begin, 1),
            }
            running = []
            log.append(entry)
            print(entry, flush=True)
            if -entry["gain_db_chosen_on"] < best[0]:
                weights = {k: v.numpy().astype(np.float16) for k, v in net.state_dict().items()}
                best = (-entry["gain_db_chosen_on"], weights)
                save(net, weights, {"seed": seed, "steps": step, "parameters": total, "log": log})


def save(net: Net, weights: dict[str, np.ndarray], card: dict) -> None:
    """Write half-precision weights, and what the network says to a small input with them."""
    rounded = Net(network.N_CHANNELS, WIDTH)
    rounded.load_state_dict({k: torch.from_numpy(v.astype(np.float32)) for k, v in weights.items()})
    question = np.random.default_rng(0).normal(size=(network.N_CHANNELS, 24, 16))
    question = question.astype(np.float16).astype(np.float32)
    with torch.no_grad():
        answer = rounded(torch.from_numpy(question)[None])[0, 0].numpy()
    np.savez_compressed(
        HERE / "tilt-network.npz",
        **weights,
        check_question=question.astype(np.float16),
        check_answer=answer,
    )
    (HERE / "tilt-network.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--teach", type=int, default=30)
    given = parser.parse_args()
    train(given.minutes, given.seed, given.teach)
