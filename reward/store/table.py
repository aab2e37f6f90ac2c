"""The table of verdicts, and the version of its columns."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 1
"""Of the columns below and of the texts in them; a store of another version is not opened."""

metadata = MetaData()

schema = Table(
    "flexreward_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False)
)
"""One row."""

_number = BigInteger().with_variant(Integer, "sqlite")

verdicts = Table(
    "flexreward_verdicts",
    metadata,
    Column("id", _number, primary_key=True, comment="rises with time"),
    Column("created_at", Double, nullable=False, index=True, comment="seconds since 1970, UTC"),
    Column("key", String(64), nullable=False, index=True, comment="equal for equal questions"),
    Column("judge", Text, nullable=False, comment="fingerprint of the judge"),
    Column("rubric", Text, nullable=False, comment="name and fingerprint of the rubric"),
    Column("protocol", Text, nullable=False),
    Column("run", Text, nullable=False, comment="the training run that asked; may be empty"),
    Column("step", _number, comment="the run's step"),
    Column("reason", Text, comment="why there is no verdict; null for a verdict"),
    Column("score", Double, comment="the one candidate's score; null for several"),
    Column("reward", Double, comment="the one candidate's reward; null for several"),
    Column("flipped", Boolean, comment="whether the preference changed with the order"),
    Column("reasks", Integer, nullable=False, comment="replies that were asked again"),
    Column("prompt_tokens", _number, nullable=False),
    Column("completion_tokens", _number, nullable=False),
    Column("cached_tokens", _number, nullable=False, comment="prompt tokens of the prefix cache"),
    Column("queued_s", Double, nullable=False, comment="seconds before the judge took it up"),
    Column("judged_s", Double, nullable=False, comment="seconds the judge took"),
    Column("served", _number, nullable=False, comment="how often this verdict was served again"),
    Column("size", _number, nullable=False, comment="bytes that the row takes, about"),
    # The long texts stand last: SQLite reads a row from its start.
    Column("request", Text, nullable=False, comment="JSON; media by their hash"),
    Column("outcome", Text, nullable=False, comment="JSON; every field of the verdict"),
)
"""A row for every judgement that was made. Rows are added and pruned; only ``served`` changes."""
