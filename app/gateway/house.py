"""What every request shares: the model endpoint and the knowledge base. Made once by `create_app`, found through the request."""

from typing import NamedTuple

from starlette.requests import Request

from core.knowledge import Knowledge
from core.llm import ChatModel


class House(NamedTuple):
    chat: ChatModel
    knowledge: Knowledge


def house(request: Request) -> House:
    found: House = request.app.state.house
    return found
