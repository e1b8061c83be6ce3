"""What is sent with a question, and what a conversation remembers."""

from hypothesis import given
from hypothesis import strategies as st

from app.chat.transcript import ChatTurn, Transcript, TurnState, prompt

TURNS = st.lists(st.builds(ChatTurn, question=st.text(min_size=1, max_size=40), text=st.text(max_size=60)), min_size=1, max_size=8)


@given(TURNS, st.integers(0, 400))
def test_a_prompt_always_ends_with_the_question_and_fits_where_it_can(turns: list[ChatTurn], room: int) -> None:
    messages, left_out = prompt(turns, room)
    assert messages[-1].role == "user"
    assert messages[-1].content == turns[-1].question
    assert len(messages) == 1 or sum(len(m.content) for m in messages) <= room
    assert left_out == sum(bool(t.reply.answer) for t in turns[:-1]) - (len(messages) - 1) // 2


def test_the_newest_earlier_turns_are_kept() -> None:
    turns = [ChatTurn(question=f"q{n}", text=f"a{n}") for n in range(4)] + [ChatTurn(question="now")]
    messages, left_out = prompt(turns, 11)
    assert [m.content for m in messages] == ["q2", "a2", "q3", "a3", "now"]
    assert left_out == 2


def test_a_question_that_was_not_answered_is_not_sent_again() -> None:
    turns = [ChatTurn(question="lost"), ChatTurn(question="thought only", text="<think> hm </think>"), ChatTurn(question="now")]
    assert [m.content for m in prompt(turns, 1000)[0]] == ["now"]


def test_a_thought_that_is_still_being_written_is_no_answer() -> None:
    assert ChatTurn(question="q", text="<think> gout is").reply == ("gout is", "")


def test_changes_make_new_transcripts() -> None:
    empty = Transcript()
    asked = empty.asking("q")
    done = asked.with_last(state=TurnState.ANSWERED, turn_id="turn-1")
    assert (empty.turns, asked.last.state if asked.last else None) == ((), TurnState.ANSWERING)
    assert done.rated("turn-1", -1).turns[0].rating == -1
    assert done.rated("turn-2", -1) == done
    assert done.without_last() == empty
