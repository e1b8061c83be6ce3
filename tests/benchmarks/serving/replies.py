"""What the mock model says: replies of nine sentences, with claims and citations for the gateway to check, cut into tokens.

Each request has a number that stands in its question and in its reply: what the gateway remembers of one reply does not help with the next.
"""

import re
from typing import NamedTuple

FIRST_TOKEN_SECONDS = 0.040
TOKEN_SECONDS = 0.025
"""40 tokens a second for each stream, as many as a 7B model gives each of dozens on one GPU."""
_TOKEN = re.compile(r"\s?[^\s]{1,6}")
"""About what a tokenizer of English makes of it: a space begins a token, and a long word is several."""
_SENTENCE_END = re.compile(r"[.!?;]\s+")


_NUMBER = re.compile(r" Case ([0-9]+)\.")


class Exchange(NamedTuple):
    question: str
    reply: str

    def numbered(self, number: int) -> "Exchange":
        return Exchange(f"{self.question} Case {number}.", f"In case {number}: {self.reply}")

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(_TOKEN.findall(self.reply))

    @property
    def first_sentence(self) -> int:
        """The number of the token with which the first sentence is known to have ended."""
        text = ""
        for number, token in enumerate(self.tokens):
            text += token
            if first_sentence_is_whole(text):
                return number
        raise ValueError(f"one sentence only: {self.reply}")


def due(token: int) -> float:
    """Seconds after a request at which its token of this number leaves the model."""
    return FIRST_TOKEN_SECONDS + TOKEN_SECONDS * token


def first_sentence_is_whole(text: str) -> bool:
    """Whether `text` holds a sentence that is known to have ended, as the guard knows it: a full stop alone may stand in a number."""
    return _SENTENCE_END.search(text) is not None


EXCHANGES = (
    Exchange(
        "What is the first-line treatment of gout?",
        "Gout is treated first with naproxen [1]. Colchicine is an alternative where naproxen is not tolerated. "
        "Start within a day of the first symptom and stop when the joint has been calm for two days. Rest and cool the joint meanwhile. "
        "Ask about kidney disease and about ulcers before you choose. Measure the urate again two weeks after the attack. "
        "Allopurinol prevents further attacks, and it is begun when the joint is calm again. Advise on alcohol, weight and sugared drinks. "
        "A hot joint with a fever is an infection until the fluid has been looked at.",
    ),
    Exchange(
        "Which investigation confirms asthma?",
        "Spirometry confirms asthma [1]. The obstruction is reversible after a bronchodilator. "
        "Wheeze and cough at night are typical symptoms. Peak flow at home, twice a day for two weeks, is an alternative where spirometry is normal. "
        "A normal chest x-ray does not exclude it. Review the inhaler technique at every visit. "
        "Ask about the work place, about pets and about smoke at home. Write down a plan for attacks together with the patient. "
        "Think of other causes when the cough is wet, when weight is lost or when there is blood.",
    ),
    Exchange(
        "A 60-year-old man has type 2 diabetes. What do you start with?",
        "Metformin is the first-line treatment of type 2 diabetes [1]. Check the kidney function first and again once a year. "
        "Begin with a low dose with meals, since it may upset the stomach. Advise on diet and exercise as well. "
        "Measure HbA1c after three months. Add a second drug when the target is missed. "
        "Look at the feet, at the eyes and at the urine for albumin once a year. Ask about chest pain and about breath on the stairs. "
        "Treat high blood pressure too, because it does as much harm as the sugar.",
    ),
    Exchange(
        "What are the symptoms of pneumonia?",
        "Cough and fever are symptoms of pneumonia [1]. Breathlessness and pain on breathing in are common too. "
        "Older people may only be confused. A chest x-ray confirms it. Count the breaths and measure the oxygen saturation. "
        "Send the patient to hospital when the pressure is low or the saturation falls. Review after two days in any case. "
        "The cough may last for weeks after everything else is well again. "
        "Smokers over fifty get a second picture after six weeks, so that nothing behind the shadow is missed.",
    ),
    Exchange(
        "How is migraine treated in an adult without other diseases?",
        "Ibuprofen early in the attack is a reasonable first step. A triptan is the next one, and it works best while the pain is mild. "
        "Rest in a dark room helps many people. Keep a diary of attacks and of what came before them. "
        "Prevention is worth a talk when there are four or more days a month. Too many tablets make headaches of their own. "
        "Ask about an aura before you prescribe the pill. Sleep and meals at regular hours help more than one would think. "
        "A sudden and severe first headache is another matter, and it is looked at in hospital on the same day.",
    ),
)


def answer_to(content: str) -> Exchange:
    """By the question and its number, which the gateway may have put after its evidence."""
    found = _NUMBER.search(content)
    assert found is not None, f"not a question of this benchmark: {content[:200]!r}"
    return next(e for e in EXCHANGES if e.question in content).numbered(int(found[1]))
