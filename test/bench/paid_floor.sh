#!/usr/bin/env bash
# The least that has to be done for COUNT paid pictures, by the plainest means: curl fetches the answers, 100 at a time, to
# files; then, two at a time, base64 is decoded, hashed, and each picture synced to disk.
# usage: paid_floor.sh URL KEY COUNT DIRECTORY     URL: http://127.0.0.1:PORT of provider_server.py. DIRECTORY is made and removed.
set -euo pipefail
url=$1 key=$2 count=$3 directory=$4

mkdir "$directory"
trap 'rm -rf "$directory"' EXIT
for ((n = 1; n <= count; n++)); do
  ((n == 1)) || echo next
  printf '%s\n' "url = \"$url/v1beta/models/test-image:generateContent\"" "header = \"x-goog-api-key: $key\"" \
    'header = "content-type: application/json"' "output = \"$directory/$n.json\"" 'fail'
  printf 'data = "{\\"contents\\":[{\\"parts\\":[{\\"text\\":\\"product-%04d\\"}]}],' "$n"
  printf '%s\n' '\"generationConfig\":{\"responseModalities\":[\"IMAGE\"]}}"'
done >"$directory/calls"
curl --silent --show-error --parallel --parallel-immediate --parallel-max 100 --config "$directory/calls" 2>"$directory/errors"

# The picture stands between the 29th and the 30th quotation mark. A process takes a few files, so that what is measured
# is not the starting of processes.
# shellcheck disable=SC2016 # the inner shell expands it
find "$directory" -name '*.json' -print0 | xargs -0 -n 25 -P 2 bash -c '
  set -euo pipefail
  for answer in "$@"; do
    cut -d "\"" -f 30 "$answer" | base64 -d >"${answer%json}png"
    sync "${answer%json}png"
  done
  sha256sum "${@/%json/png}"' _ >"$directory/sums"
[[ $(cut -c 1-64 "$directory/sums" | sort -u | wc -l) == "$count" ]]
