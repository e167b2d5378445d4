"""Train the network of `interpolation.fill(series, factor, method="network")`, and say how.

    pip install "em-inverse[train]"
    python data/train_tilt_network.py            # writes tilt-network.npz and its log beside it

One compact residual U-Net for all gaps and positions between two recorded frames. What it sees is
made by `em_inverse.interpolation.network.channels`, as at the microscope; what it learns from are
simulated icosahedra, decahedra and octahedra of Pt, Ag, Au and Cu, and the frames that the
geometric way makes of them. Steps are chosen on a second draw of those; fcc clusters of Yb, Ir, Xe
and Al are looked at once, when all is done.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from em_inverse.interpolation import network
from em_inverse.interpolation.geometric import fill_geometric
from em_inverse.simulate import particle_set

HERE = Path(__file__).resolve().parent
WIDTH, BATCH, CROP, ROWS, PROCESSES = 24, 12, 64, 32, 2
GAPS = tuple(range(1, 13))
GAPS_A_SERIES = 6
PROBES = ("sharp", "aberrated")
ANGLES = np.arange(-90.0, 91.0)
#: Half of what is recorded goes all the way round; the rest ends at one of these angles.
ENDS = (30, 45, 60, 70)
MIDDLES, OTHERS = 10, 6
#: Share of the examples without the frame of the geometric way, as for very few tilts.
WITHOUT = 0.2


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
            "e2": (w, 2, 3, 3),
        }
        for name, (i, o, kx, ky) in sizes.items():
            setattr(self, name, nn.Conv2d(i, o, (kx, ky), padding=(kx // 2, ky // 2)))
        nn.init.zeros_(self.e2.weight)
        nn.init.zeros_(self.e2.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what is added to the straight line, in units of the change between the frames."""

        def layer(name: str, y: torch.Tensor) -> torch.Tensor:
            return nn.functional.leaky_relu(getattr(self, name)(y), network.SLOPE)

        def twice(y: torch.Tensor) -> torch.Tensor:
            return nn.functional.interpolate(y, scale_factor=2, mode="nearest")

        a = layer("a2", layer("a1", x))
        b = layer("b2", layer("b1", nn.functional.avg_pool2d(a, 2)))
        c = layer("c2", layer("c1", nn.functional.avg_pool2d(b, 2)))
        d = layer("d1", torch.cat([twice(c), b], 1))
        correction, trust = self.e2(layer("e1", torch.cat([twice(d), a], 1))).unbind(1)
        return correction + torch.sigmoid(trust) * x[:, network.OBJECT]


@dataclass(frozen=True)
class Example:
    """A frame to be made: the recorded ones around it, the geometric way's, and the truth."""

    angles: np.ndarray
    frames: np.ndarray
    angle: float
    turned: np.ndarray
    truth: np.ndarray


def recorded(stack: np.ndarray, seed: tuple[int, ...]) -> list[Example]:
    """Thin one series at some gaps, run the geometric way on each, and keep some of its frames."""
    rng = np.random.default_rng(seed)
    made = []
    for gap in rng.choice(GAPS, GAPS_A_SERIES, replace=False).tolist():
        end = 90 if rng.random() < 0.5 else int(rng.choice(ENDS))
        tilts = np.flatnonzero(np.abs(ANGLES) <= end)
        kept = tilts[int(rng.integers(0, 2 * gap)) :: 2 * gap]
        if kept.size < network.FEWEST:
            kept = np.arange(int(rng.integers(0, 2 * gap)), ANGLES.size, 2 * gap)
        top = int(rng.integers(16, stack.shape[2] - 16 - ROWS + 1))
        frames = stack[:, :, top : top + ROWS].astype(np.float32)
        middles = kept[:-1] + gap
        others = np.setdiff1d(np.arange(kept[0], kept[-1]), np.concatenate([kept, middles]))
        new = np.sort(
            np.concatenate(
                [
                    rng.choice(pool, min(count, pool.size), replace=False)
                    for pool, count in ((middles, MIDDLES), (others, OTHERS))
                ]
            )
        )
        turned = fill_geometric(ANGLES[kept], frames[kept], ANGLES[new]).frames
        for place, image in zip(new.tolist(), turned, strict=True):
            after = int(np.searchsorted(kept, place))
            near = kept[max(after - 2, 0) : after + 2]
            made.append(
                Example(
                    ANGLES[near],
                    frames[near].astype(np.float16),
                    float(ANGLES[place]),
                    image.astype(np.float16),
                    frames[place].astype(np.float16),
                )
            )
    return made


