# shellcheck shell=bash
# Where the demo of this checkout lives. Sourced after scripts/lib.sh.

# One directory per checkout and account, short enough for a socket's path, found again after `make clean`.
demo_directory() {
  printf '/tmp/pg_atelier_demo.%s.%s' "$EUID" "$(printf '%s' "$PWD" | cksum | cut -d ' ' -f 1)"
}

# /tmp belongs to all: a directory that another account put there first is not ours to use.
claim_demo_directory() {
  mkdir "$STAGE" || die "$STAGE is in the way: make demo-stop removes it if it is yours"
}
