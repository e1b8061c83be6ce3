"""Format checks: agreement with lm-evaluation-harness's own IFEval checkers, sentence counts against trained Punkt, and speed.

The comparison needs `lm_eval` (or its folder `lm_eval/tasks/ifeval`) on the path and the public IFEval prompts; it is skipped with a note
where either is absent. Both sides get the same sentence splitter and language seed: the harness's splitter needs a download, and it sets no seed.
"""

import importlib
import json
import logging
import random
import string
import time
from collections import Counter
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from core.types import Check
from evals.scorers.format import loose, passes, strict
from evals.scorers.format.ifeval import checks
from evals.scorers.format.tokens import sentence_count, words
from tests.benchmarks.rows import Row
from tests.conftest import SHARED

_BENCH = "formats"
_PARTS = (
    "The usual treatment is amoxicillin.",
    "Is it gout? No!",
    "e.g. 2.5 mg b.i.d. with food",
    "Dr. Smith saw Mrs. Jones at 5 p.m. She left.",
    "* item one",
    "*",
    "**",
    "***",
    "******",
    "- item two",
    "  * *emphasis* and **bold** text",
    "[name] lives at [address]",
    "[[",
    "]]",
    "<<A title>>",
    "<<>>",
    "<< >",
    "P.S. more",
    "p. s. more",
    "P.P.S and more",
    "PPS more",
    "Section 1",
    "SECTION 2",
    "Day 3",
    "Audience 1",
    '"quoted"',
    '"',
    "```json",
    '{"a": 1}',
    "```",
    "[1, 2]",
    "My answer is yes.",
    "My answer is no",
    "HELLO WORLD",
    "ALL CAPS HERE, I'LL SAY.",
    "all small letters here, and more of them",
    "a, b, c",
    "",
    " ",
    "\t",
    "\u2028",
    "\r",
    "Él está en la casa y no quiere salir",
    "Това е текст на български език",
    "هذا نص باللغة العربية",
    "ਇਹ ਪੰਜਾਬੀ ਵਿੱਚ ਹੈ",
    "हे मराठी आहे आणि ते चांगले आहे",
    "1. first",
    "2) second",
    "don't can't O'Brien's",
    "U.S. policy. The end",
    "…",
    "A.B.C. Then",
    "İstanbul ſtraße K",
    "12345",
    "x" * 300,
)


def rows() -> Iterator[Row]:
    prompts = SHARED / "ifeval" / "input_data.jsonl"
    if prompts.is_file():
        items = [json.loads(line) for line in prompts.read_text(encoding="utf-8").splitlines()]
        yield from _agreement(items)
    else:
        yield Row(_BENCH, "agreement with lm-evaluation-harness", 0, "verdicts", note="the IFEval prompts are not there")
    yield from _speed()


def _agreement(items: list[dict[str, Any]]) -> Iterator[Row]:
    try:
        theirs = importlib.import_module("lm_eval.tasks.ifeval.utils")
    except ImportError as absent:
        yield Row(_BENCH, "agreement with lm-evaluation-harness", 0, "verdicts", note=f"not compared: {absent}")
        return
    trained = _trained_punkt()
    _same_ground(theirs)
    yield _compared("verdicts that differ from lm-evaluation-harness", items, theirs)
    yield _compared("the same, arguments drawn at random", list(_drawn(random.Random(7), 40)), theirs)
    if trained is None:
        yield Row(_BENCH, "sentence counts as trained Punkt", 0, "texts", note="Punkt's English data is not there")
        return
    texts = [reply for item in items for reply in (item["prompt"], *replies(item, random.Random(item["key"])))]
    same = sum(sentence_count(text) == len(trained.tokenize(text)) for text in texts)
    yield Row(_BENCH, "sentence counts as trained Punkt", 100 * same / len(texts), "%", note=f"{len(texts):,} prompts and replies built to be hard")


