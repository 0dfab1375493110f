"""Turn a source's rows into records that meet the contract of their kind, as the feed declares."""
