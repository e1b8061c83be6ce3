"""Several processes make the same step as one. Children are forked: importing everything anew would cost more than the test."""

import contextlib
import multiprocessing
import os
import queue
import socket
import zlib
from functools import partial

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

STRATEGIES = ("balanced", "exact", "gdpo")


def scripted(rank, prompt_ids, images, fields, num_generations, **_):
    """Replies that depend on the prompt and the place in its group alone, whichever process asks; a group may lie in two processes."""
    replies = []
    for i, ids in enumerate(prompt_ids, start=rank * len(prompt_ids)):
        random = np.random.default_rng([zlib.crc32(str(list(ids)).encode()), i % num_generations])
        replies.append([int(t) for t in random.integers(4, 300, size=int(random.integers(3, 12)))])
    return replies, None


class Gradients(TrainerCallback):
    """What the optimizer is given in the first step."""

    def on_pre_optimizer_step(self, args, state, control, model=None, **_):
        if state.global_step == 0:
            self.first = np.concatenate([p.grad.numpy().ravel().copy() for p in model.parameters() if p.requires_grad])


def train(rank, processes, port, make, results):
    from accelerate.state import AcceleratorState, GradientState, PartialState

    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    if processes > 1:
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        # Where the number of threads is not said, accelerate warns, and a warning is an error here.
        os.environ |= {name: str(value) for name, value in place.items()} | {"OMP_NUM_THREADS": "1"}
    torch.set_num_threads(1)
    found = {}
    for strategy in STRATEGIES:
        # Two and a half or three prompts for each process, in micro-batches, so that one of them runs out of rows before the other. A small learning rate,
        # since Adam makes up to a whole one of the rounding in a gradient near zero.
        trainer = make(f"{strategy}-{processes}", strategy=strategy, steps=2, micro_batch=3, kl_budget=1e-4, weight_rate=0.5, learning_rate=1e-4)
        trainer._generate_single_turn = partial(scripted, rank)
        gradients = Gradients()
        trainer.add_callback(gradients)
        trainer.train()
        weights = {name: p.detach().numpy().copy() for name, p in trainer.model.named_parameters() if p.requires_grad}
        found[strategy] = (weights, gradients.first, trainer.report, sorted(p.name for p in trainer._kept.iterdir()), trainer.accelerator.num_processes)
    results.put((rank, found))
    if processes > 1:
        PartialState().destroy_process_group()


def run(processes, make):
    context = multiprocessing.get_context("fork")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    results = context.Queue()
    children = [context.Process(target=train, args=(rank, processes, port, make, results)) for rank in range(processes)]
    for child in children:
        child.start()
    found = {}
    while len(found) < processes:
        assert all(child.exitcode in (None, 0) for child in children), "a process has failed; its traceback is above"
        with contextlib.suppress(queue.Empty):
            rank, what = results.get(timeout=0.5)
            found[rank] = what
    for child in children:
        child.join(timeout=60)
    return found


@pytest.fixture
def one_and_two(make_trainer):
    return run(1, make_trainer)[0], run(2, make_trainer)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forking a process that has threads
def test_two_processes_end_where_one_does_and_tell_the_same(one_and_two):
    one, two = one_and_two
    for strategy in STRATEGIES:
        weights, gradients, report, kept, processes = one[strategy]
        assert processes == 1
        for rank in (0, 1):
            same_weights, same_gradients, same_report, same_kept, others = two[rank][strategy]
            assert others == 2
            assert same_kept == kept
            assert np.linalg.norm(same_gradients - gradients) <= 1e-5 * np.linalg.norm(gradients)
            for name, expected in weights.items():
                assert np.abs(same_weights[name] - expected).max() <= 1e-5, (strategy, rank, name)
            for key in ("rewards", "weights", "multipliers", "betas", "kl_by_capability", "capability_weights"):
                assert same_report[key] == pytest.approx(report[key], abs=1e-4), (strategy, key)
            if strategy != "gdpo":
                assert same_report["gradient_norms"] == pytest.approx(report["gradient_norms"], rel=1e-4)
    assert any(v > 0 for v in one["balanced"][2]["multipliers"].values()) or one["balanced"][2]["conflict_rate"] > 0
