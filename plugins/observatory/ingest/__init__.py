"""From a feed's source to the warehouse: extracts, runs, history, deliveries."""
