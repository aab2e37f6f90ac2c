"""What a server is told, and by whom: flags, else the environment, else a file, else defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from judge.media.images import MAX_BYTES, MAX_PIXELS
from reward.errors import ServerConfigError
from reward.server.logs import LogFormat, LogLevel
from reward.store.quantities import parse_age, parse_size
from reward.wire import DEFAULT_HOST, DEFAULT_PORT

ENV_PREFIX = "FLEXREWARD_SERVER_"
"""``FLEXREWARD_SERVER_PORT`` sets ``port``; lists and tables are JSON. The clients' variables begin
otherwise.
"""

_Seconds = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]


def _readable_by(parse: Callable[[str], float]) -> Callable[[str], str]:
    """A check for texts that are kept as they were written."""

    def check(text: str) -> str:
        parse(text)
        return text

    return check


class ServerConfig(BaseModel):
    """The settings of a reward server; times in seconds. Reads nothing by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    judge: str = Field(
        default="nano", description="'nano' (embedded), a checkpoint folder, or a hub id"
    )
    engine: str = Field(
        default="vllm", description="what runs the judge: vllm, openai or transformers"
    )
    engine_args: dict[str, Any] = Field(
        default_factory=dict, description="options of the engine, by its own names"
    )
    decoding: dict[str, Any] = Field(
        default_factory=dict, description="decoding fields instead of the judge's own"
    )
    rubrics: list[str] = Field(
        default_factory=list,
        description="a rubric of your own (a TOML file), served by its name beside those that ship",
    )
    rewards: list[str] = Field(
        default_factory=list,
        description="a composed reward (a YAML file), served by its name beside the rubrics",
    )
    host: str = Field(
        default=DEFAULT_HOST,
        description="address to listen on; one that other machines reach needs --keys-file",
    )
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535, description="0 takes a free one")
    keys_file: Path | None = Field(
        default=None,
        description="hashes of the API keys, made by `flex-reward keys add`; without it, whoever "
        "reaches the address may ask",
    )
    allow_anyone: bool = Field(default=False, description="serve other machines without API keys")
    tls_cert_file: Path | None = Field(
        default=None, description="certificate (PEM) to serve https with"
    )
    tls_key_file: Path | None = Field(
        default=None, description="its private key (PEM), where that is in a file of its own"
    )
    tls_client_ca_file: Path | None = Field(
        default=None,
        description="authority (PEM) from which every client must have a certificate",
    )
    max_body_bytes: _Count = Field(default=64 * 1024**2, description="largest request body")
    media_bytes: _Count = Field(
        default=1024**3,
        description="most picture data kept in memory; the least recently used go first",
    )
    image_bytes: int = Field(
        default=MAX_BYTES, ge=1, le=MAX_BYTES, description="largest encoded picture"
    )
    image_pixels: int = Field(
        default=MAX_PIXELS, ge=1, le=MAX_PIXELS, description="most pixels of a picture"
    )
    image_roots: list[Path] = Field(
        default_factory=list,
        description="a folder of this machine whose pictures may be named by absolute path",
    )
    image_hosts: list[str] = Field(
        default_factory=list,
        description="a public host (name or name:port) whose pictures may be named by address",
    )
    private_image_hosts: list[str] = Field(
        default_factory=list,
        description="the same, and it may be in a private network or on this machine",
    )
    image_fetch_s: _Seconds = Field(default=10.0, description="time to fetch one picture")
    sample_chars: _Count = Field(
        default=1_000_000, description="longest text of one sample, prompt and all, in characters"
    )
    judged_at_once: _Count = Field(
        default=512, description="most samples given to the engine at once"
    )
    queue_samples: _Count = Field(
        default=4096, description="most samples that wait for their turn; more are refused (429)"
    )
    client_timeout_s: _Seconds = Field(
        default=60.0,
        description="time for a request to come whole and for its answer to be taken; a client "
        "that is slower, or gone without a word, is disconnected",
    )
    drain_s: Annotated[float, Field(ge=0)] = Field(
        default=25.0,
        description="after SIGTERM, time for samples under way before they stay unjudged",
    )
    store: str | None = Field(
        default=None,
        description="where verdicts are kept and served from: the path of an SQLite file, or a "
        "postgresql:// address",
    )
    store_max_age: Annotated[str, AfterValidator(_readable_by(parse_age))] | None = Field(
        default=None, description="judgements kept, by age, e.g. 30d"
    )
    store_max_size: Annotated[str, AfterValidator(_readable_by(parse_size))] | None = Field(
        default=None,
        description="judgements kept, by what they take, e.g. 20GB; the oldest go first",
    )
    warm_up: bool = Field(default=True, description="judge once before being ready")
    on_engine_death: Literal["unjudged", "retry"] = Field(
        default="unjudged",
        description="samples under way when the engine dies: unjudged at once, or judged once "
        "more after its restart",
    )
    max_restarts: int = Field(
        default=5,
        ge=0,
        description="restarts of a dead engine within the window; then it is given up",
    )
    restart_window_s: _Seconds = Field(default=600.0, description="the window for --max-restarts")
    restart_pause_s: _Seconds = Field(
        default=1.0,
        description="pause before a restart; twice as long for each further one in the window",
    )
    while_asleep: Literal["wait", "refuse"] = Field(
        default="wait",
        description="requests that come while the engine sleeps: wait until their deadline, or "
        "are refused (503)",
    )
    canary_file: Path | None = Field(
        default=None, description="requests (YAML or JSONL) judged again and again to notice drift"
    )
    canary_scores: Path | None = Field(
        default=None,
        description="where the canaries' first scores are kept (default: CANARY_FILE.scores.json)",
    )
    canary_every_s: _Seconds = Field(default=600.0, description="time between rounds of canaries")
    canary_tolerance: Annotated[float, Field(ge=0)] = Field(
        default=0.5, description="points that a canary's score may differ by"
    )
    refuse_on_drift: bool = Field(default=False, description="not ready while canaries drift")
    log_format: LogFormat = Field(default="text", description="format of log lines, on stderr")
    log_level: LogLevel = Field(default="info", description="least important log lines shown")
    trace_endpoint: str | None = Field(
        default=None,
        description="OpenTelemetry collector for traces (OTLP over HTTP), e.g. "
        "http://127.0.0.1:4318/v1/traces",
    )


