"""``flex-reward``: serve a judge as a reward."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from judge.options import add_judge_options, decoding_options, engine_options
from reward.wire import DEFAULT_HOST, DEFAULT_PORT

if TYPE_CHECKING:
    from reward.server.service import JudgeService

_EXAMPLES = """\
examples:
  flex-reward serve                                     the embedded judge, on a CPU or a GPU
  flex-reward serve --judge jongwooko/Flex-VL-7B --max-model-len 16384
  flex-reward serve --judge ./my-judge --rubric ./my-rubric.toml --port 9000
  flex-reward serve --engine-arg gpu_memory_utilization=0.5 --engine-arg enforce_eager=true

then, from anywhere on this machine:
  curl http://127.0.0.1:8471/ready
  curl http://127.0.0.1:8471/v1/rewards -H 'content-type: application/json' -d '{
    "rubric": "helpfulness", "rationale": true,
    "samples": [{"prompt": "What is 2 + 2?", "completion": "4"}]}'
  FLEXREWARD_RUBRIC=captioning trl grpo --reward_funcs reward.adapters.trl.judge_reward ...
"""
_DRAIN_S = 10
_POLL_S = 0.05


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status: 0, or 1 after an error that it has printed."""
    arguments = _parser().parse_args(argv)
    from judge.errors import JudgeError

    try:
        return _serve(arguments)
    except JudgeError as error:
        print(f"flex-reward: error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flex-reward",
        description="Rewards for reinforcement learning from a reasoning multimodal judge.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="serve a judge over HTTP",
        description="Serve a judge over HTTP: samples go in, rewards between 0 and 1 come out "
        "(or null and the reason why a sample was not judged). The address is printed once the "
        "judge is ready; Ctrl-C or SIGTERM stops the server.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument(
        "--host",
        default=DEFAULT_HOST,
        help=f"address to listen on; the server asks nobody who they are (default: {DEFAULT_HOST})",
    )
    serve.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help=f"0 takes a free one (default: {DEFAULT_PORT})",
    )
    serve.add_argument(
        "--rubric",
        action="append",
        default=[],
        metavar="FILE.toml",
        help="a rubric of your own, served by its name beside those that ship; repeatable",
    )
    add_judge_options(serve)
    return parser


def _serve(arguments: argparse.Namespace) -> int:
    from judge import RUBRICS, Judge, MissingExtraError, load_rubric

    try:
        import uvicorn

        from reward.server import create_app
    except ImportError as error:
        raise MissingExtraError(error.name or "fastapi", "serve") from error

    signal.signal(signal.SIGTERM, _interrupt)
    rubrics = {name: load_rubric(name) for name in RUBRICS}
    for path in arguments.rubric:
        rubric = load_rubric(path)
        rubrics[rubric.name] = rubric
    judge = Judge.from_folder(
        arguments.judge, decoding=decoding_options(arguments), **engine_options(arguments)
    )
    app = create_app(judge, rubrics=rubrics)
    config = uvicorn.Config(
        app,
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        ws="none",
        timeout_graceful_shutdown=_DRAIN_S,
    )
    try:
        return asyncio.run(_run(uvicorn.Server(config), app.state.service))
    except KeyboardInterrupt:  # how uvicorn passes a signal on, once it has shut down in order
        return 0


async def _run(server: Any, service: JudgeService) -> int:
    """Serves until a signal comes, or until the engine turns out not to load."""
    profile = service.judge.folder.profile
    serving = asyncio.create_task(server.serve())
    loading = asyncio.create_task(service.settled())
    print(f"loading {profile.name} …", flush=True)
    await asyncio.wait({serving, loading}, return_when=asyncio.FIRST_COMPLETED)
    loading.cancel()
    while not server.started and not serving.done():  # noqa: ASYNC110
        await asyncio.sleep(_POLL_S)  # uvicorn tells of it in no other way
    if service.state == "ready" and not serving.done():
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        print(
            f"{profile.name} {profile.version} (fingerprint {service.judge.fingerprint}) "
            f"is ready at http://{f'[{host}]' if ':' in host else host}:{port}",
            flush=True,
        )
    elif service.state == "dead":
        print(f"flex-reward: error: {service.detail}", file=sys.stderr)
        server.should_exit = True
    await serving
    return 1 if service.state == "dead" else 0


def _interrupt(*signal_and_frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
