"""Statements, evidence, verdicts, the catalogue, the report and the command line."""
