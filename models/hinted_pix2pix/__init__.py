"""pix2pix with hints, a baseline of paper 003."""
