-- One round; variables: round. What is written is rolled back, and removed before the next one.
-- generate_collection() of all products, and a plain INSERT of the rows that it once wrote, ids by default, with the checks, foreign keys
-- and indexes of the table and without its user triggers. Neither includes the commit.
select bench.ready_collection() as fresh \gset
begin;
select bench.clocked(format('select * from atelier.generate_collection(%L)', :'fresh')) as ours \gset
select bench.require(count(*) = (select count(*) from bench.rows), 'generate_collection() made other rows') from atelier.generated_assets where collection_id = :'fresh';
rollback;
begin;
alter table atelier.generated_assets disable trigger user;
select bench.clocked(format($$
    insert into atelier.generated_assets (client_id, collection_id, product_id, type, status, progress, settings, provider, job_id)
    select client_id, %L::uuid, product_id, type, status, progress, settings, provider, job_id from bench.rows $$, :'fresh')) as bare \gset
rollback;
delete from atelier.collections where id = :'fresh';
insert into bench.samples values ('generate_collection', :round, :ours, :bare);
vacuum atelier.generated_assets, atelier.collections, atelier_internal.jobs, atelier_internal.queue_entries, atelier_internal.events;
