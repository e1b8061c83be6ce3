"""How constraints are asked for, and the sentences that fill a reply without claiming anything.

Keys are check kinds; instructions with a bound have two wordings, "at least" and "less than". Alternatives as in `alignment.mkgsg.grammar`.
"""

# ruff: noqa: E501 - a template broken over lines can no longer be read

from alignment.mkgsg.grammar import Phrasings

_IN = "[in|within|throughout|anywhere in]"
_REPLY = "[your reply|the reply|your answer|your response|what you write|your text]"
_WITHIN = "[in your reply|within the reply|in your answer|anywhere in your text|throughout your answer|]"
_DO = "[Please|Kindly|]"
_MUST = "[must|should|has to|needs to]"

INSTRUCTIONS: dict[str, Phrasings] = {
    "keywords:existence": Phrasings(
        (
            f"{_DO} [include|use|work in|mention|bring in] the [word|words|term|terms|keyword|keywords] {{words}} [somewhere|] {_IN} {_REPLY}.",
            f"{_REPLY} {_MUST} [contain|include|use|mention] {{words}}.",
            "[Make sure|See to it|Take care|Remember|Do not forget] to [use|mention|include] {words}.",
        ),
        ("Let {words} occur in what you say.",),
    ),
    "keywords:frequency at least": Phrasings(
        (
            f"[Mention|Say|Name|Write|Use|Repeat] {{word}} at least {{n}} times {_WITHIN}.",
            f"{_REPLY} {_MUST} [name|mention|contain|use] {{word}} {{n}} times or more.",
            "The [word|term|name] {word} [must|should|has to] [appear|occur|be used] [at least|no fewer than|not less than] {n} times.",
        ),
        ("I want to read {word} {n} times at the least.",),
    ),
    "keywords:frequency less than": Phrasings(
        (
            f"[Mention|Say|Name|Write|Use] {{word}} [fewer|less] than {{n}} times {_WITHIN}.",
            "The [word|term|name] {word} [must|should|may] [appear|occur|be used] [fewer|less] than {n} times.",
            f"{_REPLY} {_MUST} [name|mention|contain|use] {{word}} [fewer|less] than {{n}} times.",
        ),
        ("Keep {word} below {n} mentions.",),
    ),
    "keywords:forbidden_words": Phrasings(
        (
            f"[Do not|Don't|Never] [use|write|say|include] the [word|words|term|terms] {{words}} {_WITHIN}.",
            "[Avoid|Leave out|Do without|Stay away from|Skip] the [word|words|term|terms] {words}.",
            f"{_REPLY} must not [contain|use|include] {{words}}.",
        ),
        ("The vocabulary {words} is off limits.",),
    ),
    "keywords:letter_frequency at least": Phrasings(
        (
            "The letter {letter} [must|should|has to] [appear|occur|be used] at least {n} times.",
            f"[Use|Write|Include] the letter {{letter}} [at least|no fewer than|not less than] {{n}} times {_WITHIN}.",
        ),
        ("Have the letter {letter} in it {n} times or more.",),
    ),
    "keywords:letter_frequency less than": Phrasings(
        (
            "The letter {letter} [must|should|may] [appear|occur|be used] [fewer|less] than {n} times.",
            f"[Use|Write|Include] the letter {{letter}} [fewer|less] than {{n}} times {_WITHIN}.",
        ),
        ("Stay below {n} uses of the letter {letter}.",),
    ),
    "language:response_language": Phrasings(
        (
            f"{_DO} [answer|reply|respond|write] [only|entirely|] in {{language}} [only|and in no other language|].",
            f"{_REPLY} {_MUST} be [entirely|completely|wholly|] in {{language}}.",
            "[The patient|My patient|The family] [speaks|reads] only {language}: [answer|reply|write] in {language}.",
        ),
        ("I need it in {language} from the first word to the last.",),
    ),
    "length_constraints:number_sentences at least": Phrasings(
        (
            "[Write|Use|Give me|Answer with|Reply with] at least {n} sentences.",
            f"{_REPLY} {_MUST} [have|contain|be made of] {{n}} sentences or more.",
            "[No fewer|Not fewer] than {n} sentences[, please|].",
        ),
        ("Fill {n} sentences, or more than that.",),
    ),
    "length_constraints:number_sentences less than": Phrasings(
        (
            "[Write|Use|Answer with|Reply with|Answer in|Reply in] [fewer|less] than {n} sentences.",
            f"{_REPLY} {_MUST} [have|contain] [fewer|less] than {{n}} sentences.",
            "[Fewer|Less] than {n} sentences[, please|].",
        ),
        ("I read no further than the sentence before number {n}, so stop before it.",),
    ),
    "length_constraints:number_words at least": Phrasings(
        (
            "[Write|Use|Give me|Answer with|Reply with] at least {n} words.",
            f"{_REPLY} {_MUST} [have|contain|be made of] {{n}} words or more.",
            "[No fewer|Not fewer] than {n} words[, please|].",
        ),
        ("Make it {n} words long or longer.",),
    ),
    "length_constraints:number_words less than": Phrasings(
        (
            "[Write|Answer with|Reply with|Answer in|Reply in] [fewer|less] than {n} words.",
            f"{_REPLY} {_MUST} [have|contain] [fewer|less] than {{n}} words.",
            "[Fewer|Less] than {n} words[, please|].",
        ),
        ("Do not reach {n} words.",),
    ),
    "length_constraints:number_paragraphs": Phrasings(
        (
            "[Write|Give me|Make it|Use] [exactly|] {n} paragraphs, [parted|separated|divided] by [three asterisks|***|a line of ***|the markdown divider ***].",
            "There [should|must] be {n} paragraphs with the [divider|separator|markdown divider] *** between [them|one and the next].",
        ),
        ("Put *** between the paragraphs, of which I want {n}.",),
    ),
    "length_constraints:nth_paragraph_first_word": Phrasings(
        (
            "[Write|Use|Give me] [exactly|] {n} paragraphs [parted|separated] by [an empty line|a blank line|two line breaks]; [paragraph|number|the paragraph with number] {m} [must|should|has to] [start|begin] with the word {word}.",
            "There [should|must] be {n} paragraphs, with [an empty|a blank] line between them. [Start|Begin|Open] paragraph {m} with {word}.",
        ),
        ("I want {n} blocks of text with a blank line between two, and {word} as the first word of block {m}.",),
    ),
    "detectable_content:number_placeholders": Phrasings(
        (
            "[Leave|Put in|Include|Use] at least {n} [placeholders|blanks] in square brackets[, for example for name and date|, to be filled in later|].",
            f"[Make it a template|Write it as a template|Draft a template]: {_REPLY} {_MUST} [have|contain] {{n}} or more placeholders in square brackets.",
        ),
        ("I will fill in details later: mark {n} or more of them by square brackets.",),
    ),
    "detectable_content:postscript": Phrasings(
        (
            "[At the end|At the very end|Below the answer|After your answer], [add|write|put] a postscript [that starts with|beginning with|marked by] {marker}",
            "[Add|Append|Close with|Finish with] a postscript [beginning with|starting with|after the mark] {marker}",
        ),
        ("Something else may follow below as a postscript, after {marker}",),
    ),
    "detectable_format:number_bullet_lists": Phrasings(
        (
            "[Write|Give|Use|Make] exactly {n} [markdown|] bullet points, each [beginning|starting] with an asterisk[, like * this|].",
            f"{_REPLY} {_MUST} [have|contain] exactly {{n}} bullet points [in markdown|marked by *|that begin with *].",
        ),
        ("Markdown bullets, {n} in all and marked by *, are the form I need.",),
    ),
    "detectable_format:constrained_response": Phrasings(
        (
            "[Answer|Reply|Respond] with one of [these|the following|the options]: \"My answer is yes.\", \"My answer is no.\" or \"My answer is maybe.\"",
            "[Choose|Pick|Select] [your answer|one|one of three]: \"My answer is yes.\", \"My answer is no.\", \"My answer is maybe.\"",
        ),
        ("One of three sentences must be there: \"My answer is yes.\" or \"My answer is no.\" or \"My answer is maybe.\"",),
    ),
    "detectable_format:number_highlighted_sections": Phrasings(
        (
            "[Highlight|Emphasise|Mark] at least {n} [part|parts|passage|passages] [of the answer|of it|] with [markdown asterisks|asterisks, like *this*|single asterisks in markdown].",
            f"{_REPLY} {_MUST} [have|contain] {{n}} or more [highlighted|emphasised] parts, [written|marked] *like this*.",
        ),
        ("With *asterisks* around it I see what matters: do so {n} times or more.",),
    ),
    "detectable_format:multiple_sections": Phrasings(
        (
            "[Split|Divide|Part] [it|your answer|the answer|the reply] into {n} sections, [marked|headed|labelled] {mark} 1[, {mark} 2|] and so on.",
            f"{_REPLY} {_MUST} have {{n}} sections. [Begin|Start|Head] each [one|of them|] with {{mark}} and its number, [such as|like] {{mark}} 1.",
        ),
        ("Number the {n} parts of your reply as {mark} 1 and so forth.",),
    ),
    "detectable_format:json_format": Phrasings(
        (
            "[Wrap|Put|Give] [the entire|all of the|the whole] [output|reply|answer] [in|into|as] [valid|] JSON.",
            "[Everything|All|The whole reply] [must|should|has to] be [valid|one piece of|] JSON[, keys as you like|, with keys of your choice|].",
        ),
        ("My program parses your reply as JSON, whatever its keys.",),
    ),
    "detectable_format:title": Phrasings(
        (
            "[Give|Add|Put|Write] [it|] a title in double angle brackets, [like|such as|for example] <<[this title|note|summary]>>.",
            f"{_REPLY} {_MUST} [have|carry|contain] a title [wrapped|set] in double [angle|angular] brackets [<<like this>>|].",
        ),
        ("I file it by its title, which stands between << and >>.",),
    ),
    "combination:two_responses": Phrasings(
        (
            "[Give|Write|Offer|Provide] two [different|distinct] [answers|responses|versions|replies], [separated|parted|divided] by six asterisks: ******",
            "[I want|I need|Give me] two [versions|different replies|different answers] with ****** [and nothing else|] between them.",
        ),
        ("Answer twice, in other words the second time, with ****** in the middle.",),
    ),
    "combination:repeat_prompt": Phrasings(
        (
            "[First|Before you answer,] repeat [my question|the question|the request] [word for word|without any change|as it stands] (not this [sentence|instruction]), then [answer|give the answer].",
            "[Begin|Start] by [repeating|copying] the question [above|so far|before this sentence] word for word, then answer it.",
        ),
        ("Say my question again, unchanged and without this remark, and let the answer follow.",),
    ),
    "startend:end_checker": Phrasings(
        (
            "[The last|Your last|The final] [sentence|words|phrase] [must|should|has to] be exactly: {text}",
            "[Finish|Close|End|Conclude] with [exactly|precisely|] [this sentence|these words|this phrase] and [nothing after it|no more]: {text}",
        ),
        ("Nothing may follow these closing words: {text}",),
    ),
    "startend:quotation": Phrasings(
        (
            "[Wrap|Put|Set|Enclose] [the entire|the whole|all of your|your whole] [reply|answer|response] [in|into|between|within] double quotation marks.",
            "[All of it|The whole reply|Everything] [stands|goes|belongs] [in|between] double quotation marks.",
        ),
        ("I will quote you: set all you say between double quotation marks.",),
    ),
    "change_case:capital_word_frequency at least": Phrasings(
        (
            "[Write|Use|Have] at least {n} [word|words] in [all capitals|capital letters only|capitals].",
            "[Words|Words written] in [all capitals|capitals|all capital letters] [must|should] [appear|occur] {n} times or more.",
        ),
        ("Stress {n} or more words by capitals.",),
    ),
    "change_case:capital_word_frequency less than": Phrasings(
        (
            "[Write|Use|Have] [fewer|less] than {n} [word|words] in [all capitals|capital letters only|capitals].",
            "[Words|Words written] in [all capitals|capitals|all capital letters] [must|should|may] [appear|occur] [fewer|less] than {n} times.",
        ),
        ("Do not shout: capital words stay below {n}.",),
    ),
    "change_case:english_capital": Phrasings(
        (
            "[Write|Answer|Reply] in English and [use|with] [nothing but|only] capital letters.",
            f"{_REPLY} {_MUST} be in English, [all|every letter|each letter] [in capitals|a capital|in upper case].",
        ),
        ("English, every letter of it a capital one.",),
    ),
    "change_case:english_lowercase": Phrasings(
        (
            "[Write|Answer|Reply] in English and [use|with] [nothing but|only] [small|lowercase] letters.",
            f"{_REPLY} {_MUST} be in English, [all|every letter|each letter] in [lower case|lowercase]; no capitals [at all|].",
        ),
        ("English without a single capital letter.",),
    ),
    "punctuation:no_comma": Phrasings(
        (
            "[Do not|Don't] use [any|a single|] [comma|commas] [at all|].",
            f"{_REPLY} must [not contain any|be free of|do without|have no] commas.",
            "[Write|Answer|Reply] without [commas|any commas|a single comma].",
        ),
        ("My system breaks at commas: leave them out.",),
    ),
    "json_schema": Phrasings(
        (
            "[Answer|Reply|Respond] with [nothing but|only|] JSON [that is valid under|according to|following|matching] this [JSON|] schema: {schema}",
            "[The reply|Your output|The output] is [checked|validated] against this JSON schema, [so|therefore] write [only|nothing but] JSON: {schema}",
        ),
        ("Here is a JSON schema; your whole reply has to validate: {schema}",),
    ),
    "soap_note": Phrasings(
        (
            "[Write|Give|Document|Put] it [as|up as|in the form of] a SOAP note[, with the headings Subjective, Objective, Assessment and Plan| (Subjective, Objective, Assessment, Plan)|].",
            "[I need|Make|Draft] a SOAP note [of it|for the record|]: Subjective, Objective, Assessment, Plan[, each on a line of its own|].",
        ),
        ("For the chart: Subjective, Objective, Assessment, Plan, in this order.",),
    ),
    "problem_list": Phrasings(
        (
            "[Write|Give|Make|Draft] [it as|] a [numbered problem list|problem list with numbers] [with|of] [exactly|] {n} [entries|lines|problems|points].",
            "[Answer|Reply] [only|] with a problem list, numbered from 1 to {n}.",
        ),
        ("List the problems, one a line, 1. to {n}.",),
    ),
    "discharge_summary": Phrasings(
        (
            "[Write|Draft|Give] it as a discharge summary [with|under] the headings {headings}[, in this order|].",
            "[I need|Make] a discharge summary. [Headings|Its headings], in [this|the given] order: {headings}.",
        ),
        ("For the letter home, use {headings} one after the other as headings.",),
    ),
}  # fmt: skip

