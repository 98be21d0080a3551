-- What the rounds gave: as JSON, or with the variable text for people. Round 0 was there to warm up.
create temporary view measured as
select s.view, count(*) as runs, max(s.shown) as shown, percentile_cont(0.5) within group (order by s.ms) as ms, min(s.ms) as ms_from, max(s.ms) as ms_to
  from bench.samples s where s.round > 0 group by s.view;
\if :text
select format('%-24s %10s ms (%s to %s), %s row(s)', m.view, round(m.ms::numeric, 1), round(m.ms_from::numeric, 1), round(m.ms_to::numeric, 1), m.shown)
  from measured m order by m.ms desc;
\else
select jsonb_pretty(jsonb_agg(jsonb_build_object('figure', 'view ' || m.view || ' at a million rows', 'value', round(m.ms::numeric, 3), 'unit', 'ms', 'runs', m.runs, 'rows', m.shown)
                              order by m.view))
  from measured m;
\endif
