# shellcheck shell=bash
# The demo with a provider that charges: what was asked for, its highest price, the question, the key.
# Sourced by scripts/demo.sh, after scripts/lib.sh, from the root of the tree.

CATALOGUE_SIZE=24
# Calls of the analysis: all products in one, and each of the two inspirations.
ANALYSIS_CALLS=3
# How often a call may be charged: one that failed is tried once more, one whose outcome is unknown is not.
TRIES=2
PRICE_LIST=test/demo/prices.txt

# choose_provider NAME...: the names of the variables that stood on make's command line. What somebody exported for
# another program must neither spend money here nor send a key elsewhere, so those of the environment are forgotten.
choose_provider() {
  local name
  for name in PROVIDER MODEL JSON_MODEL KEY_FILE BASE_URL PRICE JSON_PRICE LIMIT YES; do
    [[ " $* " == *" $name "* ]] || unset "$name"
  done
  for name in GEMINI_API_KEY OPENAI_API_KEY; do
    [[ " $* " != *" $name "* ]] || die "$name on a command line is seen by everybody on this machine: export it, or use KEY_FILE=/path"
  done
  PROVIDER=${PROVIDER:-offline}
  case $PROVIDER in
    gemini | openai) check_choice ;;
    offline)
      for name in MODEL JSON_MODEL KEY_FILE BASE_URL PRICE JSON_PRICE LIMIT YES; do
        [[ -z ${!name:-} ]] || die "$name= is for a provider that charges: add PROVIDER=gemini or PROVIDER=openai"
      done
      LIMIT=$CATALOGUE_SIZE
      ANALYST=offline
      ;;
    *) die "the demo knows no provider '$PROVIDER': PROVIDER=gemini, PROVIDER=openai (and what speaks its API, by BASE_URL=), or none" ;;
  esac
  take_key
}

is_paid() { [[ $PROVIDER != offline ]]; }
is_analysis_paid() { [[ $ANALYST != offline ]]; }

