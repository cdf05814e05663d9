"""Tests of the risk component: rules, working orders, the gate, continuous limits."""
