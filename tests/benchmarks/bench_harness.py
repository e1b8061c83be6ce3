"""Public multiple choice: do we mark as lm-evaluation-harness does, item by item, on the same prompts?

LM_EVAL_PYTHON names the interpreter of an environment that has lm_eval; the questions are those of the public data sets (MMLU's biomedical
validation questions, PubMedQA's expert-labelled ones). A scripted model answers both sides on a real socket: rightly, wrongly, with
punctuation, in sentences, on several lines, not at all.
"""

import asyncio
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.knowledge import builtin
from core.llm import OpenAIChat
from core.settings import ROOT
from core.types import EvalReport
from evals.run import run_suite
from evals.suites import Suite, load_suite
from evals.suites.rows import read_rows
from evals.suites.shapes import SHAPES
from tests.benchmarks.rows import Row
from tests.conftest import SHARED
from tests.scripted_endpoint import serving

SUBJECTS = (
    "anatomy", "clinical_knowledge", "college_biology", "college_medicine", "high_school_biology", "human_aging", "medical_genetics", "nutrition",
    "professional_medicine", "virology",
)  # fmt: skip
FORMS = (
    "{right}", "{right}.", "({right})", " {right} ", "{lower}", "{right}\nbecause it is so", "**{right}**", "{right}\r\nit is",
    "Answer: {right}", "{right}. {text}", "The answer is {right}.", "{right}, {wrong}", "{right}{right}", "- {right}", "\u200b{right}", "\n{right}",
    "{wrong}", "{wrong}.", "({wrong})", "{wrong}\n{right}", "", " ", "I do not know.",
)  # fmt: skip


def rows() -> Iterator[Row]:
    python = os.environ.get("LM_EVAL_PYTHON", "")
    if not python or not SHARED.is_dir():
        yield Row("harness", "marks that differ", float("nan"), "", note="not measured: LM_EVAL_PYTHON or the public data sets are not there")
        return
    with tempfile.TemporaryDirectory() as folder:
        suite = _suite(Path(folder))
        replies = _replies(suite)
        with serving(lambda messages, _: replies[json.dumps([m["content"] for m in messages])]) as endpoint:
            report = asyncio.run(_sit(suite, endpoint.url))
            command = [python, str(ROOT / "tests" / "benchmarks" / "harness_generation.py"), endpoint.url, "m", folder]
            done = subprocess.run(command, env=os.environ | {"OPENAI_API_KEY": "none"}, capture_output=True, text=True, check=True)
    yield from _compared(suite, report, json.loads(done.stdout.strip().splitlines()[-1]))


def _suite(folder: Path) -> Suite:
    """The public questions as a suite of ours, and as rows for the harness beside it."""
    toml = folder / "public.toml"
    mmlu = f'shape = "mmlu"\nsubjects = {json.dumps(SUBJECTS)}\nfile = "{SHARED}/mmlu_biomed/{{subject}}_val.csv"'
    toml.write_text(f'[[part]]\n{mmlu}\n[[part]]\nshape = "pubmedqa"\nfile = "{SHARED}/pubmedqa/ori_pqal_dev.json"\n')
    for subject in SUBJECTS:
        read = [r.fields for r in read_rows(SHARED / "mmlu_biomed" / f"{subject}_val.csv", SHAPES["mmlu"].columns)]
        lines = [{"question": r["question"], "choices": [r[c] for c in "ABCD"], "answer": "ABCD".index(r["answer"])} for r in read]
        _write(folder / f"mmlu_{subject}.jsonl", lines)
    kept = ("QUESTION", "CONTEXTS", "final_decision")
    _write(folder / "pubmedqa.jsonl", [{k: r.fields[k] for k in kept} for r in read_rows(SHARED / "pubmedqa" / "ori_pqal_dev.json")])
    return load_suite(str(toml))


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def _replies(suite: Suite) -> dict[str, str]:
    """By prompt, a reply in a form that the prompt's hash chooses."""
    found = {}
    for item in suite.items:
        right = item.reference.text or ""
        labels = ("yes", "no", "maybe") if right.islower() else tuple("ABCD")
        prompt = json.dumps([m.content for m in item.messages])
        number = int(hashlib.sha256(prompt.encode()).hexdigest(), 16)
        wrong = [label for label in labels if label != right][number % (len(labels) - 1)]
        found[prompt] = FORMS[number % len(FORMS)].format(right=right, lower=right.lower(), wrong=wrong, text="as it is")
    return found


async def _sit(suite: Suite, url: str) -> EvalReport:
    chat = OpenAIChat(url)
    try:
        return await run_suite(suite, chat, "m", builtin())
    finally:
        await chat.close()


def _compared(suite: Suite, report: EvalReport, theirs: dict[str, list[Any]]) -> Iterator[Row]:
    marks = {json.dumps([m["content"] for m in prompt]): right for rows in theirs.values() for prompt, right in rows}
    by_family: dict[str, list[tuple[float | None, float | None]]] = {}
    for item, result in zip(suite.items, report.items, strict=True):
        same = marks.get(json.dumps([m.content for m in item.messages]))
        by_family.setdefault(item.family.split()[0], []).append((result.correct, same))
    for family, pairs in by_family.items():
        missing, differ = sum(t is None for _, t in pairs), sum(o != t for o, t in pairs)
        ours, its = sum(o == 1.0 for o, _ in pairs), sum(t == 1.0 for _, t in pairs)
        note = f"{ours} right by ours, {its} by the harness; {missing} prompts that it does not ask"
        yield Row("harness", f"{family}, generative: items marked otherwise than by lm-evaluation-harness", differ, f"of {len(pairs)}", "0", differ == 0, note)
