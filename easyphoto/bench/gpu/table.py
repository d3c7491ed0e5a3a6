"""The results as a table for people, and as one record for programs."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from easyphoto.bench.gpu.plan import OURS
from easyphoto.bench.gpu.state import FAILED, BenchState, Result
from easyphoto.bench.gpu.trainers import step_seconds

NAMES = 12


def table(state: BenchState) -> str:
    """What is known so far, a line or two for each measurement."""
    plan = state.plan
    lines = [f"{plan.kind.label}, {plan.width:g} of its width, {plan.kind.resolution} px, random weights"]
    for name, result in state.results.items():
        if FAILED in result:
            lines.append(f"{name:<{NAMES}}failed: {result[FAILED].splitlines()[-1]}")
        elif name in ROWS:
            lines += [f"{name:<{NAMES}}{line}" for line in ROWS[name](result, _rate(state))]
    for trainer, found in compared_trainers(state).items():
        words = f"{trainer}: {found['ms']:.1f} ms a step ({found['least_ms']:.1f} to {found['most_ms']:.1f})"
        ratio = "" if found["ratio"] is None else f", {found['ratio']:.2f} × ours"
        lines.append(f"{'against':<{NAMES}}{words}{ratio}, start {found['start_s']:.1f} s, {_memory(found)}")
    return "\n".join(lines)


def record(state: BenchState, left: Sequence[str]) -> dict[str, Any]:
    """Everything, with the names of what is still to be measured."""
    step, rate = state.made("step"), _rate(state)
    shares = {} if step is None or not rate else {way: share(step, way, rate) for way in ("plain", "captured")}
    return {
        "plan": dataclasses.asdict(state.plan),
        "results": state.results,
        "shares_of_bound": shares,
        "trainers": compared_trainers(state),
        "left": list(left),
    }


def compared_trainers(state: BenchState) -> dict[str, dict[str, Any]]:
    """Milliseconds a step, seconds of the start and the ratio to ours, of each trainer that was run twice."""
    runs = [result for result in state.results.values() if "trainer" in result and FAILED not in result]
    steps = {trainer: seconds for trainer, seconds in step_seconds(runs).items() if seconds}
    ours = statistics.median(steps[OURS]) if OURS in steps else None
    found = {}
    for trainer, seconds in steps.items():
        middle, own = statistics.median(seconds), [run for run in runs if run["trainer"] == trainer]
        fewest = min(run["steps"] for run in own)
        start = statistics.median(run["seconds"] for run in own if run["steps"] == fewest) - fewest * middle
        found[trainer] = {
            "ms": round(1000 * middle, 2),
            "least_ms": round(1000 * min(seconds), 2),
            "most_ms": round(1000 * max(seconds), 2),
            "start_s": round(start, 2),
            "peak_mb": max((run["peak_mb"] or 0 for run in own), default=0) or None,
            "ratio": round(middle / ours, 3) if ours else None,
        }
    return found


def share(step: Result, way: str, rate: float) -> float | None:
    """Of the time of a step, the part that its arithmetic alone would take at the device's measured rate."""
    if "ms" not in step.get(way, {}):
        return None
    return round(1000 * step["tflop"] / rate / step[way]["ms"], 3)


def _rate(state: BenchState) -> float:
    """TFLOP/s of the device's matrix products; 0 where it was not measured."""
    return float((state.made("device") or {}).get("matmul_tflops", 0.0))


def _memory(result: Result) -> str:
    peak = result.get("peak_mb")
    return "memory unknown" if peak is None else f"{peak} MB"


def _make(result: Result, rate: float) -> list[str]:
    return [f"{result['gigabytes']} GB of random weights in {result['seconds']:.1f} s"]


def _device(result: Result, rate: float) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items() if version)
    memory = "" if result["memory_gb"] is None else f", {result['memory_gb']} GB"
    return [f"{result['device']}{memory}: {rate:g} TFLOP/s in {result['precision']}", versions]


def _load(result: Result, rate: float) -> list[str]:
    return [f"{result['median_s']:.2f} s to the device; {result['first_s']:.2f} s the first time, {_memory(result)}"]


def _step(result: Result, rate: float) -> list[str]:
    label = result.get("family", "")
    size = f"{label} batch {result['batch']}, rank {result['rank']}, {result['side']} px".strip()
    lines = [f"{size}: {result['tflop']} TFLOP, {_memory(result)}"]
    for way in ("plain", "captured"):
        found = result[way]
        if "ms" not in found:
            lines.append(f"not {way}: {found['not']}")
            continue
        bound = "" if not rate else f", {share(result, way, rate):.0%} of the bound"
        lines.append(f"{way}: {found['ms']:.1f} ms ({found['least_ms']:.1f} to {found['most_ms']:.1f}){bound}")
    return lines


def _train(result: Result, rate: float) -> list[str]:
    phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in result["phases"].items())
    whole = f"{result['seconds']:.1f} s from photos to LoRA, {result['steps']} steps, {result['ms_a_step']:.1f} ms each"
    return [f"{whole}, {_memory(result)}", f"{phases}; test pictures {result['validation_share']:.0%}"]


def _portrait(result: Result, rate: float) -> list[str]:
    counts = {name: found for name, found in result.items() if name.startswith("count_")}
    lines = [
        f"{name.replace('_', ' ')}: {found['median_s']:.2f} s warm, {found['a_minute']:.1f} portraits a minute"
        for name, found in counts.items()
    ]
    single = f"each of several takes {result['ratio_many']:.2f} of the time of a single one"
    lora = "" if result["lora"] else ", without a LoRA"
    return [*lines, f"{single}; first {result['first_s']:.1f} s{lora}, {_memory(result)}"]


def _layout(result: Result, rate: float) -> list[str]:
    return [
        f"{work}: channels_last {found['channels_last_ms']:.2f} ms, {found['ratio']:.2f} of contiguous"
        for work, found in result.items()
        if isinstance(found, dict)
    ]


ROWS: Mapping[str, Callable[[Result, float], list[str]]] = {
    "make": _make,
    "device": _device,
    "load": _load,
    "step": _step,
    "train": _train,
    "portrait": _portrait,
    "layout": _layout,
    "large": _step,
}
