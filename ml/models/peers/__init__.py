"""Published methods that ours is compared with, their settings chosen on the days before the forecast."""
