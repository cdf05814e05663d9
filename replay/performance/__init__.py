"""What a run was worth: trades, equity, and the figures and words about them."""
