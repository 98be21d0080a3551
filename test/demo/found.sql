-- What the analysis of the demo's collection found: the rooms of its products, a row for each inspiration, and the
-- settings that all its pictures share. psql variables: collection, names (path of photos.json, see load.sql, on the server).
\pset format aligned
\pset tuples_only off
\pset footer off
\pset border 1
select named.file as inspiration, found.palette, s.analysis ->> 'lighting' as lighting,
       s.analysis ->> 'brightness' as brightness, i.width || ' x ' || i.height || coalesce(', ' || (s.analysis ->> 'orientation'), '') as picture,
       s.analysis ->> 'colorScheme' as colours, s.analysis ->> 'style' as style,
       coalesce(s.analysis ->> 'model', '') as model
  from atelier.inspiration_images s
  join atelier.images i on i.id = s.image_id
  left join jsonb_each_text(pg_read_file(:'names')::jsonb) as named (file, image_id) on named.image_id = s.image_id::text
 cross join lateral (select string_agg(color, ' ' order by place) as palette
                       from jsonb_array_elements_text(s.analysis -> 'colorPalette') with ordinality as c (color, place) where place <= 5) as found
 where s.collection_id = :'collection'
 order by s.display_order, s.created_at, s.id;

\pset tuples_only on
\pset format unaligned
select format('Nobody said, or can say without a model: %s.', string_agg(distinct field, ', '))
  from atelier.inspiration_images s, jsonb_array_elements_text(s.analysis -> 'unknown') as field
 where s.collection_id = :'collection'
having count(*) > 0;
select format('Rooms of the products: %s.', string_agg(format('%s %s', replace(room, '_', ' '), products), ', ' order by products::integer desc, room))
  from atelier.collections c, jsonb_each_text(c.product_analysis -> 'roomTypeDistribution') as d (room, products)
 where c.id = :'collection';
select format('Settings of all pictures: %s.', string_agg(format('%s %s', key, value #>> '{}'), ', ' order by key))
  from atelier.collections c, jsonb_each(c.base_settings)
 where c.id = :'collection' and value not in ('"unspecified"', '""', '[]', 'null') and key <> 'settings_version';
