"""A simulated city with planted parameters, and servers that publish its records over the protocols of real portals."""
