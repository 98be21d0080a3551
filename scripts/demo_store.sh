# shellcheck shell=bash
# Where photos and pictures of the demo lie: in the store file, or in a throw-away S3 server.
# Sourced by scripts/demo.sh, after scripts/lib.sh, from the root of the tree.

# choose_store NAME...: the names of the variables that stood on make's command line.
choose_store() {
  [[ " $* " == *" STORE "* ]] || unset STORE
  STORE=${STORE:-file}
  case $STORE in
    file | s3) ;;
    *) die "the demo knows no store '$STORE': STORE=s3, or none for the server's own directory" ;;
  esac
}

is_s3() { [[ $STORE == s3 ]]; }

# The secret is known to radosgw and to a file of the stage, readable for the server's account alone.
start_store() {
  local secret credentials=$STAGE/store.credentials
  secret=$(od -An -N 16 -tx1 /dev/urandom | tr -d ' \n')
  as_user S3_ACCESS_KEY_ID=demo S3_SECRET_ACCESS_KEY="$secret" S3_BUCKET=demo scripts/radosgw.sh start "$STAGE/s3" >"$STAGE/tmp/endpoint" &&
    (umask 077 && printf '[default]\naws_access_key_id = demo\naws_secret_access_key = %s\n' "$secret" >"$credentials") &&
    chown "$(ordinary_user):" "$credentials" &&
    ask -v endpoint="$(<"$STAGE/tmp/endpoint")" -v credentials="$credentials" -f test/demo/store.sql
}

# bring_in_photos CLIENT: the photos that the catalogue names; prints {name: image id}.
bring_in_photos() { if is_s3; then upload_photos "$1"; else copy_photos "$1"; fi; }

named_photos() { jq -r '[.products[].photo, .inspirations[]] | unique[]' test/demo/catalogue.json; }

# Into the store file by copying them there as the server's user, below the folder of the client that they belong to.
copy_photos() {
  local client=$1 photos
  photos=$(ask -c 'select atelier.store_path()')/clients/$client/photos &&
    as_user mkdir -p "$photos" &&
    named_photos | sed 's|^|build/demo/photos/|' | xargs -d '\n' cp -t "$photos" &&
    chown -R "$(ordinary_user):" "$photos" &&
    ask -v client="$client" -v names="$(named_photos | jq -Rnc '[inputs]')" <<'SQL'
select json_object_agg(name, atelier.register_image(:'client', format('clients/%s/photos/%s', :'client', name)))
  from json_array_elements_text(:'names') as name
SQL
}

# Into S3 as a browser would: the database says where each may go, which the store alone then judges.
upload_photos() {
  local client=$1 name type size sha256 image url headers images='{}'
  while read -r name; do
    type=$(file_type "$name") && size=$(stat -c %s "build/demo/photos/$name") && sha256=$(sha256sum "build/demo/photos/$name") || return
    IFS=$'\t' read -r image url headers < <(ask -F $'\t' -v client="$client" -v name="$name" -v type="$type" -v size="$size" -v sha256="${sha256%% *}" <<<"
      select image_id, url, headers from atelier.request_upload(:'client', :'name', :'type', :'size', sha256 => :'sha256')")
    [[ -n ${headers:-} ]] || return
    jq -r 'to_entries[] | "\(.key): \(.value)"' <<<"$headers" |
      curl -sS -f --max-time 60 -X PUT -H @- --data-binary "@build/demo/photos/$name" -o "$STAGE/tmp/answer" "$url" || return
    ask -v image="$image" <<<"select atelier.confirm_upload(:'image')" >/dev/null || return
    images=$(jq -c --arg name "$name" --arg image "$image" '.[$name] = $image' <<<"$images")
  done < <(named_photos)
  printf '%s\n' "$images"
}

file_type() {
  case $1 in
    *.jpg) echo image/jpeg ;;
    *.png) echo image/png ;;
    *) return 1 ;;
  esac
}

# fetch_pictures DIRECTORY: copies of the completed ones, from wherever atelier.image_url() says they are.
fetch_pictures() {
  local url key
  mkdir -p "$1"
  ask -F $'\t' -c 'select atelier.image_url(i.id), i.s3_key from atelier.generated_assets a join atelier.images i on i.id = a.image_id' |
    while IFS=$'\t' read -r url key; do
      curl -sS -f --max-time 60 -o "$1/${key##*/}" "$url" || return
    done
}

show_store() {
  local url
  url=$(ask -c 'select atelier.image_url(image_id) from atelier.generated_assets order by completed_at desc nulls last limit 1') || return
  echo "Its store:      (. $STAGE/s3/environment; test/support/s3_client.py list)"
  echo "A picture:      $url"
}
