# shellcheck shell=bash
# The demo with a provider that charges: what was asked for, its highest price, the question, the key.
# Sourced by scripts/demo.sh, after scripts/lib.sh, from the root of the tree.

CATALOGUE_SIZE=24
# Calls of one picture that may be charged: a call that failed is tried once more, one whose outcome is unknown is not.
CALLS_OF_A_PICTURE=2
PRICE_LIST=test/demo/prices.txt

# choose_provider NAME...: the names of the variables that stood on make's command line. What somebody exported for
# another program must neither spend money here nor send a key elsewhere, so those of the environment are forgotten.
choose_provider() {
  local name
  for name in PROVIDER MODEL KEY_FILE BASE_URL PRICE LIMIT YES; do
    [[ " $* " == *" $name "* ]] || unset "$name"
  done
  for name in GEMINI_API_KEY OPENAI_API_KEY; do
    [[ " $* " != *" $name "* ]] || die "$name on a command line is seen by everybody on this machine: export it, or use KEY_FILE=/path"
  done
  PROVIDER=${PROVIDER:-offline}
  case $PROVIDER in
    gemini | openai) check_choice ;;
    offline)
      for name in MODEL KEY_FILE BASE_URL PRICE LIMIT YES; do
        [[ -z ${!name:-} ]] || die "$name= is for a provider that charges: add PROVIDER=gemini or PROVIDER=openai"
      done
      LIMIT=$CATALOGUE_SIZE
      ;;
    *) die "the demo knows no provider '$PROVIDER': PROVIDER=gemini, PROVIDER=openai (and what speaks its API, by BASE_URL=), or none" ;;
  esac
  take_key
}

is_paid() { [[ $PROVIDER != offline ]]; }

check_choice() {
  local LC_ALL=C examples
  LIMIT=${LIMIT:-4}
  if [[ ! $LIMIT =~ ^[1-9][0-9]?$ ]] || ((LIMIT > CATALOGUE_SIZE)); then
    die "LIMIT=$LIMIT is no number of pictures: 1 to $CATALOGUE_SIZE"
  fi
  [[ -z ${PRICE:-} || $PRICE =~ ^[0-9]{1,6}(\.[0-9]{1,6})?$ ]] || die "PRICE=$PRICE is no price of a call in USD, such as 0.04"
  [[ -z ${YES:-} || $YES == 1 ]] || die "YES=$YES is no yes: YES=1, or leave it out and type it"
  if [[ ! ${MODEL:-} =~ ^[A-Za-z0-9][A-Za-z0-9._:/@-]*$ ]]; then
    examples=$(grep -A 1 "foreign data wrapper atelier_$PROVIDER" docs/providers.md | sed -n "s/.*image_model '\([^']*\)'.*/\1/p")
    die "which model? None is built in, since their names change within months. docs/providers.md has an example: MODEL=$examples"
  fi
}

# The key is a variable of this shell alone, not exported to apt, npm or make, until the stage holds its file.
take_key() {
  local LC_ALL=C variable=${PROVIDER^^}_API_KEY
  unset api_key
  if [[ -n ${KEY_FILE:-} ]]; then
    [[ -f $KEY_FILE && -r $KEY_FILE ]] || die "KEY_FILE=$KEY_FILE is no file that can be read"
    key_source="the file $KEY_FILE"
    api_key=$(<"$KEY_FILE")
    api_key=${api_key%$'\r'}
  elif is_paid; then
    key_source="$variable of the environment"
    api_key=${!variable:-}
    [[ -n $api_key ]] || die "no key: export $variable, or add KEY_FILE=/path"
  fi
  unset GEMINI_API_KEY OPENAI_API_KEY
  [[ ${api_key-x} =~ ^[[:graph:]]+$ ]] || die "$key_source holds no key: one word of visible ASCII characters is expected"
}

listed_prices() { awk -v provider="$PROVIDER" -v model="$MODEL" '$1 == provider && $2 == model' "$PRICE_LIST"; }

