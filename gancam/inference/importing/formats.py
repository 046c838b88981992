"""Files of models that are no ONNX: which kind a file is of, by its first bytes or its name, and what would do."""

from pathlib import Path

_CONVERT = "a model of {}, which is not read: convert it to ONNX"
_BEGINS = (  # where in the file, what is there, and what it is
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the model: fetch it with git lfs pull"),
    (0, b"<!doctype", "a web page, not the model: download the file itself"),
    (0, b"<html", "a web page, not the model: download the file itself"),
    (0, b"\x1f\x8b", "packed by gzip: unpack it first"),
    (0, b"7z\xbc\xaf", "packed by 7-Zip: unpack it first"),
    (0, b"Rar!", "packed by RAR: unpack it first"),
    (
        4,
        b"tfl3",
        _CONVERT.format("TensorFlow Lite") + " with python -m tf2onnx.convert --tflite FILE --output MODEL.onnx",
    ),
    (4, b"ortm", "in ONNX Runtime's own format (.ort): take the .onnx that it was made of"),
    (0, b"\x89hdf", _CONVERT.format("Keras") + " with tf2onnx.convert.from_keras"),
    (0, b"7767517", _CONVERT.format("ncnn") + ", or take the .pth that it was made of"),
)
_ENDS = {
    ".tflite": _BEGINS[6][2],
    ".h5": _BEGINS[8][2],
    ".keras": _BEGINS[8][2],
    ".pb": _CONVERT.format("TensorFlow") + " with python -m tf2onnx.convert --saved-model FOLDER --output MODEL.onnx",
    ".param": _BEGINS[9][2],
    ".bin": _CONVERT.format("ncnn or OpenVINO") + ", or take the .pth that it was made of",
    ".xml": _CONVERT.format("OpenVINO") + ", or take the .onnx that it was made of",
    ".engine": "built by TensorRT for one kind of GPU: take the .onnx that it was built of",
    ".trt": "built by TensorRT for one kind of GPU: take the .onnx that it was built of",
    ".mlmodel": _CONVERT.format("Core ML") + ", or take the .pth that it was made of",
    ".mlpackage": _CONVERT.format("Core ML") + ", or take the .pth that it was made of",
    ".caffemodel": _CONVERT.format("Caffe"),
    ".ort": _BEGINS[7][2],
    ".ckpt": "a checkpoint: save its state_dict as .safetensors or .pth, or export the network to ONNX",
    ".data": "the weights of an ONNX model: name the .onnx beside it",
    ".zip": "packed: unpack it first",
    ".gz": "packed: unpack it first",
}
_ZIP = b"PK\x03\x04"  # archives, and what PyTorch saves


def other_format(path: Path) -> str:
    """Say what the file `path` is, and what would do; "" where nothing is known of it."""
    try:
        with path.open("rb") as file:
            begin = file.read(64)
    except OSError:
        return ""
    if begin.startswith(_ZIP):
        return "packed: unpack it first; what PyTorch saved is named .pth"
    lower = begin.lower().lstrip()
    for place, text, said in _BEGINS:
        if (begin if place else lower)[place : place + len(text)].lower() == text:
            return said
    return _ENDS.get(path.suffix.lower(), "")
