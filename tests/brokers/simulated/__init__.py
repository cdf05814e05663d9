"""The simulated broker: its fill, slippage and commission models, and the venue itself."""
