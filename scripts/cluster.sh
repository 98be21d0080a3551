#!/usr/bin/env bash
# A throw-away PostgreSQL cluster that only listens on a socket in its own directory. Run as an ordinary user, with the
# wanted PostgreSQL first in PATH. Superuser postgres; whoever may enter the directory (mode 0700) may connect.
# usage: scripts/cluster.sh start DIRECTORY [SETTING=VALUE]...     then: psql -h DIRECTORY -U postgres
#        scripts/cluster.sh stop DIRECTORY                         stops it if it runs, and removes DIRECTORY
set -euo pipefail
command=$1 directory=$2
shift 2

start() {
  local setting
  mkdir -m 700 "$directory"
  initdb -D "$directory/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$directory/initdb.log"
  {
    printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$directory'" "log_line_prefix = '%m [%p] %q%a '"
    for setting in "$@"; do printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}"; done
  } >>"$directory/data/postgresql.conf"
  if ! pg_ctl -D "$directory/data" -l "$directory/server.log" -w -t 60 -s start </dev/null; then
    tail -n 20 "$directory/server.log" >&2
    exit 1
  fi
}

stop() {
  if [[ -e $directory/data/postmaster.pid ]]; then
    pg_ctl -D "$directory/data" -w -t 60 -s -m fast stop || pg_ctl -D "$directory/data" -w -s -m immediate stop
  fi
  rm -rf "$directory"
}

case $command in
  start) start "$@" ;;
  stop) stop ;;
  *)
    echo "cluster.sh: unknown command '$command'" >&2
    exit 2
    ;;
esac
