"""Counting operators: what counts, how often, and in which phase of a step."""

from __future__ import annotations

import torch
from torch import nn

from easyphoto.architectures.registry import FAMILIES
from easyphoto.bench.operators import OperatorLedger, count_step, launches


def counted(work) -> dict[str, int]:
    ledger = OperatorLedger()
    with ledger:
        work()
    return {name: count for names in ledger.phases().values() for name, count in names.items()}


def test_views_and_allocations_do_not_count_and_casts_do():
    x = torch.ones(4, 4)

    found = counted(lambda: x.t().reshape(2, 8)[0].detach().expand(3, 8).half() + torch.empty(8))

    assert found == {"aten::clone": 1, "aten::_to_copy": 1, "aten::add": 1}


def test_what_is_inside_an_operator_that_is_not_aten_s_counts_in_its_place():
    @torch.library.custom_op("easyphoto_test::doubled_relu", mutates_args=())
    def doubled_relu(x: torch.Tensor) -> torch.Tensor:
        return (x * 2).relu()

    assert counted(lambda: doubled_relu(torch.ones(3))) == {"aten::ones": 1, "aten::mul": 1, "aten::relu": 1}


def test_what_an_autograd_function_computes_counts():
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = torch.ones(3, requires_grad=True)

    assert counted(lambda: Scaled.apply(x)) == {"aten::mul": 1}


def test_a_multi_tensor_operator_counts_as_the_launches_that_its_kernel_needs():
    small, large = [torch.ones(2)] * 130, [torch.ones(65536 * 400)]

    assert launches("aten::_foreach_mul_", (small, 2.0)) == 2
    assert launches("aten::_foreach_mul", (small, 2.0)) == 3
    assert launches("aten::_foreach_addcdiv_", (small, small, small)) == 3
    assert launches("aten::_foreach_mul_", (large, 2.0)) == 2
    assert launches("aten::_fused_adamw_", (small, small, small, small, [], [])) == 4
    assert launches("aten::mul", (torch.ones(2), 2.0)) == 1


def test_the_backward_pass_is_told_from_what_is_before_and_after_it():
    layer, ledger = nn.Linear(2, 2, bias=False), OperatorLedger()

    with ledger:
        layer(torch.ones(1, 2)).sum().backward()
        layer.weight.grad.mul_(2)

    phases = {phase: sum(names.values()) for phase, names in ledger.phases().items()}
    assert phases == {"text encoder": 0, "UNet forward": 0, "loss": 4, "backward": 1, "update": 1}


def test_a_value_that_the_host_reads_is_counted_apart():
    ledger, x = OperatorLedger(), torch.ones(())

    with ledger:
        float(x)

    assert (ledger.reads, ledger.phases()["loss"].total()) == (1, 0)


def test_a_step_of_the_miniature_is_counted_in_every_phase():
    found = count_step(FAMILIES.default, batch=2)

    record = found.record()
    assert min(record["phases"].values()) > 0
    assert record["operators"] == sum(record["phases"].values()) == sum(record["names"].values())
    assert record["phases"]["backward"] > record["phases"]["UNet forward"] > record["phases"]["text encoder"]
