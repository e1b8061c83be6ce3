"""A port that is taken is named, with its holder and the setting to change."""

import os
import socket

import pytest

from app.stack import ports
from app.stack.processes import Endpoint
from core.errors import Conflict


def test_a_taken_port_is_named_with_its_holder_and_the_setting() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        endpoint = Endpoint("127.0.0.1", holder.getsockname()[1], "PORT")
        assert not ports.is_free(endpoint)
        with pytest.raises(Conflict, match=rf"Port {endpoint.port} \(for the app\) is taken by .*pid {os.getpid()}.*PORT in .env"):
            ports.require_free(endpoint, "the app")
    assert ports.is_free(endpoint)
    ports.require_free(endpoint, "the app")
