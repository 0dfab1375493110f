"""What the readers of HTTP services share: client, rate limits, completeness."""