check_choice() {
  local LC_ALL=C examples name
  LIMIT=${LIMIT:-4}
  ANALYST=${JSON_MODEL:+$PROVIDER}
  ANALYST=${ANALYST:-offline}
  if [[ ! $LIMIT =~ ^[1-9][0-9]?$ ]] || ((LIMIT > CATALOGUE_SIZE)); then
    die "LIMIT=$LIMIT is no number of pictures: 1 to $CATALOGUE_SIZE"
  fi
  for name in PRICE JSON_PRICE; do
    [[ -z ${!name:-} || ${!name} =~ ^[0-9]{1,6}(\.[0-9]{1,6})?$ ]] || die "$name=${!name} is no price of a call in USD, such as 0.04"
  done
  [[ -z ${JSON_PRICE:-} || -n ${JSON_MODEL:-} ]] || die 'JSON_PRICE= is what a call of the analysis costs at most: add JSON_MODEL='
  [[ ${JSON_MODEL:-x} =~ ^[A-Za-z0-9][A-Za-z0-9._:/@-]*$ ]] || die "JSON_MODEL=$JSON_MODEL is no name of a model"
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

listed_prices() { awk -v provider="$PROVIDER" -v model="$1" '$1 == provider && $2 == model' "$PRICE_LIST"; }

# find_call_price MODEL GIVEN NAME WHAT: sets call_price, the most that one call of the model costs in USD, and where that
# comes from. GIVEN is the value of the variable NAME.
find_call_price() {
  local noted
  if [[ -n $2 ]]; then
    call_price=$2
    call_price_source="as $3= says"
  else
    read -r call_price noted < <(listed_prices "$1" | LC_ALL=C awk '{ sum += $4 / $5 * $7; noted = $6 } END { if (NR) printf "%.6f %s\n", sum, noted }') ||
      die "no price of $PROVIDER $1 is known: look up what $4 costs at most and add it in USD, such as $3=0.04"
    call_price_source="by the EXAMPLE prices of $PRICE_LIST, noted $noted"
  fi
}

# Sets picture_price, analysis_price (of a call each), where they come from, and highest_price, the most that all calls cost.
find_highest_price() {
  local call_price call_price_source
  find_call_price "$MODEL" "${PRICE:-}" PRICE 'a picture'
  picture_price=$call_price
  picture_price_source=$call_price_source
  analysis_price=0
  if is_analysis_paid; then
    find_call_price "$JSON_MODEL" "${JSON_PRICE:-}" JSON_PRICE 'a call of the analysis'
    analysis_price=$call_price
    analysis_price_source=$call_price_source
  fi
  # Rounded up to the cent.
  highest_price=$(LC_ALL=C awk -v pictures=$((LIMIT * TRIES)) -v price="$picture_price" -v analyses=$((ANALYSIS_CALLS * TRIES)) \
    -v analysis="$analysis_price" \
    'BEGIN { cents = (pictures * price + analyses * analysis) * 100; whole = int(cents); printf "%.2f", (whole + (cents - whole > 1e-6)) / 100 }')
}

show_plan() {
  cat <<TXT
This provider charges for what the demo asks it for.
  provider       $PROVIDER${BASE_URL:+ at $BASE_URL}
  model          $MODEL
  analysis       $(if is_analysis_paid; then echo "$JSON_MODEL"; else echo 'offline, measured and free of charge (JSON_MODEL= has the provider do it)'; fi)
  key            $key_source
  calls          $LIMIT, one for each picture (LIMIT= says how many, up to $CATALOGUE_SIZE)$(is_analysis_paid && printf ', and %s for the analysis' "$ANALYSIS_CALLS");
                 at most $((LIMIT * TRIES + $(is_analysis_paid && echo $((ANALYSIS_CALLS * TRIES)) || echo 0))) that can be charged: one that fails is tried once more,
                 one whose outcome nobody knows is not
  highest price  $highest_price USD: $((LIMIT * TRIES)) calls of at most $picture_price USD,
                 $picture_price_source
TXT
  if is_analysis_paid; then
    printf '                 and %s calls of at most %s USD for the analysis,\n                 %s\n' \
      "$((ANALYSIS_CALLS * TRIES))" "$analysis_price" "$analysis_price_source"
  fi
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

# The rows of atelier.prices for the ledger. A price of a picture is the whole price: its tokens cost nothing more. Of a call
# of the analysis only tokens are counted, so that JSON_PRICE= cannot say what one cost.
price_rows() {
  if [[ -n ${PRICE:-} ]]; then
    printf "$PROVIDER\t$MODEL\t%s\t%s\t1\n" image "$PRICE" input_token 0 cached_input_token 0 output_token 0
  else
    listed_prices "$MODEL" | awk -v OFS='\t' '{ print $1, $2, $3, $4, $5 }'
  fi
  if is_analysis_paid && [[ -z ${JSON_PRICE:-} && $JSON_MODEL != "$MODEL" ]]; then
    listed_prices "$JSON_MODEL" | awk -v OFS='\t' '{ print $1, $2, $3, $4, $5 }'
  fi
}

# The key lies in the stage, readable for the server's account alone; demo-stop removes it with the stage.
introduce_provider() {
  local file=$STAGE/provider.key
  (umask 077 && printf '%s\n' "$api_key" >"$file") && chown "$(ordinary_user):" "$file" && unset api_key &&
    ask -v provider="$PROVIDER" -v model="$MODEL" -v json_model="${JSON_MODEL:-}" -v base_url="${BASE_URL:-}" -v key_file="$file" \
      -f test/demo/provider.sql &&
    price_rows | ask -c 'copy atelier.prices (provider, model, unit, price, per) from stdin'
}

show_ledger() {
  echo "The ledger: what $PROVIDER says it used, and what that costs, $picture_price_source."
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