def load_config(flags: Mapping[str, Any], file: Path | None) -> ServerConfig:
    """The settings of one server.

    Args:
        flags: what the command line set, by field; above all else.
        file: a YAML file of fields; below the environment, above the defaults.

    Raises:
        ServerConfigError: a file that cannot be read, a setting that there is not, or a value that
            is none.
    """

    class Sources(BaseSettings, ServerConfig):
        model_config = SettingsConfigDict(env_prefix=ENV_PREFIX)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, file)

    if file is not None and not file.is_file():
        raise ServerConfigError(f"no settings at {file}: expected a YAML file")
    try:
        return ServerConfig(**Sources(**flags).model_dump())
    except ValidationError as error:
        raise ServerConfigError(_explained(error)) from error
    except SettingsError as error:
        raise ServerConfigError(f"{error}: {error.__cause__}") from error
    except (OSError, TypeError, ValueError, yaml.YAMLError) as error:
        raise ServerConfigError(f"the settings in {file} cannot be read: {error}") from error


def _explained(error: ValidationError) -> str:
    """Field, what is wrong and what came; never what a secret was."""
    lines = []
    for each in error.errors(include_url=False):
        name = ".".join(map(str, each["loc"]))
        if each["type"] == "extra_forbidden":
            known = ", ".join(ServerConfig.model_fields)
            lines.append(f"there is no setting {name!r}: expected one of {known}")
        else:
            lines.append(
                f"{name}: {each['msg']} (by flag, {ENV_PREFIX}{name.upper()} or the --config file)"
            )
    return "; ".join(lines)
