"""What a video, an image or a sound is beside its pixels: facts, colour, names of files, words."""
