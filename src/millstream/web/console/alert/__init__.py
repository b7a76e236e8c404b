"""How alerts are shown: in words, with the way to what is behind them."""
