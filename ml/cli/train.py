"""`observatory-ml train`: train and store the models of a city in the warehouse."""

from __future__ import annotations

from ml.cli.options import Day, Groups, Territory, Url, listed, require_url


def train(territory: Territory, day: Day, url: Url = "", groups: Groups = None) -> None:
    """Train one model per category group on what was known on the morning of --day, and store it."""
    from ml.cli.printing import console
    from ml.jobs import warehouse

    for group, identity in warehouse.train(require_url(url), territory, day.date(), listed(groups)).items():
        console.print(f"{group}: model {identity[:12]}")
