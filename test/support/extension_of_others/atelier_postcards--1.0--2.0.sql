-- This version writes no postcards by itself any more, and holds no pictures.
select atelier.unregister_pipeline('write_postcard');
select atelier.unregister_transition('postcard', 'written', 'sent');
select atelier.unregister_stored_objects('postcards.cards');
