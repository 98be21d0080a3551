#!/usr/bin/env bash
# psql in a database of its own: made from the template ATELIER_TEMPLATE, dropped afterwards. pg_prove runs it as psql.
set -euo pipefail
template=$ATELIER_TEMPLATE
fresh=test_$$
psql -Xq -v ON_ERROR_STOP=1 -c "create database $fresh template $template"
# What is made from a template is a copy, which deletes nothing before it was adopted.
psql -Xqo /dev/null -v ON_ERROR_STOP=1 -d "$fresh" -c "set client_min_messages = error" -c "select atelier.adopt_jobs()"
status=0
PGDATABASE=$fresh psql "$@" || status=$?
psql -Xq -c "drop database $fresh with (force)"
exit "$status"
