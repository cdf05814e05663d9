"""Checks of a strategy: that it hides no state, knows no future, and does not depend on its first bar."""
