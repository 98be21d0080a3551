-- The pictures of the demo's collection by the inspiration that each follows, for contact_sheet.sh.
-- psql variables: collection, names (path of photos.json, see load.sql, on the server), photos (directory with the photos),
-- pictures (directory with the pictures).
select jsonb_build_object('title', c.name, 'families', (
           select coalesce(jsonb_agg(jsonb_build_object(
                      'inspiration', jsonb_build_object('file', :'photos' || '/' || named.file, 'analysis', s.analysis),
                      'pictures', (
                          select coalesce(jsonb_agg(jsonb_build_object(
                                     'file', :'pictures' || '/' || regexp_replace(made.s3_key, '.*/', ''),
                                     'product', p.name, 'settings', a.settings, 'provider', a.provider)
                                     order by array_position(c.selected_product_ids, p.id)), '[]')
                            from atelier.generated_assets a
                            join atelier.products p on p.id = a.product_id
                            join atelier.images made on made.id = a.image_id
                           where a.collection_id = c.id and a.status = 'completed'
                             and a.settings ->> 'sceneImageUrl' = 'atelier://images/' || s.image_id))
                      order by s.display_order, s.created_at, s.id), '[]')
             from atelier.inspiration_images s
             left join jsonb_each_text(pg_read_file(:'names')::jsonb) as named (file, image_id) on named.image_id = s.image_id::text
            where s.collection_id = c.id))
  from atelier.collections c
 where c.id = :'collection';
