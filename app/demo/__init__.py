"""The loop by itself: ask, judge, align, examine, promote, ask again. Whatever is simulated says so."""
