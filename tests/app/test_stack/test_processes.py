"""What runs follows from the settings, and the rendered file says exactly that."""

import configparser
import shlex
from pathlib import Path

import pytest

from app.stack import layout, supervisor
from app.stack.processes import is_local, processes
from core.settings import Settings, settings


def elsewhere(settings: Settings) -> Settings:
    return settings.model_copy(update={"vllm_url": "http://elsewhere:8200/v1"})


def _rendered(parts: tuple[object, ...]) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    parser.read_string(supervisor.render(parts))  # type: ignore[arg-type]  # a list will do
    return parser


def test_everything_runs_when_all_addresses_are_local(test_settings: Settings) -> None:
    assert [p.name for p in processes(test_settings, "/usr/bin/redis-server")] == [
        "redis",
        "vllm",
        "worker-short",
        "worker-train",
        "beat",
        "app",
    ]


def test_every_replica_of_this_machine_is_a_process_of_its_own(test_settings: Settings) -> None:
    addresses = "http://127.0.0.1:8200/v1, http://elsewhere:8200/v1,http://localhost:8201/v1/"
    parser = _rendered(processes(test_settings.model_copy(update={"vllm_url": addresses}), None))
    commands = {s.removeprefix("program:"): parser[s]["command"] for s in parser.sections() if s.startswith("program:vllm")}
    assert list(commands) == ["vllm", "vllm-3"]
    assert all(command.endswith(f"-m workers.serving {name}") for name, command in commands.items())


def test_other_machines_redis_and_vllm_are_not_started_here(test_settings: Settings) -> None:
    assert [p.name for p in processes(elsewhere(test_settings), None)] == ["worker-short", "worker-train", "beat", "app"]


@pytest.mark.parametrize(
    ("url", "local"), [("redis://127.0.0.1:6390/0", True), ("http://localhost:8200/v1", True), ("http://vllm:8200/v1", False), ("redis://[::1]/0", True)]
)
def test_an_address_is_local_only_when_it_names_this_machine(url: str, local: bool) -> None:
    assert is_local(url) is local


def test_the_rendered_file_restarts_what_dies_and_stops_whole_groups(test_settings: Settings) -> None:
    parser = _rendered(processes(test_settings, "/usr/bin/redis-server"))
    programs = [s for s in parser.sections() if s.startswith("program:")]
    assert len(programs) == 6
    for section in programs:
        assert parser[section]["autorestart"] == parser[section]["killasgroup"] == parser[section]["stopasgroup"] == "true"
    assert int(parser["program:redis"]["priority"]) < int(parser["program:app"]["priority"])


def test_training_threads_and_passive_waiting_reach_the_worker(test_settings: Settings) -> None:
    parser = _rendered(processes(test_settings.model_copy(update={"train_threads": 3}), None))
    assert 'OMP_NUM_THREADS="3"' in parser["program:worker-train"]["environment"]
    assert 'OMP_WAIT_POLICY="PASSIVE"' in parser["program:worker-train"]["environment"]


def test_awkward_folder_names_survive_rendering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_settings: Settings) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "50% of it; all"))
    settings.cache_clear()
    parser = _rendered(processes(settings(), "/usr/bin/redis-server"))
    command = shlex.split(parser["program:redis"]["command"].replace("%%", "%"))
    assert command == ["/usr/bin/redis-server", str(tmp_path / "50% of it; all" / "redis" / "redis.conf")]


def test_a_deep_data_folder_gets_a_socket_path_the_kernel_accepts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_settings: Settings) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / ("d" * 120)))
    settings.cache_clear()
    assert len(str(layout.socket_file())) < 100
