"""The language of a text, by langdetect: the library that IFEval defines its verdict by, seeded so that the verdict never changes."""

import os
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Annotated

import langdetect
from langdetect.detector_factory import DetectorFactory
from pydantic import AfterValidator

from evals.scorers.format.arguments import Text


def _known(code: str) -> str:
    if code not in os.listdir(langdetect.PROFILES_DIRECTORY):
        raise ValueError(f"{code!r} is no language that can be detected")
    return code


Language = Annotated[Text, AfterValidator(cache(_known))]


def is_in(code: str, text: str) -> bool:
    """Whether `text` is in the language; a text without letters to tell it by is in any."""
    found = _detected(text)
    return found is None or found == code


@lru_cache(maxsize=20_000)
def _detected(text: str) -> str | None:
    """Cached: a detection takes milliseconds, and the same reply is asked about by several checks."""
    detector = _factory().create()
    detector.append(text)
    try:
        return str(detector.detect())
    except langdetect.LangDetectException:
        return None


@cache
def _factory() -> DetectorFactory:
    """A factory of our own: the library's is shared by the whole process, and so is its seed. Loading takes half a second."""
    factory = DetectorFactory()
    factory.load_profile(langdetect.PROFILES_DIRECTORY)
    factory.set_seed(0)
    return factory


def _response_language(answer: str, language: Language) -> bool:
    return is_in(language, answer)


LANGUAGE: Mapping[str, Callable[..., bool]] = {"language:response_language": _response_language}
