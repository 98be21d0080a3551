# shellcheck shell=bash
# What the scripts share. Sourced from the root of the tree, never run.

LOGS=$PWD/build/logs

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Runs a command as root: directly, or through sudo.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "root is needed for: $* (run this as root, or install sudo)"
  fi
}

# PostgreSQL refuses to run as root; its package brings this account.
ordinary_user() {
  if ((EUID == 0)); then echo postgres; else id -un; fi
}

# as_user [NAME=VALUE]... COMMAND...: runs it as the ordinary user, in the staged tree, with an environment made from
# nothing (no PG* variable of the caller reaches a test) and with the staged PostgreSQL first in PATH.
as_user() {
  local switch=()
  if ((EUID == 0)); then switch=(runuser -u "$(ordinary_user)" --); fi
  (
    cd "$STAGE/tree" || exit
    exec "${switch[@]}" env -i PATH="$STAGE_BIN:/usr/bin:/bin:/usr/sbin:/sbin" HOME="$STAGE" TMPDIR="$STAGE/tmp" \
      LANG=C.UTF-8 TERM="${TERM:-dumb}" "$@"
  )
}

# A stage is a directory of the ordinary user that holds everything a cluster or a test needs: scripts/fill_stage.sh.
use_stage() {
  STAGE=$1
  STAGE_BIN=$STAGE$(pg_config --bindir)
}

# processes_of LINK: those whose link of that name in /proc leads into the stage.
processes_of() {
  local link target
  for link in /proc/[0-9]*/"$1"; do
    target=$(readlink "$link" 2>/dev/null) || continue
    if [[ $target == "$STAGE"/* ]]; then
      link=${link%/*}
      echo "${link#/proc/}"
    fi
  done
}

# The processes whose program lies in the stage: PostgreSQL, executors, media children.
stage_processes() { processes_of exe; }

# Ends what still runs from the stage, and removes the stage.
remove_stage() {
  local pid
  for pid in $(stage_processes); do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf "$STAGE"
}

# source_files GLOB...: the files of the project with such names, without what was built and without the history.
source_files() {
  local names=() glob
  for glob in "$@"; do names+=(-o -name "$glob"); done
  find . '(' -name .git -o -path ./build -o -name .deps -o -name tmp_check ')' -prune -o \
    -type f ! -name '*.o' ! -name '*.d' ! -name '*.bc' ! -name '*.so' '(' "${names[@]:1}" ')' -print | sed 's|^\./||' | LC_ALL=C sort
}

# step NAME COMMAND...: runs it with its output in build/logs, prints one line; on failure also the end of the log.
# Returns the command's status. The log's name is the first word of NAME. A last line `N passed, N failed` is shown.
# COMMAND is a program, or a function that joins its commands by &&: the shell ignores errexit where a caller looks.
step() {
  local name=$1 log status=0 started=$SECONDS counts
  shift
  mkdir -p "$LOGS"
  log=$LOGS/${name%% *}.log
  printf '%-36s' "$name"
  "$@" >"$log" 2>&1 </dev/null || status=$?
  counts=$(tail -n 1 "$log" | grep -xE '[0-9]+ passed, [0-9]+ failed') || counts=
  if ((status == 0)); then
    printf 'ok %5d s  %s\n' $((SECONDS - started)) "$counts"
  else
    printf 'FAILED after %d s (status %d) %s; the end of %s:\n' $((SECONDS - started)) "$status" "$counts" "$log"
    tail -n "${STEP_TAIL:-40}" "$log" | sed 's/^/  | /'
  fi
  return "$status"
}
