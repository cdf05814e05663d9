"""Core components: each by itself where it can be, and the whole core as it is assembled."""
