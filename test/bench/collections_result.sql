-- What the rounds gave, with their goals: as JSON, or with the variable text for people. Round 0 was there to warm up.
create temporary view measured as
select g.figure, g.goal, count(*) as runs,
       percentile_cont(0.5) within group (order by s.ours) as ours, min(s.ours) as ours_from, max(s.ours) as ours_to,
       percentile_cont(0.5) within group (order by s.bare) as bare, min(s.bare) as bare_from, max(s.bare) as bare_to
  from (values ('generate_collection', 4), ('collection_status', 3)) as g (figure, goal)
  join bench.samples s on s.figure = g.figure and s.round > 0
 group by g.figure, g.goal;
\if :text
select format('%s of %s: %s ms (%s to %s), bare %s ms (%s to %s), ratio %s, goal at most %s: %s', m.figure || '()', (select count(*) from bench.rows),
              round(m.ours::numeric, 2), round(m.ours_from::numeric, 2), round(m.ours_to::numeric, 2),
              round(m.bare::numeric, 2), round(m.bare_from::numeric, 2), round(m.bare_to::numeric, 2), round((m.ours / m.bare)::numeric, 2), m.goal,
              case when m.ours / m.bare <= m.goal then 'reached' else 'MISSED' end)
  from measured m order by m.figure desc;
\else
select jsonb_pretty(jsonb_agg(jsonb_build_object(
           'figure', m.figure || '() of ' || (select count(*) from bench.rows) || ' against its bare statement', 'value', round((m.ours / m.bare)::numeric, 3),
           'unit', 'ratio', 'goal', m.goal, 'goal_is', 'at most', 'runs', m.runs,
           'median_ms', jsonb_build_object('ours', round(m.ours::numeric, 3), 'bare', round(m.bare::numeric, 3))) order by m.figure desc))
  from measured m;
\endif
