"""Versions of a strategy in a live log: how they are deployed, scaled, judged and taken back."""
