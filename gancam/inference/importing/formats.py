"""Files of models that are no ONNX: which kind a file is of, by its first bytes or its name, and what would do."""

from pathlib import Path

_CONVERT = "a model of {}, which is not read: convert it to ONNX"
_MADE_OF = ", or take the .pth that it was made of"
_WEB_PAGE = "a web page, not the model: download the file itself"
_TFLITE = _CONVERT.format("TensorFlow Lite") + " with python -m tf2onnx.convert --tflite FILE --output MODEL.onnx"
_KERAS = _CONVERT.format("Keras") + " with tf2onnx.convert.from_keras"
_TENSORFLOW = _CONVERT.format("TensorFlow") + " with python -m tf2onnx.convert --saved-model FOLDER --output MODEL.onnx"
_NCNN = _CONVERT.format("ncnn") + _MADE_OF
_CORE_ML = _CONVERT.format("Core ML") + _MADE_OF
_ORT = "in ONNX Runtime's own format (.ort): take the .onnx that it was made of"
_TENSORRT = "built by TensorRT for one kind of GPU: take the .onnx that it was built of"
_BEGINS = (  # where in the file, what is there in lower case, and what it is
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the model: fetch it with git lfs pull"),
    (0, b"<!doctype", _WEB_PAGE),
    (0, b"<html", _WEB_PAGE),
    (0, b"\x1f\x8b", "packed by gzip: unpack it first"),
    (0, b"7z\xbc\xaf", "packed by 7-Zip: unpack it first"),
    (0, b"rar!", "packed by RAR: unpack it first"),
    (4, b"tfl3", _TFLITE),
    (4, b"ortm", _ORT),
    (0, b"\x89hdf", _KERAS),
    (0, b"7767517", _NCNN),
)
_ENDS = {
    ".tflite": _TFLITE,
    ".h5": _KERAS,
    ".keras": _KERAS,
    ".pb": _TENSORFLOW,
    ".param": _NCNN,
    ".bin": _CONVERT.format("ncnn or OpenVINO") + _MADE_OF,
    ".xml": _CONVERT.format("OpenVINO") + ", or take the .onnx that it was made of",
    ".engine": _TENSORRT,
    ".trt": _TENSORRT,
    ".mlmodel": _CORE_ML,
    ".mlpackage": _CORE_ML,
    ".caffemodel": _CONVERT.format("Caffe"),
    ".ort": _ORT,
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
