"""Custom fields: expressions that people lay over what a connector maps itself."""
