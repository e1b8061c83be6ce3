"""`make bench-gates`: how often gates are wrong, in simulated exams whose truth is known."""
