#!/bin/sh
# Installs f5-guard for OpenAI Codex on Linux and macOS.
#
# Finds the binary next to this script (a release archive) or builds it with cargo (a checkout), and passes all
# arguments to `f5-guard install`, which copies the binary to its place and registers the hooks.
set -eu

usage() {
  cat <<'EOF'
Usage: install.sh [OPTIONS]

Installs f5-guard: takes the binary next to this script (release archive) or builds it with cargo (checkout), and
runs `f5-guard install` with your options. The usual ones:

  --scope user|project|system  for you (default), for one repository, or for everybody on this machine (as root)
  --trust                      trust the hooks without asking
  --dry-run                    show what would change, and change nothing
  --fail-mode closed           block what can't be scanned, whatever the environment says
  --skip-smoketest             don't try a scan at the end

`f5-guard install --help` explains all of them. Store the token first with `f5-guard login`, or set
F5_GUARDRAILS_API_TOKEN; on a terminal, `f5-guard install` offers to store it. This script itself neither asks for the
token nor writes it anywhere.

Environment: F5_GUARD_BINARY  the binary to install, instead of the one next to this script or a build
EOF
}

fail() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

for argument in "$@"; do
  case $argument in
    -h | --help)
      usage
      exit 0
      ;;
  esac
done

case $(uname -s) in
  MINGW* | MSYS* | CYGWIN*) fail 'on Windows run install/install.ps1 in PowerShell' ;;
esac

# The folder of this script, even if it was called by a relative path.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || fail "can't find my own folder"

# Prints the path of the binary to install. Everything else goes to stderr.
find_binary() {
  if [ -n "${F5_GUARD_BINARY:-}" ]; then
    [ -x "$F5_GUARD_BINARY" ] || fail "F5_GUARD_BINARY is $F5_GUARD_BINARY, which is not a program"
    printf '%s\n' "$F5_GUARD_BINARY"
    return
  fi
  if [ -f "$here/f5-guard" ] && [ -x "$here/f5-guard" ]; then
    printf '%s\n' "$here/f5-guard"
    return
  fi
  root=$(CDPATH='' cd -- "$here/.." && pwd -P)
  [ -f "$root/Cargo.toml" ] || fail "there is no f5-guard in $here, and no Cargo.toml in $root to build it from"
  if ! command -v cargo >/dev/null 2>&1; then
    # sudo has taken the user's PATH away.
    [ -z "${SUDO_USER:-}" ] ||
      fail "root has no cargo: build as $SUDO_USER with \`cargo build --release --locked\`, then run" \
        "\`sudo '$root/target/release/f5-guard' install --scope system\`"
    fail 'cargo is needed to build f5-guard: install Rust from https://rustup.rs, or use a release archive'
  fi
  target=${CARGO_TARGET_DIR:-$root/target}
  echo 'install.sh: building f5-guard (some minutes the first time)' >&2
  cargo build --release --locked --bin f5-guard --manifest-path "$root/Cargo.toml" --target-dir "$target" >&2 ||
    fail 'the build failed, see above'
  built=$target/release/f5-guard
  [ -x "$built" ] || fail "cargo built for another system than this one: set F5_GUARD_BINARY to the file it made"
  printf '%s\n' "$built"
}

binary=$(find_binary)
# A program that macOS kills can't say why.
if [ "$(uname -s)" = Darwin ] && xattr -p com.apple.quarantine "$binary" >/dev/null 2>&1; then
  cat >&2 <<EOF
install.sh: macOS has marked $binary as downloaded, and may refuse to run it ("Killed: 9", or a window about
an unknown developer). If it does, compare its archive with SHA256SUMS of the release, and then run
  xattr -d com.apple.quarantine '$binary'
EOF
fi
exec "$binary" install "$@"
