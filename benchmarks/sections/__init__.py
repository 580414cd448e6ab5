"""The sections of RESULTS.md: each writes the tables of one script from its JSON."""
