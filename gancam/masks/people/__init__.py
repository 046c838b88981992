"""People in frames: who is found, where they end, and what stays behind them."""
