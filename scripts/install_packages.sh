#!/usr/bin/env bash
# Installs what the named groups of work need, with apt. Does nothing, quickly, when all of it is there.
# usage: scripts/install_packages.sh [--list] GROUP...    groups: build test demo store versions
# Without root it asks sudo, and only if something is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

# The major version of PostgreSQL that each Debian release ships.
postgres_major() {
  local codename
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  case $codename in
    bookworm) echo 15 ;;
    trixie) echo 17 ;;
    forky) echo 18 ;;
    *) die "no package list for '$codename': this script knows Debian bookworm, trixie and forky. Install the counterparts of its list by hand and set ATELIER_SKIP_PACKAGES=1" ;;
  esac
}

packages_of() {
  local major
  major=$(postgres_major)
  case $1 in
    build)
      echo g++ make cmake pkg-config nlohmann-json3-dev libvalijson-dev libcurl4-openssl-dev libssl-dev libseccomp-dev libvips-dev zlib1g-dev
      echo "postgresql-$major" "postgresql-client-$major" "postgresql-server-dev-$major"
      ;;
    test)
      echo jq libgtest-dev perl libipc-run-perl libtap-parser-sourcehandler-pgtap-perl "postgresql-$major-pgtap" "postgresql-$major-cron"
      echo shellcheck clang-format-14 curl faketime patch pgbouncer procps python3
      packages_of store
      ;;
    demo)
      echo ca-certificates jq libvips-tools fonts-dejavu-core
      # Where node came from elsewhere, npm came with it, and Debian's package would not go with that.
      command -v npm >/dev/null || echo npm
      ;;
    # For scripts/radosgw.sh. None of them starts a service by itself.
    store) echo radosgw ceph-mon ceph-osd curl python3 util-linux ;;
    versions) echo debootstrap ;;
    *) die "install_packages.sh: unknown group '$1'" ;;
  esac
}

missing() {
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p') || true
  printf '%s\n' "$@" | grep -vxF -f <(printf '%s\n' "$installed") || true
}

list=false
if [[ ${1:-} == --list ]]; then
  list=true
  shift
fi
(($# > 0)) || die 'usage: scripts/install_packages.sh [--list] GROUP...'
[[ -z ${ATELIER_SKIP_PACKAGES:-} ]] || exit 0

mapfile -t wanted < <(for group in "$@"; do packages_of "$group" | tr ' ' '\n'; done)
# A failure inside the process substitution above does not end the script by itself.
((${#wanted[@]} > 0)) || exit 1
if $list; then
  printf '%s\n' "${wanted[@]}"
  exit 0
fi

mapfile -t absent < <(missing "${wanted[@]}")
((${#absent[@]} > 0)) || exit 0

install_absent() {
  as_root apt-get -q -o DPkg::Lock::Timeout=300 update &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=300 install --no-install-recommends "${absent[@]}"
}
step "packages (${#absent[@]} missing)" install_absent
