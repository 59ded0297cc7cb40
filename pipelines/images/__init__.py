"""Pictures as arrays: decoding, colour spaces, sampling, contact sheets."""
