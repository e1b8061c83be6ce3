"""lm-evaluation-harness's own pipeline on its generative form of MMLU, and on the same form of its PubMedQA: prompts, requests, filters, metric.

Run by `bench_harness` with the interpreter of an environment that has lm_eval: `python harness_generation.py URL MODEL ROWS`, where ROWS is
a folder of `mmlu_SUBJECT.jsonl` (question, choices, answer) and `pubmedqa.jsonl`. Prints one line of JSON: by task, the prompt of every
document and whether it was marked right. The harness has no generative PubMedQA: its prompt and its answers are taken, and MMLU's filters.
"""

import json
import logging
import sys
from pathlib import Path

import lm_eval
import yaml
from lm_eval.tasks.pubmedqa.preprocess_pubmedqa import doc_to_text as pubmedqa_prompt

URL, MODEL, ROWS = sys.argv[1], sys.argv[2], Path(sys.argv[3])
GENERATIVE = Path(lm_eval.__file__).parent / "tasks" / "mmlu" / "generative"
logging.disable(logging.WARNING)


def task(name: str, **more: object) -> dict:
    shape = yaml.safe_load((GENERATIVE / "_default_template_yaml").read_text())
    shape.pop("fewshot_split"), shape.pop("fewshot_config")
    data = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(ROWS / f"{name}.jsonl")}}}
    return shape | data | {"task": name, "num_fewshot": 0} | more


def described(subject: str) -> str:
    lines = (GENERATIVE / f"mmlu_{subject}.yaml").read_text()
    return str(yaml.safe_load(lines.replace("!function", ""))["description"])


mmlu = [task(f.stem, description=described(f.stem.removeprefix("mmlu_"))) for f in sorted(ROWS.glob("mmlu_*.jsonl"))]
pubmedqa = task("pubmedqa", doc_to_text=pubmedqa_prompt, doc_to_target="{{final_decision}}")
found = lm_eval.simple_evaluate(
    model="local-chat-completions",
    model_args={"model": MODEL, "base_url": f"{URL}/chat/completions", "num_concurrent": 8, "tokenizer_backend": None},
    tasks=[*mmlu, pubmedqa],
    apply_chat_template=True,
    log_samples=True,
    bootstrap_iters=0,
)


def prompt_of(sample: dict) -> list:
    """The messages, which the harness keeps as JSON in a tuple of one."""
    (asked,) = sample["arguments"][0][0]
    return list(json.loads(asked))


print(json.dumps({name: [[prompt_of(s), s["exact_match"]] for s in samples] for name, samples in found["samples"].items()}))
