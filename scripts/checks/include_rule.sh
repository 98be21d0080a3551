#!/usr/bin/env bash
# What: which room of src/ may include what: the table below.
# Why: foreign bytes are parsed only where no shared memory is attached, and the core stays testable without PostgreSQL,
#      network or image library. One include across a wall ends that.
# Fix: move the code into the room that may see both sides, or pass a value of src/core across.
set -euo pipefail
cd "$(dirname "$0")/../.."

# room: rooms, or single headers of a room, that it may include from; then the foreign headers it alone may use.
rooms='
core:     core                                         ; -
wire:     core wire                                    ; -
provider: core provider                                ; valijson
storage:  core storage                                 ; -
media:    core media                                   ; vips pango cairo glib gobject
executor: core wire provider storage media executor    ; curl
postgres: core wire postgres storage/s3_signature.hpp  ; postgres
'

[[ -d src ]] || { echo 'src: no such directory'; exit 1; }
grep -rnE '^[[:space:]]*#[[:space:]]*include' src --include='*.hpp' --include='*.cpp' --include='*.h' | awk -v rooms="$rooms" '
  BEGIN {
    count = split(rooms, row, "\n")
    for (i = 1; i <= count; i++) {
      if (split(row[i], part, /[:;]/) < 3) continue
      gsub(/ /, "", part[1])
      sub(/^ +/, "", part[2]); sub(/^ +/, "", part[3])
      known[part[1]] = 1
      n = split(part[2], word, / +/); for (j = 1; j <= n; j++) may[part[1], word[j]] = 1
      n = split(part[3], word, / +/); for (j = 1; j <= n; j++) owner[word[j]] = part[1]
    }
  }
  function foreign(header) {
    if (header ~ /^curl\//) return "curl"
    if (header ~ /^valijson\//) return "valijson"
    if (header ~ /^vips/) return "vips"
    if (header ~ /^pango/) return "pango"
    if (header ~ /^cairo/) return "cairo"
    if (header ~ /^(glib|gio\/|gmodule)/) return "glib"
    if (header ~ /^gobject/) return "gobject"
    if (header ~ /^(postgres|fmgr\.h|funcapi\.h|miscadmin\.h|pgstat\.h|pgtime\.h|port\.h|pg_config|c\.h$|libpq-fe\.h)/) return "postgres"
    if (header ~ /^(access|catalog|commands|common|executor|foreign|lib|libpq|mb|nodes|optimizer|parser|port|postmaster|replication|rewrite|storage|tcop|tsearch|utils)\/[a-z_]+\.h$/) return "postgres"
    return ""
  }
  {
    split($0, field, ":"); file = field[1]; line = field[2]
    split(file, path, "/"); room = path[2]
    if (!match($0, /[<"][^>"]+[>"]/)) { print file ":" line ": an include that this check cannot read"; bad = 1; next }
    header = substr($0, RSTART + 1, RLENGTH - 2)
    if (!(room in known)) { print file ":" line ": src/" room " has no row in the table of this check"; bad = 1; next }
    kind = foreign(header)
    if (kind != "") {
      if (owner[kind] != room) { print file ":" line ": " header " may only be included under src/" owner[kind]; bad = 1 }
      next
    }
    split(header, part, "/")
    if (header ~ /\.hpp$/ && (part[1] in known) && !((room, part[1]) in may) && !((room, header) in may)) { print file ":" line ": src/" room " may not see src/" part[1] " (" header ")"; bad = 1 }
    if (header ~ /\.\.\//) { print file ":" line ": include by the path from src/, not by ../"; bad = 1 }
  }
  END { exit bad }'
