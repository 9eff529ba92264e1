#!/bin/sh
# Installs for the whole machine, lets the real Codex block a prompt, and uninstalls: in a mount namespace of its own,
# so that the machine's /etc and /opt are never touched. Needs Linux and root. $1 is the built f5-guard.
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
  mkdir /etc/codex
  printf "# policy of the house\nallowed_sandbox_modes = [\"danger-full-access\", \"read-only\"]\n" > /etc/codex/requirements.toml
  cp /etc/codex/requirements.toml "$HOME/before.toml"
  "$1" install --scope system --codex "$F5_GUARD_TEST_CODEX" --fail-mode closed
  cp /etc/codex/requirements.toml "$HOME/first.toml"
  "$1" install --scope system --codex "$F5_GUARD_TEST_CODEX" --fail-mode closed --skip-smoketest
  cmp /etc/codex/requirements.toml "$HOME/first.toml"
  if "$1" install --scope user --codex "$F5_GUARD_TEST_CODEX" --no-trust; then echo "a second registration"; exit 1; fi
  mkdir "$HOME/work"
  "$F5_GUARD_TEST_CODEX" exec --skip-git-repo-check -s danger-full-access -C "$HOME/work" FORBIDDEN-PROMPT || true
  "$1" uninstall --scope system
  cmp /etc/codex/requirements.toml "$HOME/before.toml"
  test ! -e /opt/f5-guard
  ls -A /etc/codex
  test "$(ls -A /etc/codex)" = requirements.toml
' sh "$@"
