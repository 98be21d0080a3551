#!/usr/bin/env bash
# Lays the pictures of a collection out on one sheet: for each inspiration a band that begins with its photo, the palette
# that was found in it and what else was, followed by the pictures that follow it.
# usage: test/demo/contact_sheet.sh COLLECTION.json SHEET.png
# COLLECTION.json: {"title", "families": [{"inspiration": {"file", "analysis": {..}},
#                   "pictures": [{"file", "product", "settings": {..}, "provider"}]}]}, files as paths
# needs: jq, vips, vipsthumbnail, a DejaVu or Inter font
set -euo pipefail

die() {
  printf 'contact_sheet.sh: %s\n' "$1" >&2
  exit 1
}

[ $# -eq 2 ] || die 'usage: contact_sheet.sh COLLECTION.json SHEET.png'
for tool in jq vips vipsthumbnail; do
  command -v "$tool" >/dev/null || die "$tool is missing (Debian packages: jq, libvips-tools)"
done
collection=$1
sheet=$2
count=$(jq '[.families[].pictures[]] | length' "$collection") || die "$collection is no JSON"
[ "$count" -gt 0 ] || die "$collection names no picture"

export CELL=420 MARGIN=16 CAPTION=96 PAPER='250 249 246' CARD='238 235 229' FONT='Inter,DejaVu Sans'
export HEAD=640 SWATCH=112
gap=34
work=$(mktemp -d)
export work
trap 'rm -rf "$work"' EXIT

# Text on paper colour. markup, file, width, points
print_text() {
  vips text "$2.rgba.v" "$1" --font "$FONT $4" --width "$3" --dpi 96 --spacing 4 --rgba
  vips flatten "$2.rgba.v" "$2" --background "$PAPER"
}

# Puts an image at the left upper corner of a sheet of paper colour. image, file, width, height, distance from the top
on_paper() { vips embed "$1" "$2" 0 "${5:-0}" "$3" "$4" --extend background --background "$PAPER"; }

# number, picture, caption: one cell as $work/cell-<number>.v
lay_cell() {
  local number=$1 file=$2 caption=$3 cell=$work/cell-$1
  [ -s "$file" ] || die "$file is missing"
  vipsthumbnail "$file" --size "$((CELL - 2 * MARGIN))x$((HEIGHT - 2 * MARGIN))" -o "$cell-small.v"
  vips gravity "$cell-small.v" "$cell-picture.v" centre "$CELL" "$HEIGHT" --extend background --background "$CARD"
  print_text "$caption" "$cell-text.v" "$CELL" 11.5
  on_paper "$cell-text.v" "$cell-spaced.v" "$CELL" "$CAPTION" 12
  vips join "$cell-picture.v" "$cell-spaced.v" "$work/cell-$number.v" vertical
}

# number, photo, palette as "r g b,r g b", caption: the head of a family as $work/head-<number>.v
lay_head() {
  local number=$1 file=$2 head=$work/head-$1 color swatches=() at=0
  local -a colors
  [ -s "$file" ] || die "$file is missing"
  vipsthumbnail "$file" --size "${HEAD}x480" -o "$head-photo.v"
  vips gravity "$head-photo.v" "$head-top.v" centre "$HEAD" 480 --extend background --background "$CARD"
  IFS=, read -r -a colors <<<"$3"
  for color in "${colors[@]}"; do
    at=$((at + 1))
    vips black "$head-black.v" "$SWATCH" "$SWATCH" --bands 3
    vips linear "$head-black.v" "$head-$at.v" '1 1 1' "$color" --uchar
    swatches+=("$head-$at.v")
  done
  if [ "$at" -eq 0 ]; then
    vips black "$head-row.v" 1 1 --bands 3
  else
    vips arrayjoin "${swatches[*]}" "$head-row.v" --across "$at" --shim 16 --background "$PAPER"
  fi
  on_paper "$head-row.v" "$head-palette.v" "$HEAD" "$((SWATCH + 40))" 20
  print_text "$4" "$head-text.v" "$HEAD" 14
  vips join "$head-top.v" "$head-palette.v" "$head-upper.v" vertical
  vips join "$head-upper.v" "$head-text.v" "$head.v" vertical --expand --background "$PAPER"
}
export -f die print_text on_paper lay_cell lay_head

# shellcheck disable=SC2016  # jq's variables, not the shell's. @html escapes what Pango's markup would take for tags.
words='
  def words: gsub("_"; " ");
  def said: . != null and . != "" and . != "unspecified";
  def number: tostring | "0000"[length:] + .;
  def listed: map(select(said) | tostring | words) | join(" · ");
  def fields: join("\u0000") + "\u0000";
  def digit: explode[0] | if . > 96 then . - 87 elif . > 64 then . - 55 else . - 48 end;
  def byte: (.[0:1] | digit) * 16 + (.[1:2] | digit);
  def bytes: [.[1:3], .[3:5], .[5:7]] | map(byte | tostring) | join(" ");'
# shellcheck disable=SC2016
captions='
  [.families[].pictures[]] | to_entries[] | .key as $n | .value | .settings as $s |
  [($n | number), .file,
   "<b><span foreground=\"#1f1d1a\">\(.product | @html)</span></b>\n" +
   "<span size=\"88%\" foreground=\"#5d5850\">\([$s.roomType, $s.style, $s.lighting] | listed | @html)</span>\n" +
   "<span size=\"80%\" foreground=\"#9a6b3f\">\(.provider | @html)</span>"] | fields'
# shellcheck disable=SC2016
heads='
  .families | to_entries[] | .key as $n | .value.inspiration | .analysis as $a |
  ([if $a.brightness then "brightness \($a.brightness)" else empty end,
    if $a.contrast then "contrast \($a.contrast)" else empty end] | join(" · ")) as $measures |
  [($n | number), .file, ($a.colorPalette // [] | .[0:5] | map(bytes) | join(",")),
   "<b><span foreground=\"#1f1d1a\">Inspiration \($n + 1)</span></b>\n" +
   "<span size=\"92%\" foreground=\"#5d5850\">\([$a.lighting, $a.colorScheme, $a.style, $a.orientation] | listed | @html)\n\($measures)</span>\n" +
   "<span size=\"84%\" foreground=\"#7a746a\">\(if ($a.unknown // []) == [] then "" else "not known: \($a.unknown | join(", "))" end | @html)</span>"] | fields'
# As high as the highest picture needs, at most a square.
HEIGHT=0
sizes() { jq -j '.families[].pictures[].file + "\u0000"' "$collection" | xargs -0 vipsheader -f "$1"; }
while read -r width height; do
  high=$((height * (CELL - 2 * MARGIN) / width + 2 * MARGIN))
  HEIGHT=$((high > HEIGHT ? high : HEIGHT))
done < <(paste <(sizes width) <(sizes height))
HEIGHT=$((HEIGHT > CELL ? CELL : HEIGHT))
export HEIGHT
jq -j "$words $captions" "$collection" | xargs -0 -n 3 -P "$(nproc)" bash -euo pipefail -c 'lay_cell "$@"' _ ||
  die 'a picture could not be laid out'
jq -j "$words $heads" "$collection" | xargs -0 -n 4 -P "$(nproc)" bash -euo pipefail -c 'lay_head "$@"' _ ||
  die 'an inspiration could not be laid out'

largest=$(jq '[.families[].pictures | length] | max' "$collection")
columns=$((largest > 6 ? 6 : largest))
bands=()
first=0
number=0
while read -r pictures; do
  band=$work/band-$number
  if [ "$pictures" -gt 0 ]; then
    cells=$(seq -f "$work/cell-%04g.v" -s ' ' "$first" $((first + pictures - 1)))
    vips arrayjoin "$cells" "$band-grid.v" --across "$((pictures < columns ? pictures : columns))" --shim "$gap" --background "$PAPER"
    on_paper "$(printf '%s/head-%04d.v' "$work" "$number")" "$band-head.v" $((HEAD + 60)) \
      "$(($(vipsheader -f height "$(printf '%s/head-%04d.v' "$work" "$number")") + 10))"
    vips join "$band-head.v" "$band-grid.v" "$band.v" horizontal --expand --background "$PAPER"
    bands+=("$band.v")
  fi
  first=$((first + pictures))
  number=$((number + 1))
done < <(jq '.families[].pictures | length' "$collection")
wide=0
for band in "${bands[@]}"; do
  width=$(vipsheader -f width "$band")
  wide=$((width > wide ? width : wide))
done
cp "${bands[0]}" "$work/grid.v"
for band in "${bands[@]:1}"; do
  vips join "$work/grid.v" "$band" "$work/next.v" vertical --expand --shim 70 --background "$PAPER"
  mv "$work/next.v" "$work/grid.v"
done
high=$(vipsheader -f height "$work/grid.v")

title=$(jq -r '"<b><span foreground=\"#1f1d1a\">\(.title | @html)</span></b>   <span size=\"58%\" foreground=\"#7a746a\">" +
  "\([.families[].pictures[]] | length) pictures · provider: \([.families[].pictures[].provider] | unique | join(", ") | @html) · pg_atelier</span>"' "$collection")
print_text "$title" "$work/title.v" "$wide" 26
margin=64
top=130
vips embed "$work/grid.v" "$work/page.v" "$margin" "$top" "$((wide + 2 * margin))" "$((high + top + margin - 20))" \
  --extend background --background "$PAPER"
vips insert "$work/page.v" "$work/title.v" "$work/sheet.v" "$margin" 44
mkdir -p "$(dirname "$sheet")"
vips pngsave "$work/sheet.v" "$sheet" --strip --compression 7
