"""Other engines as judges: the same orders on the same bars, run by them and by us, fill by fill.

``order_script`` is the language that both sides are given, ``judges`` starts an engine in an environment of
its own (``make engines``), ``ours`` runs the script here. The scripts in ``judges/`` run over there and
import nothing of ours.
"""
