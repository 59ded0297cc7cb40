"""The U-Net generator of pix2pix, which several systems use."""
