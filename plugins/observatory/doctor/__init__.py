"""The doctor: checks a territory file and each of its sources before anything is loaded."""
