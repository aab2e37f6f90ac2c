"""Hugging Face datasets: saved on disk, as a folder of data files, or on the hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from judge.errors import MissingExtraError, RequestError
from judge.tables.base import BATCH, Table, import_arrow

_SAVED = ("state.json", "dataset_dict.json")
"""Files of a folder that ``save_to_disk`` made."""


class DatasetTable(Table):
    """The rows of one split, as Arrow holds them: pictures and sounds are not decoded."""

    def __init__(self, dataset: Any, name: str) -> None:
        self._dataset = dataset.with_format("arrow")
        self._name = name

    def count(self) -> int | None:
        return len(self._dataset) if hasattr(self._dataset, "__len__") else None

    def schema(self) -> Any:
        features = self._dataset.features
        if features is None:
            raise RequestError(
                f"the columns of {self._name} are not known before it is read; "
                "give an --output that ends in .jsonl"
            )
        return features.arrow_schema

    def batches(self) -> Iterator[Any]:
        try:
            for table in self._dataset.iter(batch_size=BATCH):
                yield from table.to_batches()
        except Exception as error:  # whatever the files, the hub and the network bring
            raise RequestError(f"dataset {self._name!r} cannot be read on: {error}") from error


def open_dataset(name: str, split: str) -> DatasetTable:
    """A dataset's split; the only one where ``split`` is empty.

    Raises:
        RequestError: it cannot be opened, or has no such split; the message names those it has.
        MissingExtraError: datasets is not installed.
    """
    import_arrow()
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "data") from error
    try:
        if any((Path(name) / file).is_file() for file in _SAVED):
            found = datasets.load_from_disk(name)
        else:
            found = datasets.load_dataset(name, streaming=True)
    except Exception as error:  # whatever the files, the hub and the network bring
        raise RequestError(f"dataset {name!r} cannot be opened: {error}") from error
    if not isinstance(found, dict):
        if split:
            raise RequestError(f"dataset {name!r} has no splits, and {split!r} was asked for")
        return DatasetTable(found, name)
    if not split and len(found) == 1:
        (split,) = found
    if split not in found:
        raise RequestError(
            f"dataset {name!r} has the splits {', '.join(found)}: "
            f"name one, e.g. {name}:{next(iter(found))}"
        )
    return DatasetTable(found[split], name)
