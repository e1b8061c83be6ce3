import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from alignment.grpo.batch import Batch
from alignment.grpo.objectives import objectives_of
from alignment.grpo.passes import Pass, passes, rows_of_pass, weighted_passes
from core.types import Capability
from tests.alignment.grpo.conftest import make_sample


@given(st.lists(st.booleans(), min_size=4, max_size=24), st.integers(1, 5), st.sampled_from([1, 2, 4]))
def test_processes_make_equally_many_passes_that_visit_every_row_once(chosen, micro_batch, processes):
    chosen_N = np.array(chosen[: len(chosen) // processes * processes])
    share = len(chosen_N) // processes
    by_process = [passes("domain", chosen_N, micro_batch, rank, processes) for rank in range(processes)]
    assert len({len(found) for found in by_process}) == 1
    assert sorted(r for one in by_process[0] for r in one.rows) == np.flatnonzero(chosen_N).tolist()
    for rank, found in enumerate(by_process):
        assert [r for one in found for r in one.mine] == np.flatnonzero(chosen_N[rank * share : (rank + 1) * share]).tolist()
        assert all(len(one.mine) <= one.size <= micro_batch and one.size >= 1 for one in found)
        assert [one.size for one in found] == [one.size for one in by_process[0]]
        assert all((one.rows == other.rows).all() for one, other in zip(found, by_process[0], strict=True))


def batch_of(*samples):
    values = np.tile([[1.0], [0.0]], (len(samples), 1))
    objectives = objectives_of(samples, "capability", lambda _: {"correctness": 1.0})
    return Batch(values, samples, objectives, ["correctness"], lambda _: {"correctness": 1.0}, "components")


def test_every_part_that_the_coefficients_weigh_has_a_pass_and_an_anchor_is_a_part_of_its_own():
    batch = batch_of(make_sample(Capability.DOMAIN, 1), make_sample(Capability.DOMAIN, 2), make_sample(Capability.SAFETY, 3, "anchor"))
    assert batch.names == ["anchor:safety", "domain"]
    for coefficients, expected in (((0.5, 1.0), {"anchor:safety": 0.5, "domain": 1.0}), ((0.0, 1.0), {"domain": 1.0})):
        planned = weighted_passes(batch, np.array(coefficients), lambda part, chosen: passes(part, chosen, 64, 0, 1))
        assert {p.one.part: p.share for p in planned} == expected


def rows(n=3):
    return {
        "prompt_ids": torch.arange(4).repeat(n, 1),
        "prompt_mask": torch.tensor([[0, 0, 1, 1]] * n),
        "completion_ids": torch.arange(5).repeat(n, 1),
        "completion_mask": torch.tensor([[1] * i + [0] * (5 - i) for i in range(1, n + 1)]),
        "ref_per_token_logps": torch.zeros(n, 5),
        "importance_sampling_ratio": torch.ones(n, 1),
        "num_items_in_batch": torch.tensor(7),
    }


def test_columns_of_padding_alone_are_cut():
    part = rows_of_pass(rows(), Pass("domain", np.array([1, 0]), np.array([1, 0]), 2), np.array([0.5, -0.5]))
    assert part["prompt_ids"].tolist() == [[2, 3]] * 2
    assert part["completion_mask"].tolist() == [[1, 1], [1, 0]]
    assert part["ref_per_token_logps"].shape == (2, 2)
    assert part["importance_sampling_ratio"].shape == (2, 1)  # one for each reply, not for each token
    assert part["advantages"].tolist() == [0.5, -0.5]
    assert "num_items_in_batch" not in part


def test_a_pass_that_counts_nothing_keeps_columns_to_mask():
    part = rows_of_pass(rows(), Pass("domain", np.array([7]), np.zeros(0, dtype=np.int64), 1), np.zeros(0))
    assert part["completion_mask"].tolist() == [[0, 0]]


def test_rows_that_fill_a_pass_up_count_nothing():
    whole = rows()
    part = rows_of_pass(whole, Pass("domain", np.array([1, 7, 8]), np.array([1]), 2), np.array([0.5]))
    assert part["completion_mask"].tolist() == [[1, 1], [0, 0]]
    assert part["advantages"].tolist() == [0.5, 0.0]
    assert torch.equal(whole["completion_mask"], rows()["completion_mask"])
