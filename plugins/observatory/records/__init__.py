"""Records: from a source's rows, by what a feed declares, to records that meet their kind's contract."""
