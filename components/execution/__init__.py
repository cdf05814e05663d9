"""Orders worked in parts: the component in ``algorithms``, how much is due and when in ``schedule``,
when a symbol trades its volume in ``volume_profile``, what is remembered in ``work``."""
