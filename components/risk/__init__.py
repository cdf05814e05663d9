"""Risk: rules in ``rules``, the component that applies them in ``risk``."""
