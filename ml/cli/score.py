"""`observatory-ml score`: score a stored forecast."""

from __future__ import annotations

from ml.cli.options import Day, Territory, Url, require_url


def score(territory: Territory, day: Day, url: Url = "") -> None:
    """Score the stored forecast of --day and the baselines."""
    from ml.cli.printing import print_scores, print_skipped
    from ml.jobs import scoring

    summary = scoring.score(require_url(url), territory, day.date())
    print_scores(f"{territory} {summary.first_day}, as issued", summary.scores)
    print_skipped(summary.skipped)
