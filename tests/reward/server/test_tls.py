from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from judge import Judge
from reward.errors import ServerConfigError
from reward.server import ServerConfig, create_app
from reward.server.peers import bounded_http
from reward.server.tls import tls_options
from tests.reward.certificates import write_certificate


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return write_certificate(tmp_path / "server.pem")


@pytest.fixture
def start(judge: Judge) -> Iterator[Callable[..., str]]:
    """Starts a server with these settings, as the command does; it is stopped behind the test."""
    stops = []

    def starting(**settings: Any) -> str:
        config = ServerConfig(**settings)
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(judge, config),
                port=0,
                log_level="critical",
                http=bounded_http(config.client_timeout_s),
                timeout_graceful_shutdown=1,
                **tls_options(config),
            )
        )
        thread = threading.Thread(target=server.run)
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join()

        stops.append(stop)
        while not server.started:
            time.sleep(0.01)
        return f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield starting
    for stop in stops:
        stop()


def trusting(certificate: Path, own: Path | None = None) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=certificate)
    if own is not None:
        context.load_cert_chain(own)
    return httpx.AsyncClient(verify=context, trust_env=False, timeout=60)


async def test_https(start: Callable[..., str], certificate: Path) -> None:
    url = start(tls_cert_file=certificate)
    async with trusting(certificate) as http:
        assert (await http.get(f"{url}/health")).status_code == 200
        with pytest.raises(httpx.TransportError):
            await http.get(f"{url}/health".replace("https", "http"))
    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get(f"{url}/health")


async def test_clients_with_a_certificate_only(
    start: Callable[..., str], certificate: Path, tmp_path: Path
) -> None:
    own, stranger = (write_certificate(tmp_path / f"{name}.pem") for name in ("own", "stranger"))
    url = start(tls_cert_file=certificate, tls_client_ca_file=own)
    async with trusting(certificate, own) as http:
        assert (await http.get(f"{url}/health")).status_code == 200
    for wrong in (None, stranger):
        async with trusting(certificate, wrong) as http:
            with pytest.raises(httpx.TransportError):
                await http.get(f"{url}/health")


def test_without_a_certificate_there_is_none() -> None:
    assert tls_options(ServerConfig()) == {}


@pytest.mark.parametrize("name", ["tls_key_file", "tls_client_ca_file"])
def test_what_goes_with_a_certificate(name: str) -> None:
    with pytest.raises(ServerConfigError, match="go with tls_cert_file"):
        tls_options(ServerConfig(**{name: Path("x")}))


def test_files_are_checked_at_the_start(certificate: Path, tmp_path: Path) -> None:
    other = write_certificate(tmp_path / "other.pem")
    empty = tmp_path / "empty.pem"
    empty.touch()
    key = certificate.read_text().partition("-----BEGIN CERT")[0]
    locked = tmp_path / "locked.pem"
    locked.write_text(key)
    for settings in (
        {"tls_cert_file": tmp_path / "none.pem"},
        {"tls_cert_file": empty},
        {"tls_cert_file": locked},
        {"tls_cert_file": certificate, "tls_key_file": other},
    ):
        with pytest.raises(ServerConfigError, match="no certificate with its private key"):
            tls_options(ServerConfig(**settings))
    for wrong in (empty, tmp_path / "none.pem"):
        with pytest.raises(ServerConfigError, match="no certificates in"):
            tls_options(ServerConfig(tls_cert_file=certificate, tls_client_ca_file=wrong))
