"""``flex-reward scale`` up to where Ray takes over."""

from __future__ import annotations

from pathlib import Path

import pytest

from reward.cli import main
from reward.scale.command import _deployment, _http_options, make_parser
from reward.server.config import ServerConfig


def test_deployment_options_by_file_and_flag(tmp_path: Path) -> None:
    file = tmp_path / "deployment.yaml"
    file.write_text("num_replicas: 2\nray_actor_options: {num_gpus: 1}\n")
    given = make_parser().parse_args(["--deployment", str(file), "--num-replicas", "4"])
    assert _deployment(given) == {"num_replicas": 4, "ray_actor_options": {"num_gpus": 1}}
    assert _deployment(make_parser().parse_args([])) == {}


@pytest.mark.parametrize(
    ("text", "message"), [("[1]", "options by name, got list"), (":\n\t", "cannot")]
)
def test_what_holds_no_options(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "deployment.yaml"
    file.write_text(text)
    assert main(["scale", "--deployment", str(file)]) == 1
    assert message in capsys.readouterr().err


def test_rays_proxies_listen_as_the_server_would() -> None:
    config = ServerConfig(port=9000, tls_cert_file=Path("cert.pem"))
    assert _http_options(config) == {
        "host": "127.0.0.1",
        "port": 9000,
        "ssl_certfile": "cert.pem",
        "ssl_keyfile": "cert.pem",
    }
