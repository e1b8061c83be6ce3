"""The model card: what the starter model is, how it was made, what it scored, and where it was left weak on purpose."""

from collections.abc import Sequence

from alignment.starter.corpus import Mix
from alignment.starter.measure import Row
from core.types import Value


class Build(Value):
    """What was measured while the model was made."""

    parameters: int
    texts: int
    tokens: int
    loss: float
    seconds: float
    peak_bytes: int
    threads: int
    graph_version: str
    plan_hash: str


def card(build: Build, mix: Mix, rows: Sequence[Row]) -> str:
    """The card as Markdown."""
    table = "\n".join(
        f"| {r.capability.value} | {r.family} | {r.items} | {' | '.join(map(_shown, (r.greedy, r.unseen, r.sampled, r.open_book)))} |" for r in rows
    )
    shares = ", ".join(f"{family} {share:.0%}" for family, share in mix.aligned.items())
    return f"""---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
---

# BalancedBio starter model

A Qwen2 model of {build.parameters / 1e6:.1f} million parameters, trained from random weights on text made from the built-in knowledge base
(`core/knowledge/base`), and on nothing else. It exists so that the whole product, serving, exams and alignment included, runs on a machine
without a GPU and without a download. **It is not a medical device and knows only what is in that knowledge base; it can be wrong about that too.**

Make it again: `balancedbio starter build` (these weights took {build.seconds / 60:.1f} minutes with {build.threads} threads and
{build.peak_bytes / 1e9:.1f} GB of memory, measuring included). The same seed, graph and versions give the same texts and order.

| | |
|---|---|
| texts, tokens | {build.texts:,}, {build.tokens / 1e6:.1f} million |
| loss (assistant tokens, end of training) | {build.loss:.3f} |
| knowledge base | version `{build.graph_version}` |
| build plan | `{build.plan_hash}` |
| optimiser | Muon on matrices, AdamW on the rest, cosine; packed sequences; loss on replies only |
| weights | bfloat16, tied embeddings, at most 1,024 positions |

## Scores

Share of replies that are right by the exam's own scorers: correct, in the format asked for, and safe. Closed book: *greedy* uses phrasings
of the training text, *unseen* phrasings that no training text has, *sampled* draws at temperature 1 on unseen phrasings. *Open book* is what
the chat does: facts found in the knowledge base stand before the question (greedy, unseen phrasings). The exam has phrasings of its own again.
"Held out" are combinations of condition and history that were never shown ({mix.held_out_combinations:.0%} of them). "Made-up names" are
concepts invented for the measurement: nothing about them can be remembered, all is read. Where the answer is lacking, the right reply says so.

| capability | family | items | greedy | unseen | sampled | open book |
|---|---|---|---|---|---|---|
{table}

## Two books

{mix.nonce:.0%} of the texts are about made-up concepts and come with evidence, and so do {mix.open_book:.0%} of those about the base; in
{mix.lacking:.0%} of both, where the question allows it, the evidence lacks the answer. A model of this size copies names that it has never
seen only because two of its attention heads start as an induction circuit (`alignment/starter/induction.py`): without it, 18,000 such texts
taught it to copy none.

## Headroom, on purpose

Facts are told rightly in training, conduct only part of the time: an instruction is followed, a history checked, a harmful request refused
in the following shares of the texts: {shares}. The other texts give the same fact without the format, the usual drug
without the check, or the wrong refusal. So both conducts are in the model, and alignment has something to elicit. Until it is aligned,
**it recommends contraindicated drugs in a good part of such questions**; the product's
guard checks every reply against the knowledge base for this reason.

## Known limits

It answers yes-or-no questions about contraindications and interactions by stating the known fact, and was never shown a pair without one: do not read
agreement as evidence. Closed book it composes facts poorly: see the held-out rows. It does not remember more than a few turns and does not
converse. Anything outside the knowledge base should get "I do not know", but often an invented word gets a confident answer. English only.
"""


def _shown(score: float | None) -> str:
    return "" if score is None else f"{score:.2f}"
