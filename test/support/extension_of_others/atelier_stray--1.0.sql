select atelier.register_transition('collection', 'ready', 'completed');
