# Packages of Python. Runs as the user of the task, without the functions of the prelude. Given: venv (or empty), chosen (a pip, or
# empty), place, and the function made, which makes a virtual environment.
# shellcheck shell=sh disable=SC2154
PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
export PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT
cd -- "$place" 2>/dev/null || { printf '%s' "the directory $place does not exist yet"; exit 3; }

# own PATH: stop where it belongs to another user, whose programs would run.
own() {
  [ "$(stat -L -c %u -- "$1")" = "$(id -u)" ] || [ "$(stat -L -c %u -- "$1")" = 0 ] || {
    echo "$1 belongs to $(stat -L -c %U -- "$1"): write become_user: $(stat -L -c %U -- "$1")"
    exit 1
  }
}

run_pip() {
  if [ -n "$venv" ]; then "$venv/bin/python" -m pip "$@"
  elif [ -n "$chosen" ]; then "$chosen" "$@"
  else python3 -m pip "$@"; fi
}

# pip_there: whether there is one.
pip_there() {
  if [ -n "$venv" ]; then [ -x "$venv/bin/python" ] || return 1; own "$venv"; own "$venv/bin"; own "$venv/bin/python"
  elif [ -n "$chosen" ]; then command -v "$chosen" >/dev/null
  else python3 -m pip --version >/dev/null 2>&1; fi
}

# listed: print what it has installed; nothing of an environment that is not there.
listed() {
  if pip_there; then
    found=$(run_pip list --format=freeze)
    printf 'found=%s\036' "$found"
  elif [ -n "$venv" ] && command -v python3 >/dev/null; then printf 'found=\036'
  else
    printf '%s' 'pip is not installed yet'
    exit 3
  fi
}

make_venv() {
  if [ -z "$venv" ] || [ -x "$venv/bin/python" ]; then
    pip_there || { echo 'pip is not installed'; exit 1; }
    return 0
  fi
  way=${venv%/*}
  while [ ! -d "$way/" ]; do way=${way%/*}; done
  own "${way:-/}"
  made "$venv"
  [ -x "$venv/bin/python" ] || { echo "$venv was created, but has no Python"; exit 1; }
}
