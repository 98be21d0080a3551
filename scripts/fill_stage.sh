#!/usr/bin/env bash
# Fills a stage: a private copy of the PostgreSQL installation into which this build is installed, and a copy of its
# Makefile, scripts, tests and documents; all of it belongs to the ordinary user. PostgreSQL finds its share and library
# directories relative to its own programs, so a copy of the same layout works: the machine's installation is not
# touched, two checkouts do not meet, and a tree that only root can read is no obstacle.
# usage: scripts/fill_stage.sh STAGE      Run from the root of the built tree.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
use_stage "$1"

mkdir -p "$STAGE/tree" "$STAGE/tmp"
for part in bindir pkglibdir sharedir; do
  path=$(pg_config "--$part")
  mkdir -p "$STAGE$path"
  cp -a "$path/." "$STAGE$path"
done
make -s install DESTDIR="$STAGE"
cp -a Makefile docs scripts test "$STAGE/tree"
# Extensions that only tests create, beside ours.
cp test/support/extension_of_others/* "$STAGE$(pg_config --sharedir)/extension/"
# Programs of the tests stand below the root of the tree at the same place as here. Built without tests there are none;
# a test that needs one says so.
if [[ -e build/test/bad_media ]]; then
  mkdir -p "$STAGE/tree/build/test"
  cp -a build/test/bad_media "$STAGE/tree/build/test"
fi
chmod 755 "$STAGE"
chown -R "$(ordinary_user):" "$STAGE"
