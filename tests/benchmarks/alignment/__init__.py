"""`make bench-alignment`: every strategy from the shipped starter model, with the same prompts, tokens and seeds, in regimes with and without conflict.

One process is one run (regime, contender, seed) and leaves one JSON file; tables and plots are made from whatever files are there.
"""
