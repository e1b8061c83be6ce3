"""What people put around a question and leave out of it, and the system prompts that stand before it."""

# ruff: noqa: E501 - a template broken over lines can no longer be read

OPENERS = (
    "", "", "", "", "", "", "", "", "", "", "", "Please help. ", "Quick question: ", "Hello. ", "Hi, ", "Doctor, ", "One question. ", "Tell me: ", "Good morning. ", "A question: ", "Dear colleague, ",
    "I wonder: ", "For my exam: ", "In short: ", "Please: ", "Another one: ",
)  # fmt: skip
CLOSERS = (
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    " Thanks.",
    " Thank you.",
    " Please be brief.",
    " Please.",
    " I need it now.",
    " Be quick.",
    " It is for a colleague.",
    " Thanks in advance.",
)

# Words that change nothing: the starter model meets them in its questions, so that an unknown word does not throw it off.
FILLERS = (
    "usually", "normally", "typically", "really", "actually", "kindly", "commonly", "ideally", "today", "here", "now", "just", "exactly", "again", "perhaps", "generally", "currently", "maybe", "simply",
    "quickly", "clearly", "please", "also", "still", "even", "always", "often", "probably", "certainly", "first", "best", "most", "good", "right", "proper", "adult", "clinical", "medical", "common", "certain",
    "primary", "care", "guideline", "practice", "clinic", "hospital", "ward", "doctor", "nurse", "case", "question", "answer", "thing", "way", "time", "day", "used", "seen", "known", "found", "suits", "agrees",
    "belongs", "matters", "counts", "applies", "regarding", "concerning", "about", "considering", "according", "whether", "because", "though", "while", "anyway", "basically", "honestly", "someone", "anyone",
)  # fmt: skip
DROPPABLE = frozenset(
    (
        "what",
        "is",
        "the",
        "a",
        "an",
        "of",
        "for",
        "in",
        "to",
        "do",
        "you",
        "would",
        "should",
        "i",
        "my",
        "please",
        "with",
        "which",
        "does",
        "can",
        "are",
        "be",
        "me",
        "one",
    )
)
SYSTEM_PROMPTS = (
    "You are a helpful clinical assistant.",
    "You are BalancedBio, a biomedical assistant.",
    "You are a careful medical assistant. Be brief.",
    "You answer questions of clinicians.",
    "You are a helpful assistant.",
    "Answer truthfully and concisely.",
    "You support doctors in primary care.",
    "Be safe and accurate.",
)
