"""Bundles: a run or live log in one file, with all that it needs to be played again elsewhere.

``making`` writes one, ``reproducing`` plays one, ``anonymising`` makes other names and scales of a log first.
``packing`` knows the file, ``manifest`` what it says about itself.
"""
