"""The workbench for custom fields: source, rules and result side by side."""