def pool(seed: int, count: int) -> list[Example]:
    """Simulate particles with both probes, and return all examples of them."""
    stacks = [
        series.projections.astype(np.float16)
        for probe in PROBES
        for series in particle_set(count, probe=probe, seed=seed)
    ]
    seeds = [(seed, index) for index in range(len(stacks))]
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as workers:
        return [one for many in workers.map(recorded, stacks, seeds) for one in many]


def batch(
    rng: np.random.Generator, examples: list[Example], count: int, crop: int | None
) -> tuple[torch.Tensor, ...]:
    """Draw what the network sees, the straight line and the truth, both in units of its answer."""
    seen, base, truth = [], [], []
    while len(seen) < count:
        one = examples[rng.integers(len(examples))]
        turned = None if rng.random() < WITHOUT else one.turned.astype(np.float32)
        x, line, scale = network.channels(
            one.angles, one.frames.astype(np.float32), one.angle, turned
        )
        if scale < 1e-6:
            continue
        target = one.truth.astype(np.float32)
        if crop:
            i = int(rng.integers(16, line.shape[0] - 16 - crop + 1))
            x, line, target = (v[..., i : i + crop, :] for v in (x, line, target))
        if rng.random() < 0.5:
            x, line, target = (v[..., ::-1, :] for v in (x, line, target))
        if rng.random() < 0.5:
            x, line, target = (v[..., ::-1] for v in (x, line, target))
        seen.append(x)
        base.append(line / scale)
        truth.append(target / scale)
    return tuple(
        torch.from_numpy(np.ascontiguousarray(np.stack(v), np.float32)) for v in (seen, base, truth)
    )


def loss_of(out: torch.Tensor, base: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean decibels gained on the straight line: every gap counts alike."""
    ours = ((base + out - truth) ** 2).mean((1, 2))
    line = ((base - truth) ** 2).mean((1, 2))
    return 10 * (torch.log10(ours + 1e-7) - torch.log10(line + 1e-7)).mean()


def train(steps: int, seed: int, teach: int) -> None:
    """Train for a number of steps and write weights, log and check."""
    torch.manual_seed(seed)
    torch.set_num_threads(PROCESSES)
    rng = np.random.default_rng(seed)
    begin = time.monotonic()
    teaching, choosing = pool(1, teach), pool(2, 6)
    net = Net(network.N_CHANNELS, WIDTH).to(memory_format=torch.channels_last)
    total = sum(p.numel() for p in net.parameters())
    say = partial(print, flush=True)
    say(f"{total} parameters; {len(teaching)} examples after {time.monotonic() - begin:.0f} s")
    held_rng = np.random.default_rng(99)
    held = [batch(held_rng, choosing, 8, None) for _ in range(16)]
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    log: list[dict[str, float]] = []
    best = -np.inf
    running: list[float] = []
    for step in range(1, steps + 1):
        x, base, truth = batch(rng, teaching, BATCH, CROP)
        optimiser.zero_grad()
        loss = loss_of(net(x), base, truth)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        running.append(-loss.item())
        if step % 250 == 0 or step == steps:
            with torch.no_grad():
                parts = [-loss_of(net(x), base, truth).item() for x, base, truth in held]
            entry = {
                "step": step,
                "gain_db_taught": float(np.mean(running)),
                "gain_db_chosen_on": float(np.mean(parts)),
                "minutes": round((time.monotonic() - begin) / 60, 2),
            }
            running = []
            log.append(entry)
            say(entry)
            if entry["gain_db_chosen_on"] > best:
                best = entry["gain_db_chosen_on"]
                weights = {k: v.numpy().astype(np.float16) for k, v in net.state_dict().items()}
                chosen = step
    save(weights, {"seed": seed, "steps": chosen, "parameters": total, "log": log})


def save(weights: dict[str, np.ndarray], card: dict) -> None:
    """Write half-precision weights, and what the network says to a small input with them."""
    rounded = Net(network.N_CHANNELS, WIDTH)
    rounded.load_state_dict({k: torch.from_numpy(v.astype(np.float32)) for k, v in weights.items()})
    question = np.random.default_rng(0).normal(size=(network.N_CHANNELS, 24, 16))
    question = question.astype(np.float16).astype(np.float32)
    with torch.no_grad():
        answer = rounded(torch.from_numpy(question)[None])[0].numpy()
    np.savez_compressed(
        HERE / "tilt-network.npz",
        **weights,
        check_question=question.astype(np.float16),
        check_answer=answer,
    )
    (HERE / "tilt-network.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--teach", type=int, default=24)
    given = parser.parse_args()
    train(given.steps, given.seed, given.teach)
