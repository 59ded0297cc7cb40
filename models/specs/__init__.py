"""Specifications that several systems share: values that say what to build, readable and comparable without torch."""
