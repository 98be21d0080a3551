-- Loads the catalogue of the demo: makes the products and puts the collection together. Prints the collection's id.
-- psql variables: client (its id), catalogue and photos (paths of catalogue.json and photos.json on the server),
-- pictures (how many products are selected).
--
-- catalogue.json:
--   collection: name
--   inspirations: [photo, ..]
--   products: [{sku, name, category, roomTypes: [..], metadata (optional), photo}]
-- A photo is a name of photos.json: {name: id of the image that was registered or uploaded}.
begin;

create temporary table catalogue as select pg_read_file(:'catalogue')::jsonb as content;

create temporary table photos as
select key as file, value::uuid as image_id from jsonb_each_text(pg_read_file(:'photos')::jsonb);

create temporary table products as
select place, product ->> 'photo' as file,
       atelier.create_product(:'client', product ->> 'name', product ->> 'sku', product ->> 'category',
                              array(select jsonb_array_elements_text(product -> 'roomTypes')), product -> 'metadata') as product_id
  from catalogue, jsonb_array_elements(content -> 'products') with ordinality as listed (product, place);

select count(atelier.add_product_image(p.product_id, f.image_id)) as photos from products p join photos f using (file) \gset

select atelier.create_collection(:'client', content ->> 'collection',
           array(select product_id from products where place <= :pictures order by place)) as collection
  from catalogue \gset

select count(atelier.add_inspiration(:'collection', named.image_id, display_order => named.place::integer)) as inspirations
  from (select f.image_id, listed.place
          from catalogue, jsonb_array_elements_text(content -> 'inspirations') with ordinality as listed (file, place)
          join photos f using (file)) as named \gset

commit;
\echo :collection
