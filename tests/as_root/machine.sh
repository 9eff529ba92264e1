#!/bin/sh
# Runs a script as root of a machine whose /etc and /opt are copies in memory: in a mount namespace of its own, so that
# the machine's own are never touched. Needs Linux and root. $1 is the script; what follows are its arguments.
set -eu
# shellcheck disable=SC2016 # expanded by the inner shell
exec unshare --mount sh -euc '
  layer=$(mktemp -d)
  mount -t tmpfs none "$layer"
  for place in etc opt; do
    mkdir -p "$layer/$place/upper" "$layer/$place/work"
    mount -t overlay overlay -o "lowerdir=/$place,upperdir=$layer/$place/upper,workdir=$layer/$place/work" "/$place"
  done
  umount -l "$layer"
  rmdir "$layer"
  rm -rf /etc/codex /opt/f5-guard
  chmod 755 /etc /opt
  script="$1"
  shift
  exec sh -euc "$script" sh "$@"
' sh "$@"
