"""Specifications that several systems share: values, readable and comparable without torch."""
