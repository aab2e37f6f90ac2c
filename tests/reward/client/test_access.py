"""Addresses, keys and certificates."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reward import RewardClient, RewardRequestError, SyncRewardClient
from reward.client.access import read_access, read_addresses
from tests.reward.certificates import write_certificate

ROWS = [{"prompt": "Rate this.", "completion": "score=10"}]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "CA_FILE"):
        monkeypatch.delenv(f"FLEXREWARD_{name}", raising=False)


def test_one_address_several_in_a_text_or_a_list() -> None:
    assert read_addresses("http://a:1/") == ("http://a:1",)
    several = ("http://a:1", "https://b:2")
    assert read_addresses("http://a:1, https://b:2,http://a:1/") == several
    assert read_addresses(several) == several
    assert SyncRewardClient("http://a:1,https://b:2").urls == several


@pytest.mark.parametrize("given", ["", "localhost:8471", "http://a:1,b:2", [], ["b:2"]])
def test_what_is_no_address_is_refused(given: str | list[str]) -> None:
    with pytest.raises(RewardRequestError, match="not the address of a reward server"):
        RewardClient(given)


def test_the_key_is_read_at_construction(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_access(None, None).headers == {}
    monkeypatch.setenv("FLEXREWARD_API_KEY", "of-the-environment")
    assert read_access(None, None).headers == {"authorization": "Bearer of-the-environment"}
    assert read_access("given", None).headers == {"authorization": "Bearer given"}
    assert "given" not in repr(read_access("given", None))


@pytest.mark.parametrize("key", ["two\nlines", "blank ", "schlüssel", ""])
def test_a_key_that_is_none_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(RewardRequestError, match="printable ASCII") as caught:
        read_access(key, None)
    assert not key or key not in str(caught.value)


async def test_the_key_is_sent_and_a_refusal_says_what_to_do() -> None:
    seen = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(401, json={"detail": "unknown key"})

    async with RewardClient(api_key="s3cret", transport=httpx.MockTransport(server)) as client:
        with pytest.raises(RewardRequestError, match=r"api_key=.*FLEXREWARD_API_KEY.*unknown key"):
            await client.rewards(ROWS, rubric="captioning")
        with pytest.raises(RewardRequestError, match="FLEXREWARD_API_KEY"):
            await client.info()
    assert seen == ["Bearer s3cret"] * 2


def test_no_file_of_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RewardRequestError, match="no certificates to trust"):
        read_access(None, tmp_path / "none.pem")
    (tmp_path / "empty.pem").touch()
    monkeypatch.setenv("FLEXREWARD_CA_FILE", str(tmp_path / "empty.pem"))
    with pytest.raises(RewardRequestError, match="FLEXREWARD_CA_FILE"):
        read_access(None, None)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server behind TLS, and the certificate that it shows."""
    import http.server

    certificate = write_certificate(tmp_path / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Info(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments: object) -> None:
            return None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Info)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", certificate
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_certificate_is_trusted_by_its_file(secure: tuple[str, Path]) -> None:
    url, certificate = secure
    async with RewardClient(url, verify=certificate) as client:
        assert await client.info() == {}
    async with RewardClient(url, verify=False) as client:
        assert await client.info() == {}


async def test_an_untrusted_certificate_is_the_callers_to_mend(secure: tuple[str, Path]) -> None:
    url, _ = secure
    async with RewardClient(url) as client:
        with pytest.raises(RewardRequestError, match=r"not trusted.*verify=.*FLEXREWARD_CA_FILE"):
            await client.rewards(ROWS, rubric="captioning", deadline_s=30)
