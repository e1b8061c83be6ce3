"""IFEval's instructions on how a reply begins, ends and is written: combination, start and end, case, punctuation."""

from collections.abc import Callable, Mapping

from evals.scorers.format.arguments import Count, Relation, Text, compare
from evals.scorers.format.language import is_in
from evals.scorers.format.tokens import words


def _two_responses(answer: str) -> bool:
    """Two different replies parted by six asterisks, nothing empty between two dividers."""
    first, *middle, last = parts if len(parts := answer.split("******")) > 1 else (answer, "")
    given = [p.strip() for p in (first, *middle, last) if p.strip()]
    return all(p.strip() for p in middle) and len(given) == 2 and given[0] != given[1]


def _repeat_prompt(answer: str, prompt_to_repeat: Text) -> bool:
    return answer.strip().lower().startswith(prompt_to_repeat.strip().lower())


def _end_checker(answer: str, end_phrase: Text) -> bool:
    return answer.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def _quotation(answer: str) -> bool:
    text = answer.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def _capital_word_frequency(answer: str, capital_frequency: Count, capital_relation: Relation) -> bool:
    return compare(sum(word.isupper() for word in words(answer)), capital_relation, capital_frequency)


def _english_capital(answer: str) -> bool:
    return answer.isupper() and is_in("en", answer)


def _english_lowercase(answer: str) -> bool:
    return answer.islower() and is_in("en", answer)


def _no_comma(answer: str) -> bool:
    return "," not in answer


WORDING: Mapping[str, Callable[..., bool]] = {
    "combination:two_responses": _two_responses,
    "combination:repeat_prompt": _repeat_prompt,
    "startend:end_checker": _end_checker,
    "startend:quotation": _quotation,
    "change_case:capital_word_frequency": _capital_word_frequency,
    "change_case:english_capital": _english_capital,
    "change_case:english_lowercase": _english_lowercase,
    "punctuation:no_comma": _no_comma,
}
