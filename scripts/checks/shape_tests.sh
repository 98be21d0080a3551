#!/usr/bin/env bash
# What: only the pgTAP files named *_schema.sql (and house_rules.sql, which names no requirement) say what the catalog holds:
#       has_table, col_type_is, fk_ok, ..._are, and what reads pg_constraint, pg_index, pg_attribute and the like.
# Why: `make check` counts what those files assert as shape, and all else as behaviour (scripts/requirements.sh). A
#      requirement is carried by what something does; that a column is there proves little.
#       What goes through the catalog to try out all that is there, whatever it is called, asserts no shape: those are named below.
# Fix: move the assertion into the *_schema.sql of its subject, or assert what the thing does.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
mapfile -t files < <(source_files '*.sql' '*.psql' '*.t' '*.pm' | grep -E '^test/(pgtap|fault|support)/' | grep -vE '_schema\.sql$|/house_rules\.sql$|/(two_clients\.sql|tenants\.t|canaries\.t|erasure\.sql|erasure\.t|schedules\.sql|explain\.sql)$')
((${#files[@]} > 0)) || { echo 'test/: no file'; exit 1; }
things='table|view|materialized_view|foreign_table|relation|sequence|schema|column|cols?|pk|fk|unique|check|index|trigger|rule|function|type|domain|enum|composite|cast|operator|opclass|extension|language|role|user|group|tablespace|leftop|rightop|inherited_tables|partition'
ours="\\b(has|hasnt)_($things)s?[[:space:]]*\\(|\\b(col|index|table|view|column|sequence|schema|function|type|domain|enum|trigger|rule|fk|extension|language|cast|operator)_(is|isnt|not_null|is_null|type_is|default_is|has_default|hasnt_default|has_check|is_unique|is_pk|isnt_pk|is_fk|isnt_fk|ok|lang_is|returns|owner_is|is_primary|is_partial)[[:space:]]*\\(|\\b[a-z]+_are[[:space:]]*\\(|\\bfk_ok[[:space:]]*\\("
catalog='\b((pg_constraint|pg_index|pg_indexes|pg_attribute|pg_attrdef|pg_trigger|pg_proc|pg_get_(constraint|index|trigger|function)def)\b|information_schema\.)'
if grep -nE "$ours|$catalog" "${files[@]}" | cut -c 1-160; then exit 1; fi
