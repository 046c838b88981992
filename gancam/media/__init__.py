"""Facts about video, images and sound beside the pixels: colour, names of files, loudness, messages."""
