"""Who may reach what on a host: the words of it, our rules, and the tables of others."""