def _compared(measure: str, items: list[dict[str, Any]], theirs: ModuleType) -> Row:
    compared: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    for item in items:
        asked = checks(item["instruction_id_list"], item["kwargs"])
        example = theirs.InputExample(item["key"], item["instruction_id_list"], item["prompt"], item["kwargs"])
        for reply in replies(item, random.Random(item["key"])):
            for ours, judge in ((strict, theirs.test_instruction_following_strict), (loose, theirs.test_instruction_following_loose)):
                for check, they_say in zip(asked, judge(example, reply).follow_instruction_list, strict=True):
                    verdict = ours(check, reply)
                    compared["all"] += 1
                    compared["yes"] += verdict
                    differing[check.kind] += verdict != they_say
    wrong = sum(differing.values())
    kinds = ", ".join(f"{kind}: {n}" for kind, n in differing.most_common() if n)
    note = f"{len(items)} prompts, {len(differing)} types, {compared['yes'] / compared['all']:.0%} of verdicts yes" + (f"; differ: {kinds}" if kinds else "")
    return Row(_BENCH, measure, wrong, f"of {compared['all']:,}", "0", wrong == 0, note)


def _drawn(rng: random.Random, times: int) -> Iterator[dict[str, Any]]:
    """Every instruction type with arguments of its own, as prompts."""
    words = ("item", "the", "Smith", "it", "food", "k", "x", "answer is", "o'brien")
    for number in range(times):
        few, relation = rng.randint(1, 6), rng.choice(("less than", "at least"))
        arguments: dict[str, dict[str, Any]] = {
            "keywords:existence": {"keywords": rng.sample(words, 2)},
            "keywords:frequency": {"keyword": rng.choice(words), "frequency": few, "relation": relation},
            "keywords:forbidden_words": {"forbidden_words": rng.sample(words, 2)},
            "keywords:letter_frequency": {"letter": rng.choice(string.ascii_letters), "let_frequency": few, "let_relation": relation},
            "language:response_language": {"language": rng.choice(("en", "es", "bg", "ar", "pa", "mr", "de"))},
            "length_constraints:number_sentences": {"num_sentences": few, "relation": relation},
            "length_constraints:number_words": {"num_words": few * 8, "relation": relation},
            "length_constraints:number_paragraphs": {"num_paragraphs": few},
            "length_constraints:nth_paragraph_first_word": {"num_paragraphs": few, "nth_paragraph": rng.randint(1, few), "first_word": rng.choice(words)},
            "detectable_content:number_placeholders": {"num_placeholders": few},
            "detectable_content:postscript": {"postscript_marker": rng.choice(("P.S.", "P.P.S", "PPS"))},
            "detectable_format:number_bullet_lists": {"num_bullets": few},
            "detectable_format:constrained_response": {},
            "detectable_format:number_highlighted_sections": {"num_highlights": few},
            "detectable_format:multiple_sections": {
                "section_spliter": rng.choice(("Section", "SECTION", "Day", "Audience")),
                "num_sections": rng.randint(1, 3),
            },
            "detectable_format:json_format": {},
            "detectable_format:title": {},
            "combination:two_responses": {},
            "combination:repeat_prompt": {"prompt_to_repeat": rng.choice(("Is it gout? No!", "* item one", "The usual treatment"))},
            "startend:end_checker": {"end_phrase": rng.choice(("all small letters here, and more of them", '"', "Is it gout? No!"))},
            "startend:quotation": {},
            "change_case:capital_word_frequency": {"capital_frequency": few, "capital_relation": relation},
            "change_case:english_capital": {},
            "change_case:english_lowercase": {},
            "punctuation:no_comma": {},
        }
        for place, (kind, args) in enumerate(arguments.items()):
            yield {"key": number * 100 + place, "prompt": "Do it.", "instruction_id_list": [kind], "kwargs": [args]}


def _same_ground(theirs: ModuleType) -> None:
    logging.getLogger("lm_eval.tasks.ifeval.instructions").setLevel(logging.CRITICAL)  # it logs each text whose language it cannot tell
    langdetect = importlib.import_module("langdetect")
    langdetect.DetectorFactory.seed = 0
    util = importlib.import_module("lm_eval.tasks.ifeval.instructions_util")
    util.count_sentences = sentence_count
    util.nltk.word_tokenize = words


def _trained_punkt() -> Any:
    nltk = importlib.import_module("nltk")
    try:
        return nltk.tokenize.PunktTokenizer("english")
    except LookupError:
        return None


