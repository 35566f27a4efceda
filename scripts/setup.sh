# Sourced by the scripts next to it: brings a fresh Debian machine with Node and npm to where Streampool runs.
# Quiet when there is nothing to do. Sets `root`, and puts the workspace's own Node first in PATH.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

fail() {
  echo "streampool: $*" >&2
  exit 1
}

# What npm installs follows from these files alone.
dependencies_stamp() {
  (cd "$root" && cat package.json package-lock.json packages/*/package.json 2>/dev/null | sha256sum)
}

install_dependencies() {
  local stamp="$root/node_modules/.streampool-installed" log
  if [ ! -f "$stamp" ] || [ "$(dependencies_stamp)" != "$(cat "$stamp")" ]; then
    command -v npm >/dev/null || fail "please install Node 20 or newer with npm (Debian: apt-get install npm)"
    echo "streampool: installing npm dependencies…" >&2
    log="$(mktemp)"
    if ! (cd "$root" && npm install --no-audit --no-fund) >"$log" 2>&1; then
      tail -n 30 "$log" >&2
      fail "npm install failed (the whole log: $log)"
    fi
    rm -f "$log"
    dependencies_stamp >"$stamp"
  fi
  export PATH="$root/node_modules/.bin:$PATH"
  [[ "$(node --version 2>/dev/null)" =~ ^v(2[4-9]|[3-9][0-9]) ]] ||
    fail "npm did not install Node 24 (were install scripts disabled?): run npm install --no-audit --no-fund"
}

# ensure_programs PROGRAM=PACKAGE…: installs the Debian packages of programs that are missing, where that is allowed.
ensure_programs() {
  local missing=() packages as_root=() log pair
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -eq 0 ] && return
  packages="$(printf '%s\n' "${missing[@]}" | sort -u | paste -sd ' ')"
  if [ "$(id -u)" -ne 0 ]; then
    if sudo -n true 2>/dev/null; then as_root=(sudo -n); else fail "please install: sudo apt-get install $packages"; fi
  fi
  command -v apt-get >/dev/null || fail "please install: $packages"
  echo "streampool: installing $packages…" >&2
  log="$(mktemp)"
  # RUNLEVEL=1: a package's service is not started. The package lists of a fresh machine are empty: update, and again.
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends)
  # shellcheck disable=SC2086 # several packages
  if ! "${install[@]}" $packages >"$log" 2>&1 &&
    ! { "${as_root[@]}" apt-get update >>"$log" 2>&1 && "${install[@]}" $packages >>"$log" 2>&1; }; then
    tail -n 10 "$log" >&2
    fail "please install: sudo apt-get install $packages"
  fi
  rm -f "$log"
}
