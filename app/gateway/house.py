"""What every request shares: the model endpoint and the knowledge base. Made once by `create_app`, found through the request."""

from typing import NamedTuple

from starlette.requests import Request

from core.knowledge import Knowledge, knowledge
from core.llm import ChatModel


class House(NamedTuple):
    chat: ChatModel
    known: Knowledge | None = None
    """None: whatever is imported at the time of a request."""

    def knowledge(self) -> Knowledge:
        return self.known or knowledge()


def house(request: Request) -> House:
    found: House = request.app.state.house
    return found
