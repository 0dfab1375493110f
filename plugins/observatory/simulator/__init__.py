"""A made-up city with planted truth, and a portal that serves it, or real rows, the way a city's portal does."""
