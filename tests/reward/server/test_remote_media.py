"""Pictures fetched from real servers on loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from judge import MediaError
from reward.errors import ServerConfigError
from reward.server.remote_media import FetchError, RemotePictures, read_hosts
from tests.reward.certificates import write_certificate

PICTURE = b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 7\r\n\r\npicture"


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode()


def redirect(to: str, status: str = "302 Found") -> bytes:
    return head(f"location: {to}", "content-length: 0", status=status)


class Site:
    """Answers each path with the bytes it was given; ``asked`` holds the requests' heads."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {"/a.png": PICTURE}
        self.asked: list[str] = []
        self.port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=tls)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(request)
            answer = self.answers[request.split()[1]]
            if answer == b"trickle":
                writer.write(head("content-type: image/png"))
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            writer.write(answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().serving() as site:
        yield site


def pictures(*private: str, public: tuple[str, ...] = (), **limits: Any) -> RemotePictures:
    return RemotePictures(public, private, **{"max_bytes": 1000, "timeout_s": 20.0, **limits})


async def test_a_picture_is_fetched(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.answers["/a.png?size=8"] = PICTURE
    assert await pictures(site.host).fetch(f"{site.url}/a.png?size=8#top") == b"picture"
    (asked,) = site.asked
    assert asked.startswith("GET /a.png?size=8 HTTP/1.1\r\n")
    assert f"Host: {site.host}\r\n" in asked
    assert "Accept-Encoding: identity" in asked
    assert not {"cookie", "authorization"} & {line.split(":")[0].lower() for line in asked.split()}


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{other}/a.png",
        "http://127.0.0.1/a.png",
        "http://localhost:{port}/a.png",
        "http://2130706433:{port}/a.png",
        "http://0x7f.1:{port}/a.png",
        "http://127.1:{port}/a.png",
        "http://[::ffff:127.0.0.1]:{port}/a.png",
        "http://127.0.0.1.evil.example:{port}/a.png",
        "http://evil.example#@127.0.0.1:{port}/a.png",
        "http://me@127.0.0.1:{port}/a.png",
        "http://127.0.0.1:{port}@evil.example/a.png",
        "http://127.0.0.1:{port}\\@evil.example/a.png",
        "ftp://127.0.0.1:{port}/a.png",
        "gopher://127.0.0.1:{port}/a.png",
        "file:///etc/passwd",
        "http:///a.png",
        "http://",
        "http://[",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:{port}/\r\nx: y",
    ],
)
async def test_only_a_host_that_was_named_is_asked(address: str, site: Site) -> None:
    with pytest.raises(MediaError):
        await pictures(site.host).fetch(address.format(port=site.port, other=site.port + 1))
    assert site.asked == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "017700000001", "127.1"]
)
async def test_a_named_host_has_to_be_public(host: str, site: Site) -> None:
    remote = pictures(public=(f"{host}:{site.port}",))
    with pytest.raises(MediaError, match="not on the public Internet"):
        await remote.fetch(f"http://{host}:{site.port}/a.png")
    assert site.asked == []


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 T", "308 P"])
async def test_a_redirect_is_followed(status: str, site: Site) -> None:
    site.answers["/to"] = redirect("b/../a.png", status)
    assert await pictures(site.host).fetch(f"{site.url}/to") == b"picture"


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.1:{other}/a.png",
        "//127.0.0.1:{other}/a.png",
        "http://localhost:{other}/a.png",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "http://[::1]:{other}/a.png",
    ],
)
async def test_a_redirect_leads_to_named_hosts_only(to: str, site: Site) -> None:
    async with Site().serving() as other:
        site.answers["/to"] = redirect(to.format(other=other.port))
        with pytest.raises(MediaError, match=r"not fetched from|not an address"):
            await pictures(site.host).fetch(f"{site.url}/to")
        assert other.asked == []


