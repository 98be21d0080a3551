#!/usr/bin/env bash
# Lays pictures out on one sheet, each with its product, settings and provider underneath.
# usage: test/demo/contact_sheet.sh PICTURES.json SHEET.png [TITLE]
# PICTURES.json: [{"file", "product", "settings": {..}, "provider", "status" (optional)}], files as paths
# needs: jq, vips, vipsthumbnail, a DejaVu or Inter font
set -euo pipefail

die() {
  printf 'contact_sheet.sh: %s\n' "$1" >&2
  exit 1
}

[ $# -ge 2 ] || die 'usage: contact_sheet.sh PICTURES.json SHEET.png [TITLE]'
for tool in jq vips vipsthumbnail; do
  command -v "$tool" >/dev/null || die "$tool is missing (Debian packages: jq, libvips-tools)"
done
pictures=$1
sheet=$2
count=$(jq length "$pictures") || die "$pictures is no JSON"
[ "$count" -gt 0 ] || die "$pictures names no picture"
title=${3:-pg_atelier}

export CELL=420 PICTURE=388 CAPTION=112 PAPER='250 249 246' CARD='238 235 229' FONT='Inter,DejaVu Sans'
gap=34
work=$(mktemp -d)
export work
trap 'rm -rf "$work"' EXIT

# Text on paper colour. markup, file, width, points
print_text() {
  vips text "$2.rgba.v" "$1" --font "$FONT $4" --width "$3" --dpi 96 --spacing 4 --rgba
  vips flatten "$2.rgba.v" "$2" --background "$PAPER"
}

# number, picture, caption: one cell as $work/cell-<number>.v
lay_cell() {
  local number=$1 file=$2 caption=$3 cell=$work/cell-$1
  [ -s "$file" ] || die "$file is missing"
  vipsthumbnail "$file" --size "${PICTURE}x${PICTURE}" -o "$cell-small.v"
  vips gravity "$cell-small.v" "$cell-picture.v" centre "$CELL" "$CELL" --extend background --background "$CARD"
  print_text "$caption" "$cell-text.v" "$CELL" 11.5
  vips gravity "$cell-text.v" "$cell-caption.v" north-west "$CELL" "$CAPTION" --extend background --background "$PAPER"
  vips embed "$cell-caption.v" "$cell-spaced.v" 0 12 "$CELL" "$((CAPTION + 12))" --extend background --background "$PAPER"
  vips join "$cell-picture.v" "$cell-spaced.v" "$work/cell-$number.v" vertical
}
export -f die print_text lay_cell

# shellcheck disable=SC2016  # jq's variables, not the shell's. @html escapes what Pango's markup would take for tags.
captions='
  def words: gsub("_"; " ");
  def said: . != null and . != "" and . != "unspecified";
  to_entries[] | .key as $n | .value | .settings as $s |
  ([$s.roomType, $s.style, $s.lighting] | map(select(said) | words) | join(" · ")) as $first |
  ([$s.colorScheme, $s.cameraAngle, $s.aspectRatio,
    (if $s.sceneImageUrl then "inspiration photo" else empty end)] | map(select(said) | words) | join(" · ")) as $second |
  ([.provider, (.status // empty | select(. != "completed"))] | join(" · ")) as $maker |
  ([($n | tostring | "0000"[length:] + .), .file,
    "<b><span foreground=\"#1f1d1a\">\(.product | @html)</span></b>\n" +
    "<span size=\"88%\" foreground=\"#5d5850\">\($first | @html)\n\($second | @html)</span>\n" +
    "<span size=\"80%\" foreground=\"#9a6b3f\">\($maker | @html)</span>"] | join("\u0000") + "\u0000")'
jq -j "$captions" "$pictures" | xargs -0 -n 3 -P "$(nproc)" bash -euo pipefail -c 'lay_cell "$@"' _ ||
  die 'a picture could not be laid out'

columns=6
if [ "$count" -le 8 ]; then columns=4; elif [ "$count" -le 15 ]; then columns=5; fi
[ "$count" -ge "$columns" ] || columns=$count
vips arrayjoin "$(printf '%s ' "$work"/cell-????.v)" "$work/grid.v" --across "$columns" --shim "$gap" --background "$PAPER"
wide=$(vipsheader -f width "$work/grid.v")
high=$(vipsheader -f height "$work/grid.v")

providers=$(jq -r '[.[].provider] | unique | join(", ")' "$pictures")
escaped=$(jq -rn --arg title "$title" --arg rest "$count pictures · provider: $providers" \
  '"<b><span foreground=\"#1f1d1a\">\($title | @html)</span></b>   <span size=\"58%\" foreground=\"#7a746a\">\($rest | @html)</span>"')
print_text "$escaped" "$work/title.v" "$wide" 26
margin=64
head=120
vips embed "$work/grid.v" "$work/page.v" "$margin" "$head" "$((wide + 2 * margin))" "$((high + head + margin - 20))" \
  --extend background --background "$PAPER"
vips insert "$work/page.v" "$work/title.v" "$work/sheet.v" "$margin" 44
mkdir -p "$(dirname "$sheet")"
vips pngsave "$work/sheet.v" "$sheet" --strip --compression 7
