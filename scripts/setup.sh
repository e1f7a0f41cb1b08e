#!/bin/sh
# Makes sure that the npm scripts have what they need: the packages, a recent Node and, with the argument "redis", a
# Redis server. Prints what it does; prints nothing if there is nothing to do.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# npm writes this file last, so an interrupted installation is repeated.
installed=node_modules/.package-lock.json
quiet="--no-audit --no-fund --loglevel=error"
if [ ! -f "$installed" ] || { [ -f package-lock.json ] && [ -n "$(find package-lock.json -newer "$installed")" ]; }; then
  if [ -f package-lock.json ]; then
    say "installing packages (npm ci)"
    # npm 11 refuses a lock file that lacks packages of other platforms, which not every registry offers. "npm install"
    # accepts it, and installs the same versions.
    if ! problem=$(npm ci $quiet 2>&1); then
      say "npm ci failed, installing with npm install"
      npm install --no-save $quiet >/dev/null || fail "npm could not install the packages. npm ci said:
$problem"
    fi
  else
    say "installing packages (npm install)"
    npm install $quiet >/dev/null || fail "npm could not install the packages: see the lines above"
  fi
  touch "$installed"
fi

PATH="$PWD/node_modules/.bin:$PATH"
command -v node >/dev/null || fail "Node is missing: install Node 22.19 or newer"
version=$(node --version)
major=${version#v}
minor=${major#*.}
major=${major%%.*}
minor=${minor%%.*}
[ "$major" -gt 22 ] || { [ "$major" -eq 22 ] && [ "$minor" -ge 19 ]; } ||
  fail "npm scripts would run on Node $version, but Node 22.19 or newer is needed: delete node_modules and try again, or install a newer Node"

[ "${1:-}" = redis ] || exit 0

if [ -n "${REDIS_SERVER:-}" ]; then
  command -v "$REDIS_SERVER" >/dev/null || fail "REDIS_SERVER is $REDIS_SERVER, which is not there or can't be run"
  exit 0
fi

has_server() { command -v redis-server >/dev/null || command -v valkey-server >/dev/null; }
! has_server || exit 0

if [ "$(id -u)" -eq 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  PATH="$PATH:/usr/sbin:/sbin"
  # If the update fails, the package may still be in the old list.
  apt-get update -qq >/dev/null 2>&1 || true
  install() {
    say "installing $1 (apt-get)"
    problem=$(apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=60 "$1" 2>&1)
  }
  # Not every release of Debian has both servers.
  server=redis-server
  install $server || { first=$problem; server=valkey-server; install $server; } ||
    fail "apt-get could not install a server: install Redis 7 or newer or Valkey, or set REDIS_SERVER to the path of a server.
$first"
  # The tests start their own servers. Stop the service that the package has just started; there was none before.
  if [ -d /run/systemd/system ]; then
    systemctl disable --now --quiet $server >/dev/null 2>&1 || true
  elif [ -x /etc/init.d/$server ]; then
    /etc/init.d/$server stop >/dev/null 2>&1 || true
    update-rc.d $server disable >/dev/null 2>&1 || true
  fi
fi

has_server ||
  fail "no Redis server: install redis-server 7 or newer (Debian: apt install redis-server, macOS: brew install redis) or set REDIS_SERVER to the path of one"
