-- What was measured, with its goals: as JSON, or with the variable text for people.
create temporary view medians as
select c.database, percentile_cont(0.5) within group (order by c.claim) as claim, percentile_cont(0.5) within group (order by c.lease) as lease
  from bench.claims c where c.round > 0 group by c.database;
create temporary view sampled as select s.figure, s.value from bench.samples s;
create temporary view measured (place, figure, value, unit, goal_from, goal_to, words) as
select 1, 'claim of 20 where many are ready', m.claim / f.claim, 'ratio', null::numeric, 1.25::numeric,
       format('claim of 20 jobs: %s ms at 1000 ready, %s ms at %s ready', round(f.claim::numeric, 2), round(m.claim::numeric, 2), :'rows')
  from medians f, medians m where f.database = 'few' and m.database = 'ready'
union all
select 2, 'claim of 20 where many are deferred', m.claim / f.claim, 'ratio', null, 1.25,
       format('claim of 20 jobs: %s ms at 1000 ready, %s ms with %s deferred beside them', round(f.claim::numeric, 2), round(m.claim::numeric, 2), :'rows')
  from medians f, medians m where f.database = 'few' and m.database = 'deferred'
union all
select 3, 'lease of 20 where many are ready', m.lease / f.lease, 'ratio', null, 1.25,
       format('lease of 20 jobs: %s ms at 1000 ready, %s ms at %s ready', round(f.lease::numeric, 2), round(m.lease::numeric, 2), :'rows')
  from medians f, medians m where f.database = 'few' and m.database = 'ready'
union all
select 4, 'lease of 20 where many are deferred', m.lease / f.lease, 'ratio', null, 1.25,
       format('lease of 20 jobs: %s ms at 1000 ready, %s ms with %s deferred beside them', round(f.lease::numeric, 2), round(m.lease::numeric, 2), :'rows')
  from medians f, medians m where f.database = 'few' and m.database = 'deferred'
union all
select 5, 'p95 from COMMIT to result beside a busy client', l.value / e.value, 'ratio', null, 2,
       format('from COMMIT to the result, p95: %s ms in an empty system, %s ms beside %s ready jobs of another client', round(e.value::numeric, 1), round(l.value::numeric, 1), n.value)
  from sampled e, sampled l, sampled n where e.figure = 'empty end' and l.figure = 'loaded end' and n.figure = 'ready'
union all
select 6, 'p95 from COMMIT to start beside a busy client', l.value - e.value, 'ms more', null, null,
       format('from COMMIT to the start, p95: %s ms in an empty system, %s ms beside %s ready jobs of another client', round(e.value::numeric, 1), round(l.value::numeric, 1), n.value)
  from sampled e, sampled l, sampled n where e.figure = 'empty start' and l.figure = 'loaded start' and n.figure = 'ready'
union all
select 7, 'share of weight 3 against weight 1', w.value, 'ratio', 2.7, 3.3,
       format('two clients of weights 1 and 3: 1 to %s of 1000 starts', round(w.value::numeric, 2))
  from sampled w where w.figure = 'weights 1:3';
\if :text
select format('%s, %s %s%s', m.words, round(m.value::numeric, 2), m.unit,
              case when m.goal_to is not null then format(', goal %s%s: %s', coalesce(m.goal_from || ' to ', 'at most '), m.goal_to,
                       case when m.value between coalesce(m.goal_from, m.value) and m.goal_to then 'reached' else 'MISSED' end) end)
  from measured m order by m.place;
\else
select jsonb_pretty(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
           'figure', m.figure, 'value', round(m.value::numeric, 3), 'unit', m.unit, 'goal', m.goal_to,
           'goal_is', case when m.goal_from is not null then 'from ' || m.goal_from || ' to' when m.goal_to is not null then 'at most' end,
           'runs', case when m.place <= 4 then :rounds else 1 end, 'rows', :rows)) order by m.place))
  from measured m;
\endif
