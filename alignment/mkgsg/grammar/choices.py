"""Questions that take more than one fact: a diagnosis, and a drug that the history does not rule out."""

# ruff: noqa: E501 - a template broken over lines can no longer be read

from alignment.mkgsg.grammar.templates import Phrasings
from alignment.mkgsg.grammar.words import DRUG

CHOICES: dict[str, Phrasings] = {
    "diagnosis": Phrasings(
        (
            "{p} [has|presents with|complains of|comes with|reports|suffers from|arrives with|describes|shows] {s}. [What is the diagnosis|What is the most likely diagnosis|What is the likely diagnosis|Which condition is this|What do you think it is|Name the most likely condition|What is it|Which disease is it|What do you suspect|Diagnosis]?",
            "What is the [likely|most likely|probable|most probable] [diagnosis|condition|disease|cause] [in {p} with|of|if there is|when a patient has] {s}?",
            "{s} in {p}. [Diagnosis|What is it|Which condition|What could it be]?",
            "[Which|What] [condition|disease|illness|diagnosis] [causes|explains|matches|goes with|gives|is behind|could explain|presents with] {s}?",
            "{p} has had {s} [since yesterday|for two days|for a week|for some time]. [What could it be|What is the diagnosis|Which condition is likely]?",
            "[A patient|My patient|The patient|A person|A friend] [has|presents with|complains of|reports|shows] {s}. [What is the most likely diagnosis|Which disease is this|What could this be|Which condition is likely|What is going on]?",
            "I have {s}. [What could this be|What is wrong with me|What is it|What might I have]?",
            "{s}: [diagnosis|what is it|which condition|likely diagnosis]?",
            "Diagnose [this|the patient|]: {s}.",
        ),
        ("{p} is troubled by {s}. What comes to mind?", "Given {s}, which disease is most probable?", "{p} is seen with {s}. What is wrong?"),
    ),
    "contraindicated_choice": Phrasings(
        (
            f"{{p}} [has|suffers from|comes with|needs treatment for] {{c}} and [has|also has|known|] {{h}}. [Which|What] {DRUG} [should be given|do you choose|is suitable|would you prescribe|is right|is best]?",
            "{p} [with|who has|known for] {h} now [has|develops|comes with|presents with] {c}. [What do you prescribe|Which drug do you give|What is suitable|What should I give|Which treatment|What would you choose]?",
            f"[Which|What] {DRUG} [treats|is right for|can be used for|is possible in|would you choose for|is safe for|is suitable for] {{c}} [in a patient with|in someone with|if the patient has|when the patient has|given|despite|in the presence of] {{h}}?",
            "{p} has {c}. [History|Past history|Known|Also|Comorbidity|Background]: {h}. [Which drug do you choose|What do you give|Treatment|Which treatment is suitable]?",
            "How [do you|would you|should I|do I] [treat|manage] {c} [in {p} with|in a patient with|in someone with|when there is] {h}?",
            "[My|The|A] patient has {c}, and [also|] {h}. [Which treatment is suitable|What can I give|Which drug is right|What do you recommend]?",
            "What [can|should|may|could] I [prescribe|give|use|choose] for {c} [when the patient has|if there is|in a patient with|given] {h}?",
            "{c} [with|and] {h}: [which drug|what to give|treatment|which treatment]?",
        ),
        (
            "{p} known to have {h} develops {c}. Which medicine is the right one?",
            "Pick a drug for {c} in someone with {h}.",
            "Best treatment of {c} if there is {h}?",
        ),
    ),
    "interaction_choice": Phrasings(
        (
            "{p} with {c} [already|currently|] [takes|uses|is on] {b}. [Which drug should be given|What do you prescribe|Which treatment is suitable|What is safe|Which drug do you add]?",
            "{p} [takes|is on|uses|already takes|is treated with] {b} and [now has|develops|needs treatment for|comes with] {c}. [What do you prescribe|Which drug do you give|What is suitable|Which medicine is safe|Which drug does not interact]?",
            f"[Which|What] {DRUG} [treats|is right for|can be used for|is safe for|is suitable for|would you choose for] {{c}} [in a patient who takes|in someone on|if the patient takes|together with|besides|when the patient is on] {{b}}?",
            "{p} has {c}. [Current drug|Current medication|Takes|Medication|On]: {b}. [Which treatment do you choose|What do you give|Which drug is safe|Treatment]?",
            "How [do you|would you|should I] [treat|manage] {c} in [{p}|a patient|someone] who takes {b}?",
            "[My|The|A] patient is on {b} and [needs treatment for|has|now has] {c}. [What is suitable|What can I give|Which drug is safe|Which drug does not interact]?",
            "What [can|should|may] I [prescribe|give|use] for {c} [when the patient takes|in someone on|besides] {b}?",
            "{c} [in a patient on|while taking|with current] {b}: [which drug|what to give|treatment]?",
        ),
        ("{p} receiving {b} develops {c}. Which medicine goes with it?", "Pick a drug for {c} that goes with {b}."),
    ),
    "vignette": Phrasings(
        (
            "{p} [presents with|has|comes with|complains of|reports|attends with|is seen with] {s}. {H}. [Give|State|Name|Provide|Tell me|Write] [the|] [diagnosis, the drug and the safety-net advice|diagnosis, treatment and safety net|diagnosis, drug, safety net|diagnosis, treatment and safety-net|diagnosis, medication and safety-net advice].",
            "{p} [presents with|has|comes with|complains of|reports] {s}. {H}. What is the diagnosis, which [drug|treatment|medicine] do you give and what is the safety net?",
            "[Case|Vignette|Patient]: {p}, {s}. {H}. [Name|State|Give] diagnosis, [drug|treatment] and safety-net advice.",
            "{p} [complains of|presents with|has] {s}. {H}. [Work through|Solve|Work up|Think through] the case[:| and give| and state| and name] diagnosis, [drug|treatment], safety net.",
            "{p} with {s}. {H}. [Plan|What now|Assessment and plan]? [Give|State] diagnosis, [drug|treatment] and safety net.",
        ),
        ("{p} walks in with {s}. {H}. I want diagnosis, drug and safety net.", "Consultation: {p} mentions {s}. {H}. Diagnosis, drug, safety net please."),
    ),
}
