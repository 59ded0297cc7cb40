"""The asset `line_detector`: the network that draws a picture's lines, through which paper 003 judges its drafts."""

from assets.training_asset import training_asset

line_detector = training_asset(
    "line_detector",
    description="A network that draws the lines of a picture in colour; the line loss of paper 003 looks through it.",
)
