"""The trial of LoRAs from one training: merges to their singular values, and who is elected."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from election.ballot import best_alone, elected, votes
from election.merging import load_into_adapters, merge_products, module_names, product

from easyphoto.architectures.miniature import MINIATURE
from easyphoto.backends.loading import load_components
from easyphoto.training.adapters import add_adapters
from easyphoto.training.lora import kohya_state, write_lora
from easyphoto.training.pictures import Picture

STEPS = (10, 20, 30, 40)


def pictures_of(scores: dict[int, tuple[float, ...]]) -> list[Picture]:
    """Each step's scores, by template."""
    return [Picture(step, place, "p", score) for step, row in scores.items() for place, score in enumerate(row)]


def with_means(*means: float) -> list[Picture]:
    """Four checkpoints with those means on two templates."""
    return pictures_of({step: (mean - 0.05, mean + 0.05) for step, mean in zip(STEPS, means, strict=True)})


def random_state(
    seed: int, *, rank: int = 3, alpha: float = 1.5, dtype: torch.dtype = torch.float32
) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {
        "m.lora_down.weight": torch.randn(rank, 20, generator=draw).to(dtype),
        "m.lora_up.weight": torch.randn(12, rank, generator=draw).to(dtype),
        "m.alpha": torch.tensor(alpha),
        "c.lora_down.weight": torch.randn(rank, 6, 3, 3, generator=draw).to(dtype),
        "c.lora_up.weight": torch.randn(8, rank, 1, 1, generator=draw).to(dtype),
        "c.alpha": torch.tensor(alpha),
    }


def test_a_module_s_change_is_up_times_down_times_alpha_by_rank() -> None:
    state = random_state(1, rank=3, alpha=1.5)

    change = product(state, "m")

    expected = state["m.lora_up.weight"].double() @ state["m.lora_down.weight"].double() * 0.5
    assert torch.allclose(change, expected)
    assert product(state, "c").shape == (8, 54)
    assert module_names(state) == ["c", "m"]


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_a_merge_is_the_best_there_is_of_its_rank(rank: int) -> None:
    """The truncated singular value decomposition of the sum, by torch's own on the whole matrices."""
    states, shares = [random_state(seed, rank=2) for seed in (1, 2)], [0.3, 0.7]

    merged, lost = merge_products(states, shares, rank)

    energies, kept = 0.0, 0.0
    for name in ("m", "c"):
        whole = sum(share * product(state, name) for share, state in zip(shares, states, strict=True))
        left, values, right = torch.linalg.svd(whole, full_matrices=False)
        assert torch.allclose(product(merged, name), left[:, :rank] * values[:rank] @ right[:rank], atol=1e-5)
        energies, kept = energies + float((values**2).sum()), kept + float((values[:rank] ** 2).sum())
    assert lost == pytest.approx(1 - kept / energies, abs=1e-9)


def test_a_merge_keeps_alpha_types_and_shapes_and_fills_what_it_lacks_with_nothing() -> None:
    state = random_state(1, rank=2, dtype=torch.float16)

    merged, lost = merge_products([state, state], [0.5, 0.5], 30)

    assert lost == pytest.approx(0, abs=1e-9)
    assert {name: tuple(tensor.shape) for name, tensor in merged.items()} == {
        "c.lora_down.weight": (30, 6, 3, 3), "c.lora_up.weight": (8, 30, 1, 1), "c.alpha": (),
        "m.lora_down.weight": (30, 20), "m.lora_up.weight": (12, 30), "m.alpha": (),
    }  # fmt: skip
    assert {tensor.dtype for name, tensor in merged.items() if "lora" in name} == {torch.float16}
    assert merged["m.alpha"] == 1.5
    assert not merged["m.lora_down.weight"][12:].any()
    assert torch.allclose(product(merged, "m"), product(state, "m"), atol=2e-2)


def test_a_merge_s_two_factors_are_equally_strong() -> None:
    """So that 16 bits hold both."""
    merged, _ = merge_products([random_state(1), random_state(2)], [0.5, 0.5], 3)

    down, up = merged["m.lora_down.weight"], merged["m.lora_up.weight"]
    assert down.norm(dim=1) == pytest.approx(up.norm(dim=0), rel=1e-4)


def test_a_merge_of_nothing_loses_nothing() -> None:
    state = {name: torch.zeros_like(tensor) if "lora" in name else tensor for name, tensor in random_state(1).items()}

    merged, lost = merge_products([state], [1.0], 3)

    assert lost == 0.0
    assert not product(merged, "m").any()


