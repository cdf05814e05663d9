"""Trading days of a live log, and the page about each."""
