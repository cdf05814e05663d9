"""Orders of record: the lifecycle table in ``lifecycle``, the component in ``orders``."""
