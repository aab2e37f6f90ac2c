"""Encrypted connections, where the server is given a certificate."""

from __future__ import annotations

import ssl
from typing import Any

from reward.errors import ServerConfigError
from reward.server.config import ServerConfig


def tls_options(config: ServerConfig) -> dict[str, Any]:
    """What Uvicorn is told, by its own names; nothing where there is no certificate.

    Raises:
        ServerConfigError: the settings do not go together, or a file does not hold what it should.
    """
    if config.tls_cert_file is None:
        if config.tls_key_file or config.tls_client_ca_file:
            raise ServerConfigError(
                "tls_key_file and tls_client_ca_file go with tls_cert_file, which is not set"
            )
        return {}
    options: dict[str, Any] = {
        "ssl_certfile": config.tls_cert_file,
        "ssl_keyfile": config.tls_key_file,
    }
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # With no password a key that needs one is an error, instead of a question at the terminal.
        context.load_cert_chain(config.tls_cert_file, config.tls_key_file, lambda: "")
    except OSError as error:  # ssl.SSLError is one
        raise ServerConfigError(
            f"no certificate with its private key in {config.tls_cert_file} (tls_cert_file) and "
            f"{config.tls_key_file or 'the same file'} (tls_key_file): {error}; expected PEM files"
        ) from error
    if config.tls_client_ca_file is None:
        return options
    try:
        context.load_verify_locations(config.tls_client_ca_file)
    except OSError as error:
        raise ServerConfigError(
            f"no certificates in {config.tls_client_ca_file} (tls_client_ca_file): {error}; "
            "expected a PEM file"
        ) from error
    return {
        **options,
        "ssl_ca_certs": str(config.tls_client_ca_file),
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }
