"""``observatory text``: train a classifier of short texts, and see how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(help=__doc__, no_args_is_help=True)


@app.callback()
def text() -> None:
    """Classifiers of short texts."""


@app.command()
def train(
    labelled: Annotated[Path, typer.Argument(help="Tab-separated file with the columns label and text, or XED's.")],
    out: Annotated[Path, typer.Option(help="File of the model.")] = Path("text_model.npz"),
    name: Annotated[str, typer.Option(help="Name kept with every score.")] = "sentiment_fr",
) -> None:
    """Train on all labelled texts, after showing what a fifth of them, held out, says of the model."""
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
    console = Console()
    console.print(table)
    console.print(f"{out}: {model.name} {model.version}, {out.stat().st_size / 1024:.0f} KB", highlight=False)
