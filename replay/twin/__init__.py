"""Live fills beside those of the fill models: the twin of a log."""
