"""When two written words are the same word: British and American spelling, accents, plurals.

`spelled` rewrites; `singulars` only proposes, and the linker takes a proposal that is itself a word of some name. So the rules may be
broad ("-oses" to "-osis" as well as to "-ose") without inventing words: "doses" becomes "dose", "diagnoses" becomes "diagnosis".
"""

import re
import unicodedata

_SPELLINGS = (
    # haem-, paed-, oedema, oesophagus, diarrhoea, foetus; where two o's meet (gastro-oesophageal) American spelling keeps one: gastroesophageal.
    (re.compile(r"ae|o?oe"), "e"),
    (re.compile(r"(?<=[a-z]{2})our(?=$|s$|ed$|ing$|less|able|ful|al|ite)"), "or"),  # tumour, behavioural; not hour, four, source
    (re.compile(r"(?<=[a-z]{3})is(?=e$|ed$|es$|er$|ers$|ing$|ation)"), "iz"),  # generalised, immunisation
    (re.compile(r"(?<=[a-z]{2})ys(?=e$|ed$|er$|ing$)"), "yz"),  # paralyse
    (re.compile(r"(?<=[a-z]{2}[tb])re(?=s?$)"), "er"),  # goitre, fibre
    (re.compile(r"^sulph"), "sulf"),
    (re.compile(r"leuc(?=[oay])"), "leuk"),
    (re.compile(r"^grey"), "gray"),
)
# Each rule needs one of these: most words are spared the rules.
_MAY_DIFFER = re.compile(r"ae|oe|our|is[ei]|isa|ys[ei]|re|sulph|leuc|grey")
_IRREGULAR = {"feet": "foot", "teeth": "tooth", "men": "man", "women": "woman", "children": "child", "mice": "mouse", "lice": "louse"}
# Ending of a plural, endings of the singular, likeliest first; the first line that fits is used.
_PLURALS = (
    ("itides", ("itis",)), ("mata", ("ma",)), ("ices", ("ix", "ex", "ice")), ("nges", ("nx", "nge")), ("ies", ("y", "ie")), ("ves", ("f", "fe", "ve")),
    ("ses", ("se", "s", "sis")), ("es", ("e", "")), ("ss", ()), ("us", ()), ("is", ()), ("s", ("",)), ("ae", ("a",)), ("ia", ("ium", "ion")),
    ("la", ("lum",)), ("ra", ("rum",)), ("i", ("us",)),
)  # fmt: skip

# Abbreviations that are also words, and so are read only where they are written in capitals amid other text.
ALSO_WORDS = frozenset(
    """
    ALSO WORDS ACE AGE AID AIDS AIM ALL AND ANT APE ARC ARM ART ASK ATE BAD BAG BAN BAR BAT BED BEE BEST BIT BOX CAB CAN CAP CAPE CAPS CAR CARD CASE CAT
    CHAD CLIP COB COG COLD COP COPE COT CRAB CUP DEAF DEN DID DISH DOC DOG DOT DRY EAR EAT EGG END FAD FACE FACT FAME FAN FAR FAST FAT FED FEW FIT FLAP
    FOG FOR GAIT GAP GAS GEM GET GIST GUM HAD HARD HAS HAT HELP HER HID HIS HIT HOT HOW ICE ILL INK ITS JET LAB LAD LAMB LAMP LAP LED LEG LIP LIT LOT LOW
    MAD MALE MAN MAP MASS MAT MAY MEN MET MICE MID MILD MIX MOB MOM MUM NAIL NAP NET NEW NICE NOD NOT NOW OFF OLD ONE OUR OUT OWN PACE PAD PAIN PAL PAN
    PAP PAST PAT PEA PEN PEP PET PIE PIN PIT PLAN POEM POEMS POP POT PUS RAM RAN RAT RASH RAW RED REST RIB RID ROD RUN SAD SAFE SAME SAND SAP SAT SAW SEA
    SEE SET SHE SHORT SICK SIT SIX SKY SMART SOD SON STAR STEM SUN TAN TAP TAR TEN THE TIC TIE TIP TOE TOP TRAP TWO USE VAN WAR WAS WAY WELL WET WHO WHY
    WIN YES YET YOU
    """.split()  # noqa: SIM905  # a list of words reads better than one of strings
)


def spelled(word: str) -> str:
    """`word` in lower case, without accents, possessive and curly quotes, in American spelling."""
    word = word.lower()
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c)).replace("’", "'").lower()
    if word.endswith("'s"):
        word = word[:-2]
    if len(word) > 4 and _MAY_DIFFER.search(word):
        for pattern, american in _SPELLINGS:
            word = pattern.sub(american, word)
    return word


def singulars(word: str) -> tuple[str, ...]:
    """What the lower-case `word` may be the plural of, likeliest first."""
    if word in _IRREGULAR:
        return (_IRREGULAR[word],)
    if len(word) > 3:
        for ending, endings in _PLURALS:
            if word.endswith(ending) and (ending[-1] == "s" or len(word) > 5):
                return tuple(word[: -len(ending)] + e for e in endings)
    return ()
