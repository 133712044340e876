"""Text a person wrote → frozen data with its places: inventories, playbooks, roles, templates, secrets."""
