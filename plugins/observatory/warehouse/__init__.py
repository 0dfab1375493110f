"""The PostgreSQL warehouse: an embedded server, its bootstrap, its connections, the atomic load."""
