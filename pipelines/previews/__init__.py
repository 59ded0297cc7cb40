"""Previews of the stages' outputs for people: boxes on pages, kept and dropped panels, titles, variants.

`preview_...` draw pictures, uint8 RGB (H, W, 3), from tables and arrays of the lake. `..._previews` give them as JPEG
files by name, and keep them in the lake: an output that did not change is not drawn again.
"""
