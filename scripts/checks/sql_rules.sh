#!/usr/bin/env bash
# What: in sql/, keywords are lower case, no tab, no blank at a line's end, and every function's body and settings are
#       visible to a reader: `language`, and `set search_path = pg_catalog, pg_temp` unless it is written in C.
# Why: a function without a fixed search_path runs whatever its caller put in front; that is the classic way in through a
#      SECURITY DEFINER function. test/pgtap/house_rules.sql asks the catalog for the same, and for comments; this check
#      names the line, and reads scripts that no test installs.
# Fix: write the clause; pg_temp comes last. Lower the keyword.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
mapfile -t files < <(source_files '*.sql' | grep '^sql/')
((${#files[@]} > 0)) || { echo 'sql/: no file'; exit 1; }
perl -e '
  use strict; use warnings;
  my $bad = 0;
  sub report { my ($file, $line, $text) = @_; print "$file:$line: $text\n"; $bad = 1 }
  for my $file (@ARGV) {
    open my $in, "<", $file or die "$file: $!\n";
    my $text = do { local $/; <$in> };
    my $number = 0;
    for my $line (split /\n/, $text) {
      $number++;
      report($file, $number, "a tab or a blank at the end of the line") if $line =~ /\t|\s$/;
    }
    # Comments and string literals say what they like; what is left keeps its line numbers.
    (my $code = $text) =~ s{(--[^\n]*|/\*.*?\*/|\x27(?:[^\x27]|\x27\x27)*\x27)}{ (my $blank = $1) =~ s/[^\n]//g; $blank }gse;
    while ($code =~ /\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|FROM|WHERE|RETURNS?|FUNCTION|TABLE|BEGIN|END|DECLARE|GRANT|REVOKE|NOT|NULL|AND|OR|AS|SET)\b/g) {
      report($file, 1 + (substr($code, 0, pos $code) =~ tr/\n//), "keyword $1 in upper case");
    }
    # A function ends at the semicolon outside its dollar-quoted body.
    while ($code =~ /\bcreate\s+(?:or\s+replace\s+)?(function|procedure)\s+([a-z_0-9.]+)/g) {
      my ($kind, $name, $from) = ($1, $2, pos $code);
      my $line = 1 + (substr($code, 0, $from) =~ tr/\n//);
      my $rest = substr($code, $from);
      my $commits = $rest =~ s/(\$[a-z_]*\$)(.*?)\1/ /s && $2 =~ /\bcommit;/;
      my ($head) = $rest =~ /\A([^;]*);/;
      if (!defined $head) { report($file, $line, "$name: the end of the function is not found"); next }
      report($file, $line, "$name: name it with its schema") unless $name =~ /\./;
      # The literals are blanked, so a C function shows as `language c as`.
      next if $head =~ /\blanguage\s+c\b/;
      # It can have none, and sets the path by itself in each of its transactions: house_rules.sql looks.
      next if $kind eq "procedure" && $commits;
      report($file, $line, "$name: no `set search_path = pg_catalog, pg_temp`") unless $head =~ /\bset\s+search_path\s*(?:=|to)\s*pg_catalog\s*,\s*pg_temp\b/;
    }
  }
  exit $bad;
' "${files[@]}"
