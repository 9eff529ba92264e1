#!/bin/sh
# Runs the real Codex as if $CODEX_HOME/requirements.toml were /etc/codex/requirements.toml: in a mount
# namespace of its own, so that the machine's /etc is never touched. Needs Linux and root.
set -eu
export REAL="$F5_GUARD_TEST_CODEX"
# shellcheck disable=SC2016 # expanded by the inner shell
exec unshare --mount sh -euc '
  layer=$(mktemp -d)
  mount -t tmpfs none "$layer"
  mkdir "$layer/upper" "$layer/work"
  mount -t overlay overlay -o "lowerdir=/etc,upperdir=$layer/upper,workdir=$layer/work" /etc
  umount -l "$layer"
  rmdir "$layer"
  mkdir -p /etc/codex
  cp "$CODEX_HOME/requirements.toml" /etc/codex/requirements.toml
  exec "$REAL" "$@"
' sh "$@"
