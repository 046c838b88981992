"""Kinds of networks that are no effects, told by their shapes alone."""

from gancam.inference.importing.foreign import Foreign, Port

_FRAMES = (6, 9, 12, 15, 18, 21, 27, 33)  # channels of two and more frames of three each
_MOST = 4  # channels of a picture


def unplayable(graph: Foreign) -> str:
    """Say in words what `graph` is that makes no picture of a picture; "" where it may make one."""
    takes = [one for one in graph.inputs if len(one.shape) >= 3]
    gives = [one for one in graph.outputs if len(one.shape) >= 3]
    unread = next((one for one in (*graph.inputs, *graph.outputs) if not one.dtype), None)
    if unread is not None and not any(one.is_picture for one in takes):
        return f"{unread.name} is no tensor of numbers that is read here"
    if not takes and all(len(one.shape) == 2 and one.dtype.startswith("int") for one in graph.inputs):
        return "it takes whole numbers, as networks of text do: no picture goes in"
    if gives and all(one.dtype.startswith("int") for one in gives):
        return "it gives the number of a class for each pixel, as segmentation does: no picture comes out"
    if graph.outputs and all(0 < len(one.shape) < 3 for one in graph.outputs):
        if not takes:
            return "numbers go in and come out, as in a generator's mapping, which is imported with its synthesis"
        return "it gives numbers, as classifiers do: no picture comes out"
    frames = next((said for one in takes if (said := _frames(one))), "")
    if frames:
        return frames
    classes = [one for one in gives if len(one.shape) == 4 and one.shape[1] > _MOST and 0 not in one.shape[1:2]]
    if takes and len(classes) == len(gives) and all(one.shape[3] not in (1, 3, 4) for one in classes):
        return f"it gives {classes[0].shape[1]} planes, as segmentation does for its classes: no picture comes out"
    if len(gives) == 1 and len(gives[0].shape) == 4 and gives[0].shape[1] == 2 and 3 not in gives[0].shape:
        return "it gives two planes, as networks that find colours or motion do: no picture comes out"
    return ""


def _frames(port: Port) -> str:
    if len(port.shape) == 5:
        count = next((side for side in port.shape[1:3] if side not in (0, 1, 3)), 0)
        return f"it takes {count or 'several'} frames of a video at once, which is not played"
    if len(port.shape) == 4 and port.shape[1] in _FRAMES and port.shape[3] not in (1, 3, 4):
        return f"it takes {port.shape[1]} channels, as {port.shape[1] // 3} frames at once have: that is not played"
    return ""
