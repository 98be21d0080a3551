-- The last act: at the commit of this transaction the launcher starts a worker for this database.
select atelier_internal.start_worker();
