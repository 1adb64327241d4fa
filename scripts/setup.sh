#!/usr/bin/env bash
# Makes what the Makefile's targets need: uv and the locked Python packages, both in the user's cache.
# As root or under CI=true it installs what the system lacks and says so; otherwise it stops with the line to paste.
set -euo pipefail

uv_version=0.13.9
cache=${TELTUBBY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/teltubby}
tools=$cache/tools/uv-$uv_version
here=$(cd "$(dirname "$0")/.." && pwd)

say() { printf 'setup: %s\n' "$*" >&2; }

find_python() {
  local candidate
  for candidate in python3.11 python3.12 python3.13 python3; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  say "Python 3.11 or newer is needed"
  install_packages python3 python3-venv
  command -v python3
}

install_packages() {
  if [ "$(id -u)" = 0 ]; then
    say "installing $* (Debian packages)"
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >&2
  elif [ "${CI:-}" = true ]; then
    say "installing $* (Debian packages, by sudo)"
    sudo apt-get update -qq >&2 && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >&2
  else
    say "missing: $*. Paste this, then try again:"
    printf '  sudo apt-get update && sudo apt-get install -y %s\n' "$*" >&2
    exit 1
  fi
}

make_uv() {
  local python
  python=$(find_python)
  if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    install_packages python3-venv
  fi
  say "installing uv $uv_version into $tools"
  rm -rf "$tools"
  "$python" -m venv "$tools"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
}

[ -x "$tools/bin/uv" ] || make_uv

# One environment for each checkout, outside of it.
environment=$cache/environments/$(printf '%s' "$here" | sha256sum | cut -c1-16)
stamp=$environment/.locked
wanted=$(cat "$here/uv.lock" "$here"/pyproject.toml "$here"/*/pyproject.toml "$here"/services/*/pyproject.toml | sha256sum)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
  say "installing the locked Python packages into $environment"
  python=$(find_python)
  # The system's certificates, where there are some: a company's proxy may sign with its own.
  [ ! -e /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS=1
  UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=$environment \
    "$tools/bin/uv" sync --quiet --locked --project "$here" --python "$python"
  printf '%s' "$wanted" >"$stamp"
fi
ln -sf "$tools/bin/uv" "$environment/bin/uv"  # audit and sbom read uv.lock with it
printf '%s\n' "$environment"
