#!/usr/bin/env bash
# A throw-away S3 server: Ceph's radosgw with a monitor and one OSD that keeps everything in memory, on free ports of
# 127.0.0.1, with one account and one empty bucket. Run as an ordinary user; the directory is for that account alone.
# usage: scripts/radosgw.sh start DIRECTORY    makes DIRECTORY and starts it; it goes on until
#        scripts/radosgw.sh stop DIRECTORY     which ends what still runs of it, and removes DIRECTORY
#        scripts/radosgw.sh run DIRECTORY      the same for as long as this process and its parent live: SIGTERM ends it
# Prints the endpoint when it answers. Environment: S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_BUCKET (`atelier` each). All
# of it stands in DIRECTORY/environment, for a shell to read and for test/support/s3_client.py to be used with.
set -euo pipefail
command=$1 directory=$2
here=$(cd "$(dirname "$0")/.." && pwd)
export S3_ACCESS_KEY_ID=${S3_ACCESS_KEY_ID:-atelier} S3_SECRET_ACCESS_KEY=${S3_SECRET_ACCESS_KEY:-atelier} S3_BUCKET=${S3_BUCKET:-atelier}
PATIENCE=30

# within SECONDS COMMAND...: repeats it until it succeeds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.05
  done
}

# Below the ports that the kernel hands to clients: one that is free now is free when the daemon takes it.
free_port() {
  local port
  while :; do
    port=$((10240 + RANDOM % 20000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

write_configuration() {
  cat >"$directory/ceph.conf" <<TXT
[global]
fsid=$1
mon host=[v2:127.0.0.1:$2]
public addr=127.0.0.1
cluster addr=127.0.0.1
ms bind msgr1=false
auth allow insecure global id reclaim=false
run dir=$directory/run
admin socket=$directory/run/\$name.\$pid.asok
log file=$directory/log/\$name.log
keyring=$directory/keyring
osd pool default size=1
osd pool default min size=1
osd pool default pg num=1
osd pool default pgp num=1
osd pool default pg autoscale mode=off
osd crush chooseleaf type=0
mon allow pool size one=true
mon data avail crit=1
mon max pg per osd=1000
paxos propose interval=0.05
paxos min wait=0.01
mon tick interval=1
[mon.a]
mon data=$directory/mon
[osd]
osd objectstore=memstore
memstore device bytes=4294967296
osd data=$directory/osd
[client.rgw.a]
rgw frontends=beast endpoint=127.0.0.1:$3 tcp_nodelay=1
rgw data=$directory/rgw
rgw thread pool size=64
TXT
}

make_keys() {
  local key="ceph-authtool $directory/keyring"
  ceph-authtool --create-keyring "$directory/keyring" --gen-key -n mon. --cap mon 'allow *' &&
    $key --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' &&
    $key --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' &&
    $key --gen-key -n client.rgw.a --cap mon 'allow rw' --cap osd 'allow rwx'
}

# daemon NAME PROGRAM ARGUMENT...: by `start` in a session of its own, by `run` only for as long as its parent lives.
daemon() {
  local name=$1
  shift
  if [[ $command == run ]]; then set -- setpriv --pdeathsig KILL "$@"; else set -- setsid "$@"; fi
  "$@" </dev/null >"$directory/log/$name.out" 2>&1 &
  echo "$!" >"$directory/$name.pid"
}

osd_is_up() { ceph osd stat | grep -q '1 up'; }

start_daemons() {
  local fsid osd monitor_port port
  read -r fsid </proc/sys/kernel/random/uuid
  read -r osd </proc/sys/kernel/random/uuid
  monitor_port=$(free_port)
  port=$(free_port)
  mkdir "$directory"/{mon,osd,run,log,rgw}
  write_configuration "$fsid" "$monitor_port" "$port"
  export CEPH_ARGS="-c $directory/ceph.conf"
  {
    make_keys &&
      monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:$monitor_port]" "$directory/monmap" &&
      ceph-mon -i a --mkfs --monmap "$directory/monmap" --keyring "$directory/keyring" &&
      daemon mon ceph-mon -i a -f &&
      ceph --connect-timeout "$PATIENCE" osd new "$osd" 0 &&
      ceph-osd -i 0 --mkfs --osd-uuid "$osd" &&
      daemon osd ceph-osd -i 0 -f &&
      within "$PATIENCE" osd_is_up &&
      daemon rgw radosgw -n client.rgw.a -f &&
      within "$PATIENCE" curl -sf "http://127.0.0.1:$port/" &&
      timeout "$PATIENCE" radosgw-admin user create --uid=atelier --display-name=atelier --access-key="$S3_ACCESS_KEY_ID" --secret-key="$S3_SECRET_ACCESS_KEY" &&
      S3_ENDPOINT=http://127.0.0.1:$port &&
      export S3_ENDPOINT &&
      python3 "$here/test/support/s3_client.py" create-bucket
  } >"$directory/log/start.out" 2>&1 || return
  printf 'export %s=%q\n' S3_ENDPOINT "$S3_ENDPOINT" S3_ACCESS_KEY_ID "$S3_ACCESS_KEY_ID" S3_SECRET_ACCESS_KEY "$S3_SECRET_ACCESS_KEY" \
    S3_BUCKET "$S3_BUCKET" >"$directory/environment"
}

# In this order: the first two hang when what they talk to went before them. A number of a file may be another process's by now.
stop_daemons() {
  local name pid
  for name in rgw osd mon; do
    [[ -e $directory/$name.pid ]] || continue
    pid=$(<"$directory/$name.pid")
    is_ours() { tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qE '^(/usr/bin/)?(ceph-mon|ceph-osd|radosgw) '; }
    has_ended() { ! is_ours; }
    if has_ended 2>/dev/null; then continue; fi
    # Nothing in memory is worth a proper farewell.
    kill -KILL "$pid" 2>/dev/null || true
    within 10 has_ended || echo "radosgw.sh: process $pid does not end" >&2
  done
}

begin() {
  mkdir -m 700 "$directory"
  if ! start_daemons; then
    tail -n 5 "$directory"/log/*.out >&2
    stop_daemons
    exit 1
  fi
  echo "$S3_ENDPOINT"
}

end() {
  stop_daemons
  rm -rf "$directory"
}

case $command in
  start) begin ;;
  stop) end ;;
  run)
    # Whatever ends the parent ends this too, and what ends this ends the daemons.
    if [[ -z ${S3_PARENT:-} ]]; then S3_PARENT=$PPID exec setpriv --pdeathsig TERM "$0" "$@"; fi
    [[ $S3_PARENT == "$PPID" ]] || exit 0
    # The shell would tell of each daemon that it is killed.
    trap 'exec 2>/dev/null; end' EXIT
    trap 'exit 0' TERM INT
    begin
    wait -n
    ;;
  *)
    echo "radosgw.sh: unknown command '$command'" >&2
    exit 2
    ;;
esac
