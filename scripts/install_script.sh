#!/usr/bin/env bash
# Writes the install script of the extension: the files of sql/engine, sql/studio and sql/finish, in file-name order.
# usage: scripts/install_script.sh FILE    (FILE is touched only when its content changes)
set -euo pipefail
export LC_ALL=C
target=$1
cd "$(dirname "$0")/.."

shopt -s nullglob
parts=(sql/engine/*.sql sql/studio/*.sql sql/finish/*.sql)
for part in "${parts[@]}"; do
  if [[ ! $(basename "$part") =~ ^[0-9][0-9]_ ]]; then
    echo "install_script.sh: the name of $part must start with two digits and _ (they are its place in the script)" >&2
    exit 1
  fi
done
if ((${#parts[@]} == 0)); then
  echo 'install_script.sh: no file under sql/engine, sql/studio, sql/finish' >&2
  exit 1
fi

mkdir -p "$(dirname "$target")"
fresh=$target.new
{
  printf '%s\n' '\echo Use "CREATE EXTENSION pg_atelier" to load this file. \quit'
  for part in "${parts[@]}"; do
    printf '\n-- %s\n' "$part"
    cat "$part"
  done
} >"$fresh"
if cmp -s "$fresh" "$target"; then rm "$fresh"; else mv "$fresh" "$target"; fi