async def test_a_redirect_to_a_named_host_that_is_not_public(site: Site) -> None:
    async with Site().serving() as other:
        site.answers["/to"] = redirect(f"{other.url}/a.png".replace("127.0.0.1", "localhost"))
        remote = pictures(site.host, public=(f"localhost:{other.port}",))
        with pytest.raises(MediaError, match="not on the public Internet"):
            await remote.fetch(f"{site.url}/to")
        assert other.asked == []


async def test_redirects_end(site: Site) -> None:
    site.answers["/to"] = redirect("/to")
    with pytest.raises(MediaError, match="more than 3 redirects"):
        await pictures(site.host).fetch(f"{site.url}/to")
    assert len(site.asked) == 4


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (head("content-type: image/png", "content-length: 1001"), "limit of 1000 bytes"),
        (head("content-type: image/png") + b"x" * 1001, "limit of 1000 bytes"),
        (head("content-type: text/html") + b"<html>", "sent 'text/html', expected a picture"),
        (head() + b"x", "sent 'nothing'"),
        (head("content-type: image/png", "content-encoding: gzip") + b"x", "compressed"),
        (head("content-length: 0", status="404 Not Found"), "status 404"),
        (head("content-length: 0", status="204 No Content"), "status 204"),
        (head("content-length: 0", status="302 Found"), "status 302"),
    ],
)
async def test_what_is_no_picture_is_the_samples_fault(
    answer: bytes, message: str, site: Site
) -> None:
    site.answers["/x"] = answer
    with pytest.raises(MediaError, match=message):
        await pictures(site.host).fetch(f"{site.url}/x")


@pytest.mark.parametrize(
    "answer",
    [
        head("content-length: 0", status="503 Busy"),
        head("content-length: 0", status="429 Slower"),
        head("content-type: image/png", "content-length: 100") + b"cut off",
        b"what?\r\n\r\n",
        b"",
    ],
)
async def test_trouble_of_the_host_is_not(answer: bytes, site: Site) -> None:
    site.answers["/x"] = answer
    with pytest.raises(FetchError, match=r"127\.0\.0\.1"):
        await pictures(site.host).fetch(f"{site.url}/x")


async def test_nobody_listens(site: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(FetchError):
            await pictures(host).fetch(f"http://{host}/a.png")


async def test_a_slow_host_is_not_waited_for(site: Site) -> None:
    site.answers["/x"] = b"trickle"
    with pytest.raises(FetchError, match="did not send the picture within 1 s"):
        await pictures(site.host, timeout_s=1.0, max_bytes=10**6).fetch(f"{site.url}/x")


@pytest.mark.parametrize(("name", "is_trusted"), [("pictures.test", True), ("other.test", False)])
async def test_https_is_checked_for_the_name_that_was_asked(
    name: str, is_trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate(tmp_path / "site.pem", name)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    real = asyncio.BaseEventLoop.getaddrinfo

    async def resolve(loop: Any, host: Any, port: int, **options: Any) -> Any:
        return await real(loop, "127.0.0.1" if host == "pictures.test" else host, port, **options)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    async with Site().serving(context) as site:
        host = f"pictures.test:{site.port}"
        fetching = pictures(host).fetch(f"https://{host}/a.png")
        if is_trusted:
            assert await fetching == b"picture"
        else:
            with pytest.raises(FetchError, match=r"pictures\.test"):
                await fetching


def test_hosts_as_they_are_written() -> None:
    assert read_hosts("Images.Example.com") == {
        ("images.example.com", 80),
        ("images.example.com", 443),
    }
    assert read_hosts("a:443") == {("a", 443)}
    assert read_hosts("[::1]:8080") == {("::1", 8080)}
    assert read_hosts("bücher.example:80") == {("xn--bcher-kva.example", 80)}


@pytest.mark.parametrize(
    "text", ["", "*", "*.example.com", "http://a", "a/b", "a?b", "u@a", "a b", "a:x", "a:99999"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ServerConfigError, match="no host to fetch pictures from"):
        pictures(text)
