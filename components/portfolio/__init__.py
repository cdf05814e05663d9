"""Cash and positions: exact arithmetic in ``position``, the component in ``portfolio``."""
