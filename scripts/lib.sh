# shellcheck shell=bash
# What quickstart and test share: the prerequisites, and where things are.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
started=$SECONDS

say() { printf '\n%s\n' "$*" >&2; }
fail() { printf '\nerror: %s\n' "$*" >&2; exit 1; }
elapsed() { printf '%d min %02d s' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)); }

# Servers are often in directories that are not on a plain user's PATH.
find_program() {
  local name
  for name in "$@"; do
    PATH="$PATH:/usr/bin:/usr/local/bin:/usr/sbin:/usr/local/sbin:/usr/libexec:/opt/homebrew/bin:/opt/homebrew/opt/mariadb/bin:/usr/local/opt/mariadb/bin" \
      command -v "$name" >/dev/null && return
  done
  return 1
}

has_compiler() { find_program cc gcc clang; }
has_python() { python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }
has_mariadb() { find_program mariadbd mysqld && find_program mariadb-install-db mysql_install_db; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "this needs root and there is no sudo; run it yourself: $*"
  fi
}

# Installs the packages named for this system's package manager: apt dnf zypper pacman apk brew.
install_packages() {
  local what=$1 apt=$2 dnf=$3 zypper=$4 pacman=$5 apk=$6 brew=$7
  say "Installing $what"
  # shellcheck disable=SC2086  # each may be several packages
  {
    if command -v apt-get >/dev/null; then
      as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $apt
    elif command -v dnf >/dev/null; then as_root dnf install -y -q $dnf
    elif command -v zypper >/dev/null; then as_root zypper --non-interactive --quiet install $zypper
    elif command -v pacman >/dev/null; then as_root pacman -S --noconfirm --needed $pacman
    elif command -v apk >/dev/null; then as_root apk add --quiet $apk
    elif command -v brew >/dev/null; then brew install --quiet $brew
    else fail "$what is missing, and there is no package manager that this script knows: install it, then run this again"
    fi
  } >&2 || fail "$what could not be installed (see above): install it, then run this again"
}

# Rust from its own installer: few distributions package one that is new enough.
ensure_rust() {
  [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ] && PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  command -v cargo >/dev/null && return
  command -v curl >/dev/null || fail "Rust is not installed; see https://rustup.rs, then run this again"
  say "Installing Rust"
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile default >&2 ||
    fail "Rust could not be installed; see https://rustup.rs, then run this again"
  PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
}

# Everything that is built with or runs here, and only what is missing of it.
ensure_prerequisites() {
  ensure_rust
  has_compiler || install_packages 'a C compiler' 'gcc libc6-dev' gcc gcc gcc 'gcc musl-dev' gcc
  has_python || install_packages 'Python 3 with its venv module' 'python3 python3-venv' python3 python3 python python3 python3
  has_mariadb || install_packages 'the MariaDB server' mariadb-server mariadb-server mariadb mariadb mariadb mariadb
  has_compiler || fail 'there is still no C compiler: install gcc or clang, then run this again'
  has_python || fail "there is still no Python 3.10 or later with its venv module (found: $(python3 --version 2>&1))"
  has_mariadb || fail 'there is still no mariadbd with mariadb-install-db: install the MariaDB server, then run this again'
}

# A private Python environment for a list of requirements. The list is copied beside what was
# installed from it when that is complete; `wmctl local start` keeps to the same rule.
python_environment() {
  local dir=$root/.wmctl/venv/$1 list=$2
  # pip itself is a script that names its Python: it fails when either has moved.
  cmp -s "$list" "$dir/requirements.txt" && "$dir/bin/pip" --version >/dev/null 2>&1 && return
  say "Installing $(head -n 1 "$list")"
  mkdir -p "$root/.wmctl" && chmod 700 "$root/.wmctl"
  python3 -m venv --clear "$dir"
  "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --requirement "$list" >&2 ||
    fail "pip could not install it: check the network, or name a mirror in PIP_INDEX_URL"
  cp "$list" "$dir/requirements.txt"
}
