#!/usr/bin/env bash
# make demo-stop: stops what `make demo` started and removes everything of it but build/demo. Fine when there is none.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/demo_lib.sh
. scripts/demo_lib.sh

directory=$(demo_directory)
if [[ ! -e $directory && ! -L $directory ]]; then
  echo 'no demo is running'
  exit 0
fi
owner=$(stat -c %U "$directory")
if [[ -L $directory || ! -d $directory || ($owner != "$(ordinary_user)" && $owner != "$(id -un)") ]]; then
  die "$directory belongs to $owner and is not the demo of this checkout: look at it, and remove it by hand"
fi
use_stage "$directory"
if [[ -d $STAGE/c ]]; then as_user scripts/cluster.sh stop "$STAGE/c"; fi
if [[ -d $STAGE/s3 ]]; then as_user scripts/radosgw.sh stop "$STAGE/s3"; fi
remove_stage
echo 'the demo is stopped and removed'
