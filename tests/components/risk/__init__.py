"""Tests of the risk component: rules, working orders, the trading state, own rules."""