def replies(item: dict[str, Any], rng: random.Random) -> Iterator[str]:
    """Twenty replies to a prompt: empty, careless, built to follow it, and spoilt copies of those."""
    yield from ("", " \n\t", item["prompt"], item["prompt"].upper(), "".join(rng.choices(string.printable, k=200)))
    followed = _following(item, rng)
    yield followed
    yield followed.upper()
    yield followed.lower()
    yield f"Sure, here it is:\n{followed}\nI hope that helps."
    yield f"*{followed}*"
    for _ in range(5):
        yield rng.choice(("\n", "\n\n", " ")).join(rng.choices(_PARTS, k=rng.randint(1, 14)))
    for _ in range(5):
        at = rng.randrange(len(followed) + 1)
        yield followed[:at] + rng.choice(_PARTS) + followed[min(len(followed), at + rng.randint(0, 8)) :]


def _following(item: dict[str, Any], rng: random.Random) -> str:
    """A text that does what the prompt asks, as far as simple means go."""
    text = "The patient was seen today and the plan was discussed. "
    for kind, args in zip(item["instruction_id_list"], item["kwargs"], strict=True):
        text = _follow(text, kind, {k: v for k, v in args.items() if v is not None}, rng)
    return text


def _follow(text: str, kind: str, args: dict[str, Any], rng: random.Random) -> str:
    few = rng.choice((-1, 0, 0, 1))
    more = "at least" in args.values()
    match kind.split(":")[1]:
        case "existence":
            return text + " ".join(args["keywords"])
        case "frequency":
            return text + f" {args['keyword']}" * (args["frequency"] + few if more else max(0, args["frequency"] - 1 + few))
        case "letter_frequency":
            return text + f" {args['letter']}" * (args["let_frequency"] + few if more else 0)
        case "number_words":
            return text + "word " * (args["num_words"] + few - 10)
        case "number_sentences":
            return "It is so. " * (args["num_sentences"] + few - (not more)) + text.strip()
        case "number_paragraphs":
            return "\n***\n".join([text] * (args["num_paragraphs"] + few))
        case "nth_paragraph_first_word":
            parts = [text] * (args["num_paragraphs"] + few)
            return "\n\n".join([f"{args['first_word']} {p}" if n == args["nth_paragraph"] - 1 else p for n, p in enumerate(parts)])
        case "number_placeholders":
            return text + " [x]" * (args["num_placeholders"] + few)
        case "postscript":
            return f"{text}\n\n{args['postscript_marker']} more."
        case "number_bullet_lists":
            return text + "".join(f"\n{rng.choice('*-')} point {n}" for n in range(args["num_bullets"] + few))
        case "constrained_response":
            return "My answer is maybe."
        case "number_highlighted_sections":
            return text + " *part*" * (args["num_highlights"] + few)
        case "multiple_sections":
            return "".join(f"{args['section_spliter']} {n}\n{text}\n" for n in range(args["num_sections"] + few))
        case "json_format":
            return f"```json\n{json.dumps({'text': text})}\n```"
        case "title":
            return f"<<The plan>>\n{text}"
        case "two_responses":
            return f"{text}\n******\nAnother {text}"
        case "repeat_prompt":
            return f"{args['prompt_to_repeat']}\n{text}"
        case "end_checker":
            return f"{text} {args['end_phrase']}"
        case "quotation":
            return f'"{text}"'
        case "capital_word_frequency":
            return text + " WORD" * (args["capital_frequency"] + few)
        case "english_capital":
            return text.upper()
        case "english_lowercase":
            return text.lower()
        case "no_comma":
            return text.replace(",", "")
        case _:
            return text


def _speed() -> Iterator[Row]:
    text = " ".join(("The first-line treatment of gout is naproxen, as a rule.",) * 4)
    for kind, args in {"punctuation:no_comma": {}, "length_constraints:number_sentences": {"num_sentences": 4, "relation": "at least"}}.items():
        check = Check(kind=kind, args=args)
        passes(check, text)
        started = time.perf_counter()
        for _ in range(2_000):
            passes(check, text)
        yield Row(_BENCH, f"one {kind}", (time.perf_counter() - started) / 2_000 * 1e6, "us", note="40 words")
    started = time.perf_counter()
    for n in range(50):
        passes(Check(kind="language:response_language", args={"language": "en"}), f"{text} {n}")
    yield Row(_BENCH, "one language:response_language", (time.perf_counter() - started) / 50 * 1e3, "ms", note="40 words, not seen before")
