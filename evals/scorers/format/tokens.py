"""Sentences and words as IFEval counts them: NLTK's Punkt and Treebank rules, without Punkt's trained data, which is a download.

Punkt decides at a full stop whether it ends an abbreviation. Trained, it takes abbreviations and how words are written from a corpus; here
both come from the short lists below, with clinical abbreviations among them. docs/decisions/0012-formats.md has the agreement of the two.
"""

from functools import cache
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from nltk.tokenize.destructive import NLTKWordTokenizer
    from nltk.tokenize.punkt import PunktSentenceTokenizer

_ABBREVIATIONS = """
dr mr mrs ms prof st jr sr rev gen col lt sgt capt messrs vs cf ca etc e.g i.e a.m p.m u.s u.k d.c ph.d m.d fig figs al approx dept est inc ltd
co corp bros jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu fri sat sun b.i.d t.i.d q.i.d b.d t.d.s q.d.s o.d p.o p.r.n i.v
i.m s.c p.r p.v n.b r.n d.o.b hx rx dx tx inj tab tabs susp
"""
# Words that, with a capital after an abbreviation, begin a sentence: elsewhere they are written small.
_STARTERS = """
he she it they we you i the a an this that these those there his her its their our your my in on at for from with after before when if as by to of
and but or so yet however also then thus hence while although because since what which who where why how do does did is are was were not no yes
please give take treat use check refer ask call seek start stop consider monitor repeat review avoid return follow see read note most some many
each both all one two
"""


# NLTK counts with the regex library, whose words hold together in scripts with combining marks; those of `re` fall apart.
_WORD = regex.compile(r"\w+")


def word_count(text: str) -> int:
    return len(_WORD.findall(text))


def sentence_count(text: str) -> int:
    return sum(1 for _ in _sentences().span_tokenize(text))


def words(text: str) -> list[str]:
    """Words and marks; each sentence is parted by itself, since only at its end a full stop is a mark of its own."""
    return [word for start, end in _sentences().span_tokenize(text) for word in _words().tokenize(text[start:end])]


@cache
def _sentences() -> "PunktSentenceTokenizer":
    # Loaded when first asked for: NLTK takes a second, and few checks count sentences.
    from nltk.tokenize.punkt import _ORTHO_LC, PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    parameters.abbrev_types |= set(_ABBREVIATIONS.split())
    parameters.sent_starters |= set(_STARTERS.split())
    for word in _STARTERS.split():
        parameters.add_ortho_context(word, _ORTHO_LC)
    return PunktSentenceTokenizer(parameters)


@cache
def _words() -> "NLTKWordTokenizer":
    from nltk.tokenize.destructive import NLTKWordTokenizer

    return NLTKWordTokenizer()
