"""Files of models that are no ONNX: which kind a file is of, by its first bytes or its name, and what would do."""

import zipfile
from pathlib import Path

_CONVERT = "a model of {}, which is not read: convert it to ONNX"
_MADE_OF = ", or take the .pth that it was made of"
_WEB_PAGE = "a web page, not the model: download the file itself"
_TFLITE = _CONVERT.format("TensorFlow Lite") + " with python -m tf2onnx.convert --tflite FILE --output MODEL.onnx"
_KERAS = _CONVERT.format("Keras") + " with tf2onnx.convert.from_keras"
_TENSORFLOW = _CONVERT.format("TensorFlow") + " with python -m tf2onnx.convert --saved-model FOLDER --output MODEL.onnx"
_NCNN = _CONVERT.format("ncnn") + _MADE_OF
_CORE_ML = _CONVERT.format("Core ML") + _MADE_OF
_OPENVINO = _CONVERT.format("OpenVINO") + ", or take the .onnx that it was made of"
_GGUF = _CONVERT.format("llama.cpp (GGUF)")
_ORT = "in ONNX Runtime's own format (.ort): take the .onnx that it was made of"
_TENSORRT = "built by TensorRT for one kind of GPU: take the .onnx that it was built of"
_PACKED = "packed by {}: unpack it first"
_ENCRYPTED = "encrypted: decrypt it first"
_MEDIA = "a {}, no model: files to be changed are named before, as in gancam process INPUT OUTPUT -e MODEL"
_UNENDED = "a download that has not ended: wait for its end, or download it again"
_PTH = "a file of weights that PyTorch saved: name it .pth"
_TORCHSCRIPT = "a program of TorchScript, which is not run: export the network with torch.onnx.export"
_PROGRAM = "a program of torch.export, which is not run: export the network with torch.onnx.export"
_NUMPY = "an array of NumPy, no model"
_BEGINS = (  # where in the file, what is there in lower case, and what it is
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the model: fetch it with git lfs pull"),
    (0, b"\x1f\x8b", _PACKED.format("gzip")),
    (0, b"7z\xbc\xaf", _PACKED.format("7-Zip")),
    (0, b"rar!", _PACKED.format("RAR")),
    (0, b"\xfd7zxz\0", _PACKED.format("xz")),
    (0, b"\x28\xb5\x2f\xfd", _PACKED.format("Zstandard")),
    (0, b"bzh", _PACKED.format("bzip2")),
    (257, b"ustar", _PACKED.format("tar")),
    (0, b"salted__", _ENCRYPTED),
    (0, b"age-encryption.org", _ENCRYPTED),
    (0, b"-----begin pgp", _ENCRYPTED),
    (0, b"\x89png", _MEDIA.format("PNG picture")),
    (0, b"\xff\xd8\xff", _MEDIA.format("JPEG picture")),
    (0, b"gif8", _MEDIA.format("GIF picture")),
    (8, b"webp", _MEDIA.format("WebP picture")),
    (4, b"ftyp", _MEDIA.format("video or picture")),
    (0, b"\x1a\x45\xdf\xa3", _MEDIA.format("video")),
    (0, b"%pdf", "a PDF document, no model"),
    (4, b"tfl3", _TFLITE),
    (4, b"ortm", _ORT),
    (0, b"\x89hdf", _KERAS),
    (0, b"gguf", _GGUF),
    (0, b"7767517", _NCNN),
    (0, b"ftrt", _TENSORRT),
    (0, b"\x93numpy", _NUMPY),
    (0, b"\x80\x02\x8a\x0al\xfc\x9cf\xf9", _PTH),  # as before PyTorch 1.6
    (8, b'{"', "a file of weights in safetensors: name it .safetensors"),
)
_ENDS = {
    ".tflite": _TFLITE,
    ".h5": _KERAS,
    ".keras": _KERAS,
    ".pb": _TENSORFLOW,
    ".param": _NCNN,
    ".bin": _CONVERT.format("ncnn or OpenVINO") + _MADE_OF,
    ".xml": _OPENVINO,
    ".engine": _TENSORRT,
    ".trt": _TENSORRT,
    ".mlmodel": _CORE_ML,
    ".mlpackage": _CORE_ML,
    ".caffemodel": _CONVERT.format("Caffe"),
    ".pdmodel": _CONVERT.format("PaddlePaddle") + " with paddle2onnx",
    ".gguf": _GGUF,
    ".ort": _ORT,
    ".pkl": "a pickle of Python, code in which is never run: export the network to ONNX",
    ".pt2": _PROGRAM,
    ".data": "the weights of an ONNX model: name the .onnx beside it",
    ".zip": "packed: unpack it first",
    ".gz": "packed: unpack it first",
    ".crdownload": _UNENDED,
    ".part": _UNENDED,
    ".download": _UNENDED,
}
_WEIGHTS = {_PTH: (".pth", ".pt", ".ckpt"), _BEGINS[-1][2]: (".safetensors",)}  # what files of those endings should be
_ZIP = b"PK\x03\x04"  # archives, and what PyTorch saves
_HEAD = 512  # bytes that are looked at
_QUOTED = 60  # characters of a text that are told


def other_format(path: Path) -> str:
    """Say what the file or folder `path` is, and what would do; "" where nothing is known of it.

    Weights that have the ending of such files are nothing else.
    """
    ending = path.suffix.lower()
    try:
        if path.is_dir():
            return _TENSORFLOW if (path / "saved_model.pb").is_file() else _ENDS.get(ending, "")
        with path.open("rb") as file:
            begin = file.read(_HEAD)
    except OSError:
        return ""
    if begin.startswith(_ZIP):
        known = _packed(path)
    else:
        lower = begin.lower()
        found = (said for place, text, said in _BEGINS if lower[place : place + len(text)] == text)
        known = next(found, "") or _text(begin)
    if known in _WEIGHTS and ending in _WEIGHTS[known]:
        return _ENDS.get(ending, "")
    return known or _ENDS.get(ending, "")


def _packed(path: Path) -> str:
    """What an archive of zip is, by the names of what is in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return "an archive that is damaged or cut off: download it again"
    inner = {name.partition("/")[2] for name in names}
    if {"archive_format", "models/model.json", "serialized_exported_program.json"} & ({*names} | inner):
        return _PROGRAM
    if "data.pkl" in inner:
        return _TORCHSCRIPT if "constants.pkl" in inner else _PTH
    if "model.weights.h5" in names:
        return _KERAS
    if names and all(name.endswith(".npy") for name in names):
        return _NUMPY
    model = next((name for name in names if name.lower().endswith((".onnx", *_WEIGHTS[_PTH], ".safetensors"))), "")
    return f"packed: unpack {model} from it first" if model else "packed: unpack it first"


def _text(begin: bytes) -> str:
    """What a file of text is that begins so; "" for what is no text."""
    try:
        text = begin.decode()
    except UnicodeDecodeError as error:
        if error.end < len(begin):
            return ""
        text = begin[: error.start].decode()  # a character that is cut in two
    plain = text.strip()
    if not plain or not all(one.isprintable() or one in "\r\n\t\ufeff" for one in text):
        return ""
    lower = plain.lower()
    if "<html" in lower or "<!doctype" in lower:
        return _WEB_PAGE
    if lower.startswith(("<?xml", "<net")) and "<net " in lower:
        return _OPENVINO
    if lower.startswith("7767517"):
        return _NCNN
    line = " ".join(plain.split())
    line = line if len(line) <= _QUOTED else f"{line[:_QUOTED]}..."
    return f"a text, not the model ({line!r}): download the file itself"
