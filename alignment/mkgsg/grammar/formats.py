"""Instructions about the form of an answer, and the phrases that answers are asked to start or end with."""

# ruff: noqa: E501 - a template broken over lines can no longer be read

from alignment.mkgsg.grammar.templates import Phrasings

FORMATS: dict[str, Phrasings] = {
    "json_keys": Phrasings(
        (
            "[Answer|Reply|Respond|Write|Output|Return|Give it|Use|Return it|Give the answer|Format the answer|I want it] [as|in|in the form of|as valid|only as] JSON [with|having|using] the [keys|key|fields|field] {keys}.",
            "[Reply|Answer] with JSON only, [keys|key|fields] {keys}.",
            "[Return|Write|Give me|Produce] a JSON object with [the keys|keys|the fields|] {keys}.",
            "JSON [please|only], [with|keys|with the keys] {keys}.",
        ),
        ("I need JSON with the fields {keys}, nothing else.",),
    ),
    "bullets": Phrasings(
        (
            "[Answer|Reply|Respond|Write] [with|as|in|using] [exactly|] {n} [bullet points|bullets|bulleted lines].",
            "[Give|List|Name|State|Use|Show] [me|] [exactly|] {n} [bullet points|bullets|of them as bullet points|as bullets].",
            "[Use|Write|Reply as|Answer as|Make|Give] a [bullet list|bulleted list|list] of {n} [bullets|items|points|].",
        ),
        ("Put it into {n} bullet points.",),
    ),
    "all_caps": Phrasings(
        (
            "[Answer|Reply|Write|Respond|Write it|Say it] [only|] in [capital letters|capitals|all caps|upper case|uppercase|block letters] [only|].",
            "Use [only|] [capital letters|capitals|upper case] [only|].",
            "[All caps|Capitals only|Upper case], please.",
        ),
        ("Everything in capitals, please.",),
    ),
    "max_words": Phrasings(
        (
            "[Answer|Reply|Respond|Say it|Write] [in|with|using] [at most|no more than|not more than|a maximum of|up to] {n} words.",
            "[Use|Write] [at most|no more than|a maximum of|not more than] {n} words.",
            "[Keep it|Stay|Keep your answer] [to|within] {n} words.",
            "[Reply|Answer] with {n} words at most.",
            "[At most|Maximum|No more than] {n} words.",
        ),
        ("Limit yourself to {n} words.",),
    ),
    "starts_with": Phrasings(
        (
            '[Start|Begin|Open] [your answer|your reply|the answer|the reply|] with "{text}".',
            'Your [reply|answer|response] [must|should|has to] [start|begin] with "{text}".',
            'The [first words|beginning] [must|should] be "{text}".',
        ),
        ('Put "{text}" at the beginning.',),
    ),
    "ends_with": Phrasings(
        (
            '[End|Finish|Close|Conclude] [your answer|your reply|the answer|the reply|] with "{text}".',
            'Your [reply|answer|response] [must|should|has to] [end|finish|close] with "{text}".',
            'The [last words|end] [must|should] be "{text}".',
        ),
        ('Put "{text}" at the very end.',),
    ),
    "has_sections": Phrasings(
        (
            "[Use|Write|Answer under|Reply under|Give it under|Structure it under|Put it under|Format it with|Under] the [headings|titles|heads|sections] {titles}.",
            "[Write|Give] one line for each [heading|title]: {titles}.",
            "[Headings|Sections|Structure]: {titles}.",
        ),
        ("Please structure it as {titles}.",),
    ),
    "one_sentence": Phrasings(
        (
            "[Answer|Reply|Respond|Write|Say it|Explain] [in|with|using] [exactly|only|just|] [one|a single] sentence.",
            "Use [only|] [one|a single] sentence.",
            "[One|A single] sentence [only|please|].",
        ),
        ("Let it be a single sentence and no more.",),
    ),
}

START_PHRASES = (
    "Answer:", "In short:", "Note:", "Summary:", "Clinical note:", "Result:", "My view:", "Dear colleague,", "For the record:", "Reply:", "Advice:", "Fact:", "Well,", "To be brief:", "Conclusion:", "Yes:",
)  # fmt: skip
END_PHRASES = (
    "end of note", "that is all", "please verify", "discuss with the patient", "as usual", "per guideline", "as agreed", "in most adults", "with regards", "over and out", "thank you", "for now",
    "as per protocol", "as discussed", "kind regards", "in short", "by the book", "if in doubt ask", "as per local policy", "see guideline",
)  # fmt: skip
NUMBERS = {2: "two", 3: "three", 4: "four"}
