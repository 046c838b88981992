"""What is said of files in which nothing was filled, or all of it."""

ALL_MARKED = (
    "all of a frame was marked, so that nothing was left to fill it from, and it is black: invert=on fills what a mask "
    "image does not mark instead"
)
NOTHING = "nothing is marked, so nothing is filled: give mask=, box=, polygon=, key=, faces= or find="
ALONE = "find=scratches compares a frame with those beside it, and there was one frame alone, which is as it was"
