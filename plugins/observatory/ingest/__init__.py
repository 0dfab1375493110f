"""Read windows of feeds and load them: single extracts, scheduled runs, backfills, inboxes."""
