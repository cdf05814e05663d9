"""Orders worked in parts."""
