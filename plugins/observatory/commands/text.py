"""``observatory text``: train a classifier of short texts and measure it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from observatory.commands import options

app = typer.Typer(help="Train a classifier of short texts and measure it.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def text() -> None:
    """Make ``train`` a subcommand although it is the only one."""


@app.command()
def train(
    labelled: Annotated[Path, typer.Argument(help="Tab-separated file with the columns label and text, or XED's.")],
    out: Annotated[Path, typer.Option(help="File of the model.")] = Path("text_model.npz"),
    name: Annotated[str, typer.Option(help="Name kept with every score.")] = "sentiment_fr",
) -> None:
    """Train on all labelled texts; print the scores of a model trained without a held-out fifth of them."""
    from rich.table import Table

    from observatory.text.labelled import read_labelled
    from observatory.text.measure import held_out
    from observatory.text.model import train as fit

    texts = read_labelled(labelled)
    found = held_out(texts, name)
    table = Table("label", "texts", "F1 held out", title=f"{name}: macro-F1 {found.macro_f1:.3f}")
    for label, score in found.f1.items():
        table.add_row(label, str((texts["label"] == label).sum()), f"{score:.3f}")
    model = fit(texts["text"].to_list(), texts["label"].to_list(), name)
    model.save(out)
    console = options.console()
    console.print(table)
    console.print(f"{out}: {model.name} {model.version}, {out.stat().st_size / 1024:.0f} KB", highlight=False)