# True of any consultation, and without a concept that the linker knows: nothing in them is a claim. A test holds them to it.
NOTES = (
    "Please verify this against the local guideline.", "The decision rests with the treating clinician.", "Discuss the plan with the patient.",
    "Write the plan into the record.", "Review the patient after a few days.", "Arrange a follow-up appointment.", "Explain the reasons in plain words.",
    "Keep the patient informed at every step.", "Document what was agreed.", "Ask the pharmacist if anything is unclear.",
    "Make sure that the details of the patient are right before you act.", "Local policy may differ.", "Take the wishes of the patient into account.",
    "A colleague can give a second opinion.", "Record the current medicines.", "Make sure that the team knows the plan.", "Answer the questions of the patient.",
    "Adapt the advice to the individual patient.", "Look for earlier reactions in the record.", "Offer written information.", "Set a date for the next review.",
    "Tell the patient whom to contact with questions.", "Involve the family if the patient agrees.", "Leave a note for the next shift.",
    "Hand the case over in person.", "Read the product information once more.", "Agree on the next steps together.", "Keep a copy of this advice.",
    "Allow time for questions.", "Speak with a specialist when in doubt.",
)  # fmt: skip
BLANKS = (
    "Patient: [name]", "Born: [date of birth]", "Date: [date]", "Ward: [ward]", "Signed: [signature]", "Number: [record number]", "Clinician: [clinician]",
    "Contact: [telephone]", "Address: [address]", "Next visit: [date of visit]",
)  # fmt: skip
ENDINGS = (
    "Is there anything else you need?", "Ask me again if anything is unclear.", "That is all from me.", "Call me if you have questions.",
    "I remain at your service.", "This note ends here.", "Let me know how it goes.", "With best wishes from the team.", "Any further questions are welcome.",
    "Take good care of the patient.", "End of message.", "I hope this answers the question.",
)  # fmt: skip
MARKS = ("Section", "SECTION", "Part", "PART", "Chapter", "Block", "Passage")
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
# The answer alone, in other languages; drugs keep their international names. {a}: a drug, first line or not.
LANGUAGES = {
    "de": ("German", "Das gesuchte Arzneimittel ist {a}. Bitte besprechen Sie die Behandlung mit dem Patienten."),
    "fr": ("French", "Le médicament recherché est {a}. Veuillez discuter du traitement avec le patient."),
    "es": ("Spanish", "El medicamento buscado es {a}. Por favor, hable del tratamiento con el paciente."),
    "it": ("Italian", "Il farmaco richiesto è {a}. Si prega di discutere della terapia con il paziente."),
    "nl": ("Dutch", "Het gevraagde geneesmiddel is {a}. Bespreek de behandeling met de patiënt."),
    "pt": ("Portuguese", "O medicamento procurado é {a}. Por favor, converse sobre o tratamento com o doente."),
}
