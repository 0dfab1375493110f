"""Remove personal data: columns are refused or replaced by keys and texts are scrubbed before anything is kept.

Nothing here depends on the warehouse or the feeds: each function takes columns, texts or names and returns them without
personal data.
"""
