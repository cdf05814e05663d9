"""Configuration files: YAML with includes, variables and the line of every value."""
