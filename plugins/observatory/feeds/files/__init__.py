"""What the readers of files share: fetching, unpacking, inboxes."""
