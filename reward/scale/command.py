"""``flex-reward scale``."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from judge import MissingExtraError
from reward.errors import ServerConfigError, ServerNotReadyError
from reward.server.auth import check_exposure
from reward.server.config import ENV_PREFIX, ServerConfig, load_config
from reward.server.logs import set_up_logging

_EXAMPLES = f"""\
examples:
  flex-reward scale --num-replicas 2                    two embedded judges on this machine
  flex-reward scale --config server.yaml --deployment deployment.yaml
  flex-reward scale --address auto --num-replicas 8     on the Ray cluster of this machine
  {ENV_PREFIX}JUDGE=./my-judge flex-reward scale --deployment deployment.yaml

deployment.yaml, by Ray's own names:
  ray_actor_options: {{num_gpus: 1}}
  autoscaling_config: {{min_replicas: 1, max_replicas: 8, target_ongoing_requests: 16}}
"""


def main(argv: Sequence[str]) -> int:
    """Runs the command until it is interrupted; returns its exit status.

    Raises:
        JudgeError: it cannot be run as told.
    """
    arguments = make_parser().parse_args(argv)
    config = load_config({}, arguments.config)
    deployment = _deployment(arguments)
    set_up_logging(config.log_format, config.log_level)
    check_exposure(config)
    try:
        import ray
        from ray import serve
        from ray.exceptions import RayError

        from reward.scale.app import build
    except ImportError as error:
        raise MissingExtraError(error.name or "ray", "scale") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(address=arguments.address, log_to_driver=True)
    try:
        serve.start(http_options=_http_options(config))
    except RayError as error:
        raise ServerNotReadyError(
            f"Ray's proxies did not start on {config.host}:{config.port} (is the port free, and "
            f"has the machine a processor to spare?): {error}"
        ) from error
    try:
        application = build(config, deployment)
    except (TypeError, ValueError) as error:
        raise ServerConfigError(f"Ray does not take these deployment options: {error}") from error
    signal.signal(signal.SIGTERM, _interrupt)
    print(f"loading {config.judge} …", flush=True)
    try:
        serve.run(application, blocking=True)
    except KeyboardInterrupt:
        print("stopping …", flush=True)
    finally:
        serve.shutdown()  # type: ignore[no-untyped-call]  # which is for Ray to say
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="flex-reward scale",
        description="Serve a judge by many replicas with Ray Serve. Settings of the server are "
        f"those of `flex-reward serve`, by --config and the environment ({ENV_PREFIX}…).",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="the server's settings")
    parser.add_argument(
        "--deployment", type=Path, metavar="FILE.yaml", help="options of the replicas, as Ray's"
    )
    parser.add_argument(
        "--num-replicas", type=int, metavar="N", help="over that of --deployment (default: 1)"
    )
    parser.add_argument(
        "--address",
        help="of a Ray cluster, e.g. auto or ray://head:10001 (default: this machine alone)",
    )
    return parser


def _deployment(arguments: argparse.Namespace) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if arguments.deployment is not None:
        try:
            options = yaml.safe_load(arguments.deployment.read_text(encoding="utf-8")) or {}
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise ServerConfigError(f"{arguments.deployment} cannot be read: {error}") from error
        if not isinstance(options, dict):
            raise ServerConfigError(
                f"{arguments.deployment} must hold options by name, got {type(options).__name__}"
            )
    if arguments.num_replicas is not None:
        options["num_replicas"] = arguments.num_replicas
    return options


def _http_options(config: ServerConfig) -> dict[str, Any]:
    """Where Ray's proxies listen."""
    options: dict[str, Any] = {"host": config.host, "port": config.port}
    if config.tls_cert_file is not None:
        options["ssl_certfile"] = str(config.tls_cert_file)
        options["ssl_keyfile"] = str(config.tls_key_file or config.tls_cert_file)
    if config.tls_client_ca_file is not None:
        options["ssl_ca_certs"] = str(config.tls_client_ca_file)
    return options


def _interrupt(*signal_and_frame: object) -> NoReturn:
    raise KeyboardInterrupt