def test_merged_files_are_merged_as_their_tensors_are(tmp_path: Path) -> None:
    states = [random_state(seed) for seed in (1, 2)]
    files = [tmp_path / f"{number}.safetensors" for number in range(2)]
    for file, state in zip(files, states, strict=True):
        write_lora(file, state, {})

    from_files, _ = merge_products(files, [0.5, 0.5], 3)

    of_tensors, _ = merge_products(states, [0.5, 0.5], 3)
    assert all(torch.equal(from_files[name], tensor) for name, tensor in of_tensors.items())


def test_a_merge_is_exact_where_the_rank_suffices():
    states = [random_state(seed, rank=3) for seed in (1, 2)]
    wanted = {name: 0.25 * product(states[0], name) + 0.75 * product(states[1], name) for name in ("m", "c")}

    merged, energy_lost = merge_products(states, [0.25, 0.75], 6)

    assert energy_lost == pytest.approx(0, abs=1e-12)
    assert merged["c.lora_down.weight"].shape == (6, 6, 3, 3)
    assert merged["m.alpha"].item() == 1.5
    for name, sum_of_products in wanted.items():
        assert float((product(merged, name) - sum_of_products).norm() / sum_of_products.norm()) < 1e-6


def test_a_merge_back_to_the_rank_loses_the_energy_it_says():
    states = [random_state(seed, rank=4) for seed in (1, 2, 3)]
    wanted = {name: sum(product(state, name) for state in states) / 3 for name in ("m", "c")}

    merged, energy_lost = merge_products(states, [1 / 3] * 3, 4)

    lost = sum(float(((product(merged, name) - wanted[name]) ** 2).sum()) for name in wanted)
    whole = sum(float((wanted[name] ** 2).sum()) for name in wanted)
    assert 0.05 < energy_lost < 0.9
    assert energy_lost == pytest.approx(lost / whole, rel=1e-5)


def test_averaging_factors_would_not_be_a_merge():
    states = [random_state(seed, rank=3) for seed in (1, 2)]
    averaged = {key: (states[0][key] + states[1][key]) / 2 for key in states[0]}
    wanted = (product(states[0], "m") + product(states[1], "m")) / 2

    assert float((product(averaged, "m") - wanted).norm() / wanted.norm()) > 0.3


def test_a_merged_state_goes_back_into_the_live_adapters(tiny_base: Path):
    components = load_components(MINIATURE, tiny_base, dtype=torch.float32, device="cpu")
    live = add_adapters(components, rank=4, alpha=2.0, seed=0, text_learns=True)
    draw = torch.Generator().manual_seed(1)
    for value in live.weights.values.values():
        value.copy_(torch.randn(value.shape, generator=draw))
    before = kohya_state(live)
    merged, _ = merge_products([before, before], [0.5, 0.5], 4)

    load_into_adapters(merged, live)

    after = kohya_state(live)
    assert len(module_names(after)) > 10
    assert all(torch.allclose(product(after, each), product(before, each), atol=1e-4) for each in module_names(after))


def test_the_best_pictures_vote_and_a_later_checkpoint_wins_a_draw():
    judged = pictures_of({1: (0.1, 0.9), 2: (0.8, 0.7), 3: (0.8, 0.2)})

    assert votes(judged, 3) == {1: 1 / 3, 2: 1 / 3, 3: 1 / 3}


def test_a_template_that_flatters_the_person_has_no_more_votes_than_another_except_by_bare_scores():
    judged = pictures_of({1: (0.80, 0.10), 2: (0.82, 0.20), 3: (0.84, 0.30)})

    assert votes(judged, 2) == {3: 1.0}
    assert votes(judged, 2, by_gain=False) == {2: 0.5, 3: 0.5}


@pytest.mark.parametrize(
    ("means", "shares"),
    [
        ((0.44, 0.44, 0.445, 0.45), {10: 0.25, 20: 0.25, 30: 0.25, 40: 0.25}),
        # All votes are expected to score 0.406, half of them 0.4436: within 0.01 of the best checkpoint's 0.45.
        ((0.3, 0.43, 0.444, 0.45), {20: 0.2, 30: 0.4, 40: 0.4}),
        ((0.1, 0.2, 0.3, 0.45), {40: 1.0}),
    ],
)
def test_fewer_vote_where_a_merge_is_expected_to_fall_behind_and_at_last_the_best_checkpoint_is_taken(
    means: tuple[float, ...], shares: dict[int, float]
):
    assert elected(with_means(*means)) == shares


def test_of_checkpoints_that_judge_alike_the_latest_is_the_best():
    assert best_alone({1: 0.30, 2: 0.415, 3: 0.40}) == {3: 1.0}
