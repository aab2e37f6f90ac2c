"""``flex-reward serve``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Literal, NoReturn, get_args, get_origin

import uvicorn

from judge import Judge
from judge.options import add_judge_options, decoding_options, engine_options
from reward.server.app import create_app, load_rubrics
from reward.server.auth import check_exposure
from reward.server.config import ENV_PREFIX, ServerConfig, load_config
from reward.server.logs import set_up_logging
from reward.server.peers import bounded_http
from reward.server.printing import config_text
from reward.server.service import JudgeService
from reward.server.tls import tls_options

_EXAMPLES = f"""\
examples:
  flex-reward serve                                     the embedded judge, on a CPU or a GPU
  flex-reward serve --judge jongwooko/Flex-VL-7B --max-model-len 16384
  flex-reward serve --judge ./my-judge --rubric ./my-rubric.toml --port 9000
  flex-reward keys add run-7 --keys-file keys.txt
  flex-reward serve --host 0.0.0.0 --keys-file keys.txt --tls-cert-file cert.pem
  flex-reward serve --engine-arg gpu_memory_utilization=0.5 --engine-arg enforce_eager=true
  {ENV_PREFIX}PORT=9000 flex-reward serve --config server.yaml --print-config

then, from anywhere on this machine:
  curl http://127.0.0.1:8471/ready
  curl http://127.0.0.1:8471/v1/rewards -H 'content-type: application/json' -d '{{
    "rubric": "helpfulness", "rationale": true,
    "samples": [{{"prompt": "What is 2 + 2?", "completion": "4"}}]}}'
  FLEXREWARD_RUBRIC=captioning trl grpo --reward_funcs reward.adapters.trl.judge_reward ...
"""
_JUDGE_FIELDS = {"judge", "engine", "engine_args", "decoding"}
"""Set by the options that every command with a judge shares."""
_FLUSH_S = 5
"""For answers that are being sent when all is judged."""
_POLL_S = 0.05


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns its exit status: 0, or 1 where the engine did not load.

    Raises:
        JudgeError: it cannot be run as told.
    """
    arguments = make_parser().parse_args(argv)
    config = load_config(_given(arguments), arguments.config)
    if arguments.print_config:
        print(config_text(config), end="")
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    set_up_logging(config.log_format, config.log_level)
    check_exposure(config)
    tls = tls_options(config)
    rubrics = load_rubrics(config)
    judge = Judge.from_folder(
        config.judge, decoding=config.decoding, engine=config.engine, **config.engine_args
    )
    app = create_app(judge, config, rubrics=rubrics)
    server = DrainingServer(
        uvicorn.Config(
            app,
            host=config.host,
            port=config.port,
            log_config=None,
            access_log=False,
            ws="none",
            http=bounded_http(config.client_timeout_s),
            timeout_graceful_shutdown=_FLUSH_S,
            **tls,
        ),
        app.state.service,
    )
    try:
        return asyncio.run(_run(server, app.state.service))
    except KeyboardInterrupt:  # how uvicorn passes a second signal on, once it has shut down
        return 0


def make_parser() -> argparse.ArgumentParser:
    """The command's options: a flag for each setting."""
    parser = argparse.ArgumentParser(
        prog="flex-reward serve",
        description="Serve a judge over HTTP: samples go in, rewards between 0 and 1 come out "
        "(or null and the reason why a sample was not judged). The address is printed once the "
        "judge is ready; Ctrl-C or SIGTERM lets what is being judged end and stops the server, a "
        f"second one stops it at once. A setting is taken from its flag, else from the "
        f"environment ({ENV_PREFIX}… with its name in capitals), else from --config, else it has "
        "its default.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="settings by name")
    parser.add_argument(
        "--print-config", action="store_true", help="print the resulting settings, and do no more"
    )
    add_judge_options(parser)
    parser.set_defaults(judge=None, engine=None)  # what is not given is left to the other sources
    group = parser.add_argument_group("server")
    for name, field in ServerConfig.model_fields.items():
        if name in _JUDGE_FIELDS:
            continue
        text = f"{field.description}"
        if field.default_factory is None and field.default is not None:
            text += f" (default: {field.default})"
        flag, how = _flag(name, field.annotation)
        group.add_argument(flag, dest=name, default=None, help=text.replace("%", "%%"), **how)
    return parser


def _flag(name: str, kind: Any) -> tuple[str, dict[str, Any]]:
    """The flag of a setting, and how argparse reads it; values are checked with the other sources'.

    A list is given one by one: ``--rubric`` for ``rubrics``.
    """
    flag = f"--{name.replace('_', '-')}"
    if kind is bool:
        return flag, {"action": argparse.BooleanOptionalAction}
    if get_origin(kind) is list:
        return flag.removesuffix("s"), {"action": "append", "metavar": "VALUE"}
    if get_origin(kind) is Literal:
        return flag, {"choices": get_args(kind)}
    return flag, {"metavar": "VALUE"}


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that the command line holds."""
    engine_args = engine_options(arguments)
    given = {
        "judge": arguments.judge,
        "engine": engine_args.pop("engine"),
        "engine_args": engine_args or None,
        "decoding": decoding_options(arguments) or None,
        **{
            name: getattr(arguments, name)
            for name in ServerConfig.model_fields
            if name not in _JUDGE_FIELDS
        },
    }
    return {name: value for name, value in given.items() if value is not None}


class DrainingServer(uvicorn.Server):
    """Uvicorn's server, which on the first signal lets the service drain while it still answers.

    Uvicorn itself closes its sockets at once, and nobody could ask whether it is ready.
    """

    def __init__(self, config: uvicorn.Config, service: JudgeService) -> None:
        super().__init__(config)
        self._service = service
        self._is_draining = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._is_draining:
            super().handle_exit(sig, frame)
            return
        self._is_draining = True
        # A signal may come while the loop sleeps, which this wakes.
        asyncio.run_coroutine_threadsafe(self._drain(), asyncio.get_running_loop())

    async def _drain(self) -> None:
        try:
            await self._service.drain(self._service.config.drain_s)
        finally:
            self.should_exit = True


async def _run(server: uvicorn.Server, service: JudgeService) -> int:
    """Serves until a signal comes, or until the engine turns out not to load."""
    profile = service.judge.folder.profile
    serving = asyncio.create_task(server.serve())
    loading = asyncio.create_task(service.settled())
    print(f"loading {profile.name} …", flush=True)
    await asyncio.wait({serving, loading}, return_when=asyncio.FIRST_COMPLETED)
    loading.cancel()
    while not server.started and not serving.done():  # noqa: ASYNC110
        await asyncio.sleep(_POLL_S)  # uvicorn tells of it in no other way
    if service.state in {"ready", "drifted"} and not serving.done():
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        scheme = "https" if server.config.is_ssl else "http"
        print(
            f"{profile.name} {profile.version} (fingerprint {service.judge.fingerprint}) "
            f"is ready at {scheme}://{f'[{host}]' if ':' in host else host}:{port}",
            flush=True,
        )
    elif service.state == "dead":
        print(f"flex-reward: error: {service.detail}", file=sys.stderr)
        server.should_exit = True
    await serving
    return 1 if service.supervisor.state == "dead" else 0


def _interrupt(*signal_and_frame: object) -> NoReturn:
    raise KeyboardInterrupt
