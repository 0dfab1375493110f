"""Privacy at the door: what is personal is refused, made a key, scrubbed or generalised before anything is kept.

Nothing here knows the warehouse or the feeds: each function takes columns, texts or names and gives the same back
without persons in them.
"""
