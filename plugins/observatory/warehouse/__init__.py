"""The PostgreSQL warehouse: an embedded server, its bootstrap, connections, and atomic loads."""
