#!/bin/sh
# Runs the real Codex for a user whose login shell is zsh. Codex takes that from the user database, so there is another
# one in a mount namespace of its own, and the machine's is never touched. Needs Linux, root and zsh.
set -eu
export REAL="$F5_GUARD_TEST_CODEX"
# shellcheck disable=SC2016 # expanded by the inner shell
exec unshare --mount sh -euc '
  users=$(mktemp)
  awk -F: -v OFS=: -v user="$(id -u)" -v shell="$(command -v zsh)" "\$3 == user { \$7 = shell } { print }" /etc/passwd >"$users"
  mount --bind "$users" /etc/passwd
  rm "$users"
  exec "$REAL" "$@"
' sh "$@"
