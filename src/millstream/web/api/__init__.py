"""What the console, scripts and the command line share: everything an operator sees and does, as JSON."""
