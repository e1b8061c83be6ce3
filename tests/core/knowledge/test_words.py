"""Which written words are the same word, and which must not become one."""

import pytest

from core.knowledge.words import singulars, spelled


@pytest.mark.parametrize(
    ("british", "american"),
    [
        ("oedema", "edema"), ("Anaemia", "anemia"), ("haemorrhage", "hemorrhage"),
        ("diarrhoea", "diarrhea"), ("oesophageal", "esophageal"), ("paediatric", "pediatric"),
        ("tumour", "tumor"), ("behavioural", "behavioral"), ("generalised", "generalized"),
        ("immunisation", "immunization"), ("foetal", "fetal"), ("caesarean", "cesarean"),
        ("leucocyte", "leukocyte"), ("goitre", "goiter"), ("gynaecological", "gynecological"),
        ("sulphate", "sulfate"), ("Sjögren", "Sjogren"), ("Crohn’s", "crohn"),
        ("me\u0301nie\u0300re's", "meniere"), ("gastrooesophageal", "gastroesophageal"), ("dyspnoea", "dyspnea"), ("coeliac", "celiac"),
    ],
)  # fmt: skip
def test_spellings_of_one_word(british: str, american: str) -> None:
    assert spelled(british) == spelled(american)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hour", "hor"),
        ("four", "for"),
        ("does", "des"),
        ("mourning", "morning"),
        ("ileum", "ilium"),
        ("disease", "dizeaze"),
        ("toe", "te"),
        ("source", "sorce"),
        ("ureter", "urethra"),
    ],
)
def test_other_words_stay_apart(one: str, other: str) -> None:
    assert spelled(one) != spelled(other)


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("fevers", "fever"), ("abscesses", "abscess"), ("biopsies", "biopsy"),
        ("diagnoses", "diagnosis"), ("doses", "dose"), ("metastases", "metastasis"), ("viruses", "virus"),
        ("arthritides", "arthritis"), ("carcinomata", "carcinoma"), ("bronchi", "bronchus"),
        ("bacteria", "bacterium"), ("diverticula", "diverticulum"), ("vertebrae", "vertebra"),
        ("phalanges", "phalanx"), ("appendices", "appendix"), ("cortices", "cortex"),
        ("feet", "foot"), ("scarves", "scarf"), ("ganglia", "ganglion"), ("reflexes", "reflex"),
    ],
)  # fmt: skip
def test_a_plural_proposes_its_singular(plural: str, singular: str) -> None:
    assert singular in singulars(plural)


@pytest.mark.parametrize("word", ["virus", "diagnosis", "abscess", "gas", "pus", "has", "angina", "fever"])
def test_what_is_no_plural_proposes_no_word(word: str) -> None:
    assert not {"viru", "diagnosi", "absces", "ga", "pu", "ha", "fev"} & set(singulars(word))
