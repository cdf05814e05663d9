"""Back into a run or live log: its core as it was, step by step, explained, or played on with changes."""
