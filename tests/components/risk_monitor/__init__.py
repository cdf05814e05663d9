"""Tests of the risk monitor: continuous limits, breaches, losses."""
