"""A labelling run's folder, put on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from judge.errors import MissingExtraError, RequestError
from reward.offline.jobs import STORE, WORK

KEPT_HERE = (f"{WORK}/**", f"{STORE}*", "*.part", "**/*.part")
"""What is of use for going on alone."""


def push_to_hub(folder: Path, repo: str, *, private: bool = True) -> str:
    """Uploads the dataset with its card, report and settings; returns its address.

    Args:
        folder: of a finished run.
        repo: ``owner/name``; made if it is not there.
        private: whether a new one can be seen by its owner alone.

    Raises:
        RequestError: it could not be uploaded; the folder stays as it is.
        MissingExtraError: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "label") from error
    hub = HfApi()
    try:
        address = hub.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
        hub.upload_folder(
            repo_id=repo,
            repo_type="dataset",
            folder_path=folder,
            ignore_patterns=list(KEPT_HERE),
            commit_message="Preference data by flex-reward label",
        )
    except Exception as error:  # whatever the hub and the network bring
        raise RequestError(
            f"{folder} is whole and could not be put on the hub as {repo!r}: {error}; log in by "
            "`hf auth login` and run the same command again"
        ) from error
    return str(address)
