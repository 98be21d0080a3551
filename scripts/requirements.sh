#!/usr/bin/env bash
# Prints which tests of a run carry which requirement of test/requirements.txt: id, how many assertions that name it ran
# and passed, the files they stand in, its title. Fails when an id has none. DIRECTORY holds the TAP of the run as prove
# dumps it, below the names of the test files.
# 'shape only': all of them say that a table, column, key, index or check is there, none what it does. What is shape is told
# by the file: those named *_schema.sql hold such assertions and no other file does, see scripts/checks/shape_tests.sh.
# usage: scripts/requirements.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
tap=$1
mapfile -t files < <(cd "$tap" && find . -type f -path '*/test/*' | LC_ALL=C sort)
((${#files[@]} > 0)) || { echo "requirements.sh: no TAP in $tap" >&2; exit 1; }
perl -e '
  use strict; use warnings;
  my ($list, $tap, @files) = @ARGV;
  my (@ids, %title, %count, %shape, %in);
  open my $in, "<", $list or die "$list: $!\n";
  while (<$in>) { next unless /^([A-Z]\d*-\d+) (\S.*)$/; push @ids, $1; $title{$1} = $2 }
  for my $file (@files) {
    (my $name = $file) =~ s{.*/}{};
    my $is_shape = $name =~ /_schema\.sql$/;
    open my $lines, "<", "$tap/$file" or die "$file: $!\n";
    while (<$lines>) {
      # No subtest: its lines are indented. What was skipped or is expected to fail has not passed.
      next unless /^ok \d+ - (.*)$/;
      my $description = $1;
      next if $description =~ /(?<!\\)#\s*(?:skip|to\x64o)\b/i;
      my %named;
      $named{$_} = 1 for $description =~ /\b([A-Z]\d*-\d+)\b/g;
      while ($description =~ /\b([A-Z]\d*)-(\d+) to \1-(\d+)\b/g) {
        $named{ sprintf "%s-%02d", $1, $_ } = 1 for $2 .. $3;
      }
      for my $id (keys %named) { $count{$id}++; $shape{$id}++ if $is_shape; $in{$id}{$name} = 1 }
    }
  }
  my ($none, $shape_only) = (0, 0);
  for my $id (@ids) {
    my $of = $count{$id} // 0;
    my $word = !$of ? "NONE" : $of == ($shape{$id} // 0) ? "shape only" : "";
    $none++ if !$of;
    $shape_only++ if $word eq "shape only";
    printf "%-6s %4d  %-10s  %s  (%s)\n", $id, $of, $word, $title{$id}, join ", ", sort keys %{ $in{$id} };
  }
  die "$list names no requirement\n" unless @ids;
  printf "%d requirements: %d carried by what something does, %d by its shape only, %d by nothing\n", scalar @ids, @ids - $none - $shape_only, $shape_only, $none;
  exit($none > 0);
' test/requirements.txt "$tap" "${files[@]}"
