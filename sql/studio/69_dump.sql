-- What pg_dump keeps of the studio: all rows that people made, and of the rule tables those that the install script did not write.

select pg_extension_config_dump('atelier.clients', '');
select pg_extension_config_dump('atelier_internal.tiers', 'where not built_in');
select pg_extension_config_dump('atelier_internal.usage_counts', '');
select pg_extension_config_dump('atelier.users', '');
select pg_extension_config_dump('atelier.members', '');
select pg_extension_config_dump('atelier.products', '');
select pg_extension_config_dump('atelier.images', '');
select pg_extension_config_dump('atelier.uploads', '');
select pg_extension_config_dump('atelier.product_images', '');
select pg_extension_config_dump('atelier.collections', '');
select pg_extension_config_dump('atelier.inspiration_images', '');
select pg_extension_config_dump('atelier_internal.photo_uses', '');
select pg_extension_config_dump('atelier_internal.product_batches', '');
select pg_extension_config_dump('atelier_internal.collection_checks', '');
select pg_extension_config_dump('atelier.generated_assets', '');
select pg_extension_config_dump('atelier_internal.status_transitions', 'where not built_in and extension is null');
select pg_extension_config_dump('atelier_internal.settings_vocabulary', 'where not built_in');
select pg_extension_config_dump('atelier_internal.upload_types', 'where not built_in');
select pg_extension_config_dump('atelier_internal.asset_pipelines', 'where not built_in');
select pg_extension_config_dump('atelier_internal.pipeline_models', 'where not built_in');
