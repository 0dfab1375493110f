"""`observatory-ml forecast`: forecast one day of a city in the warehouse."""

from __future__ import annotations

from ml.cli.options import Day, Groups, Territory, Url, listed, require_url


def forecast(territory: Territory, day: Day, url: Url = "", groups: Groups = None) -> None:
    """Forecast --day for every cell and write it to the warehouse."""
    from ml.cli.printing import print_forecast
    from ml.jobs import warehouse

    print_forecast(warehouse.forecast(require_url(url), territory, day.date(), listed(groups)))
