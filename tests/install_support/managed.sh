#!/bin/sh
# Installs for the whole machine, lets the real Codex block a prompt, and uninstalls. $1 is the built f5-guard. To be run by
# tests/as_root/machine.sh, so that the machine's own /etc and /opt are never touched.
set -eu
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
