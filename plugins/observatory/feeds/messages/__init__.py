"""What the readers of public messages share: posts and their threads."""
