"""`balancedbio turn`: stored turns, for whoever runs the installation."""

import json
from typing import Any

import pytest

from core import audit, db, store
from core.states import Role
from core.tables import Conversation, Turn
from tests.app.test_cli.conftest import Cli

pytestmark = pytest.mark.usefixtures("database")

EVIDENCE = {"statement": "Amoxicillin is contraindicated in penicillin allergy.", "source": "NICE CG183", "row": "contraindications.tsv:7"}
WITHHELD = {
    "messages": [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Good morning."},
        {"role": "user", "content": "Pneumonia and a penicillin allergy:\nwhich antibiotic?"},
    ],
    "reply": "Sit up. Give amoxicillin 500 mg.",
    "finish_reason": "withheld",
    "evidence": [{"statement": "Pneumonia is treated by doxycycline.", "source": "NICE NG138", "row": "treatments.tsv:3"}],
    "claims": [{"subject": "a", "relation": "treated_by", "object": "b", "quote": "amoxicillin for\npneumonia", "verdict": "supported", "evidence": None}],
    "findings": [{"rule": "contraindication", "severity": "critical", "quote": "Give amoxicillin 500 mg.", "evidence": EVIDENCE}],
    "usage": {"prompt_tokens": 212, "completion_tokens": 34},
    "latency_ms": 912.4,
}


def stored(**fields: Any) -> Turn:
    with db.unit_of_work() as session:
        ana = store.find_user(session, "ana") or store.add_user(session, "ana", Role.CLINICIAN, "hash")
        checkpoint = store.ensure_base_checkpoint(session, "starter", "a")
        conversation = Conversation(user_id=ana.id)
        session.add(conversation)
        session.flush()
        turn = Turn(conversation_id=conversation.id, user_id=ana.id, checkpoint_id=checkpoint.id, **WITHHELD | fields)
        store.add_turn(session, turn)
    return turn


def test_a_withheld_turn_is_shown_with_the_words_and_the_reason(cli: Cli) -> None:
    turn = stored()
    outcome = cli("turn", "show", turn.id)
    assert outcome.code == 0
    for said in (
        f"{turn.created_at:%Y-%m-%d %H:%M:%S} UTC by ana",
        turn.conversation_id,
        turn.checkpoint_id,
        "withheld: by the guard; the reader got what came before the first unsafe sentence",
        "912 ms, 212 tokens of prompt and 34 of reply",
        "Question, after 1 earlier\n  Pneumonia and a penicillin allergy:\n  which antibiotic?\n",
        "  Sit up. Give amoxicillin 500 mg.\n",
        "  critical: contraindication: Give amoxicillin 500 mg.\n"
        "    Amoxicillin is contraindicated in penicillin allergy. (NICE CG183, contraindications.tsv:7)\n",
        "  supported: amoxicillin for pneumonia\n",
        "  [1] Pneumonia is treated by doxycycline. (NICE NG138, treatments.tsv:3)\n",
    ):
        assert said in outcome.out
    assert "Good morning" not in outcome.out


def test_a_plain_turn_has_no_empty_parts(cli: Cli) -> None:
    said = cli("turn", "show", stored(finish_reason="stop", messages=[{"role": "user", "content": "Gout?"}], evidence=[], claims=[], findings=[]).id).out
    assert "stop: the reply is complete" in said
    assert "Question\n  Gout?\n" in said
    assert not any(title in said for title in ("Findings", "Claims", "Evidence"))


def test_of_a_refused_question_it_says_that_no_model_was_asked(cli: Cli) -> None:
    assert "withheld: by the guard; the model was not asked" in cli("turn", "show", stored(reply="").id).out


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_look_is_in_the_audit_trail(cli: Cli, options: tuple[str, ...]) -> None:
    turn = stored()
    cli("turn", "show", turn.id, *options)
    with db.reading() as session:
        look = audit.newest(session, 1)[0]
        assert (look.actor, look.action, look.subject, look.detail) == ("command line", "feedback.view", turn.id, {"asked_by": "ana"})
        assert audit.first_broken(session) is None


def test_what_cannot_be_recorded_is_not_shown(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise db.Unavailable("The database did not answer")

    monkeypatch.setattr(audit, "record", away)
    assert cli("turn", "show", stored().id) == (2, "", "balancedbio: The database did not answer\n")


def test_as_json_it_is_the_whole_row(cli: Cli) -> None:
    turn = stored(reply="Ganz :pill: \x1b[2J[/b] \x7f", usage={"x": "\ud800"})
    printed = cli("turn", "show", turn.id, "--json").out
    row = json.loads(printed)
    assert set(row) == {column.key for column in Turn.__table__.columns} | {"user"}
    assert row["reply"] == turn.reply
    assert row["messages"] == WITHHELD["messages"]
    assert row["created_at"] == turn.created_at.isoformat()
    assert "\x1b" not in printed
    assert "\x7f" not in printed


def test_stored_text_neither_commands_the_terminal_nor_passes_for_ours(cli: Cli) -> None:
    hostile = "a\x1b]0;owned\x07 \x9b2J \u202egnp \x08\r b :pill: [/b]\r\nEnded         stop"
    evidence = {"statement": hostile, "source": hostile, "row": "x:1"}
    said = cli(
        "turn",
        "show",
        stored(
            messages=[{"role": "user", "content": hostile + "\ud800"}],
            reply=hostile,
            evidence=[evidence],
            findings=[{"rule": "overdose", "severity": "critical", "quote": hostile, "evidence": evidence}],
        ).id,
    ).out
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 or letter == "\u202e" for letter in said if letter != "\n")
    assert r"a\u001b]0;owned\u0007 \u009b2J \u202egnp \u0008\u000d b :pill: [/b]" in said
    assert r"stop\ud800" in said
    assert [line for line in said.splitlines() if line.startswith("Ended")] == [
        line for line in said.splitlines() if line.startswith("Ended         withheld: ")
    ]


def test_an_unknown_turn_is_one_line(cli: Cli) -> None:
    assert cli("turn", "show", "turn-0") == (2, "", "balancedbio: There is no turn 'turn-0'\n")
    with db.reading() as session:
        assert audit.newest(session, 1) == []


def test_the_newest_turns_are_listed_without_anybodys_words(cli: Cli) -> None:
    first, second, third = stored(), stored(finish_reason="stop"), stored()
    listed = cli("turn", "list").out.splitlines()
    assert [line.split()[0] for line in listed] == [third.id, second.id, first.id]
    assert "amoxicillin" not in cli("turn", "list").out.lower()
    assert [line.split()[0] for line in cli("turn", "list", "--withheld").out.splitlines()] == [third.id, first.id]
    assert cli("turn", "list", "--limit", "1").out.split()[0] == third.id