# Sets call_price, the most that one call costs, highest_price, the most that all of them cost, and where they come from.
find_highest_price() {
  local noted
  if [[ -n ${PRICE:-} ]]; then
    call_price=$PRICE
    price_source='as PRICE= says'
  else
    read -r call_price noted < <(listed_prices | LC_ALL=C awk '{ sum += $4 / $5 * $7; noted = $6 } END { if (NR) printf "%.6f %s\n", sum, noted }') ||
      die "no price of $PROVIDER $MODEL is known: look up what a picture costs at most and add it in USD, such as PRICE=0.04"
    price_source="by the EXAMPLE prices of $PRICE_LIST, noted $noted"
  fi
  # Rounded up to the cent.
  highest_price=$(LC_ALL=C awk -v calls=$((LIMIT * CALLS_OF_A_PICTURE)) -v price="$call_price" \
    'BEGIN { cents = calls * price * 100; whole = int(cents); printf "%.2f", (whole + (cents - whole > 1e-6)) / 100 }')
}

show_plan() {
  cat <<TXT
This provider charges for what the demo asks it for.
  provider       $PROVIDER${BASE_URL:+ at $BASE_URL}
  model          $MODEL
  key            $key_source
  calls          $LIMIT, one for each picture (LIMIT= says how many, up to $CATALOGUE_SIZE);
                 at most $((LIMIT * CALLS_OF_A_PICTURE)) that can be charged: one that fails is tried once more,
                 one whose outcome nobody knows is not
  highest price  $highest_price USD: $((LIMIT * CALLS_OF_A_PICTURE)) calls of at most $call_price USD,
                 $price_source
TXT
  [[ -n ${PRICE:-} ]] || echo '                 (look up what your provider charges; PRICE=0.04 says what a call costs at most)'
}

# Ends the script without a yes.
ask_for_yes() {
  local answer=''
  [[ ${YES:-} != 1 ]] || return 0
  printf 'Type yes to start: '
  read -r answer || true
  [[ -t 0 ]] || echo
  [[ $answer == yes ]] || die 'not started: no yes, no call'
}

# The rows of atelier.prices for the ledger. A price of a picture is the whole price: its tokens cost nothing more.
price_rows() {
  if [[ -n ${PRICE:-} ]]; then
    printf "$PROVIDER\t$MODEL\t%s\t%s\t1\n" image "$PRICE" input_token 0 cached_input_token 0 output_token 0
  else
    listed_prices | awk -v OFS='\t' '{ print $1, $2, $3, $4, $5 }'
  fi
}

# The key lies in the stage, readable for the server's account alone; demo-stop removes it with the stage.
introduce_provider() {
  local file=$STAGE/provider.key
  (umask 077 && printf '%s\n' "$api_key" >"$file") && chown "$(ordinary_user):" "$file" && unset api_key &&
    ask -v provider="$PROVIDER" -v model="$MODEL" -v base_url="${BASE_URL:-}" -v key_file="$file" -f test/demo/provider.sql &&
    price_rows | ask -c 'copy atelier.prices (provider, model, unit, price, per) from stdin'
}

show_ledger() {
  echo "The ledger: what $PROVIDER says it used, and what that costs, $price_source."
  ask -P format=aligned -P tuples_only=off -P footer=off -P border=1 -v provider="$PROVIDER" <<'SQL'
select coalesce(l.unit, 'all') as unit, case when l.unit is not null then sum(l.quantity) end as quantity,
       case when bool_or(l.cost is null) then 'unknown' else coalesce(sum(l.cost), 0)::text end as cost, 'USD' as currency
  from atelier.usage_ledger l
 where l.provider = :'provider'
 group by grouping sets ((l.unit), ())
 order by grouping(l.unit), l.unit
SQL
}

# What was paid for outlives the cluster: demo-stop leaves build/demo.
keep_pictures() { fetch_pictures build/demo/bought; }
