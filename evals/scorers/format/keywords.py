"""IFEval's keyword instructions. A keyword is a word, not a pattern: "C. difficile (toxin)" is looked for as it is written."""

import re
from collections.abc import Callable, Mapping

from evals.scorers.format.arguments import Count, Letter, Relation, Text, Texts, compare


def _existence(answer: str, keywords: Texts) -> bool:
    """Each of the words occurs, in any case, also inside of a longer one."""
    return all(re.search(re.escape(k), answer, re.I) for k in keywords)


def _frequency(answer: str, keyword: Text, frequency: Count, relation: Relation) -> bool:
    return compare(len(re.findall(re.escape(keyword.strip()), answer, re.I)), relation, frequency)


def _forbidden_words(answer: str, forbidden_words: Texts) -> bool:
    """None of the words occurs as a whole word."""
    return not any(re.search(rf"(?<!\w){re.escape(w)}(?!\w)", answer, re.I) for w in forbidden_words)


def _letter_frequency(answer: str, letter: Letter, let_frequency: Count, let_relation: Relation) -> bool:
    return compare(answer.lower().count(letter.lower()), let_relation, let_frequency)


KEYWORDS: Mapping[str, Callable[..., bool]] = {
    "keywords:existence": _existence,
    "keywords:frequency": _frequency,
    "keywords:forbidden_words": _forbidden_words,
    "keywords:letter_frequency": _letter_frequency,
}
