"""Scoring of short texts: a post becomes a class with its probability, and the text is not kept.

``sentiment_fr.npz`` was made by ``observatory text train fr-projections.tsv --out sentiment_fr.npz`` from the French
part of XED (Öhman, Pàmies, Kajava and Tiedemann, 2020; github.com/Helsinki-NLP/XED), licensed CC BY 4.0: eight emotions
of subtitles, put together to three sentiments. The subtitles themselves are not in here.
"""
