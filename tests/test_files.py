"""Files are written whole or not at all, and nothing of the user's is replaced."""

import os
import sys
import threading
from pathlib import Path

import pytest

import gancam
from gancam import files
from gancam.errors import NotFound, OutputExists, SinkError
from tests.helpers.links import needs_links


def test_a_file_appears_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    files.write_file(path, b"one", overwrite=False)
    with pytest.raises(OutputExists, match=r"a\.png: exists"):
        files.write_file(path, b"two", overwrite=False)
    assert path.read_bytes() == b"one"
    files.write_file(path, b"two", overwrite=True)
    files.replace_file(path, b"three", durable=True)
    files.replace_file(path, b"four", shared=True)
    assert path.read_bytes() == b"four"
    assert os.listdir(tmp_path) == ["a.png"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="cannot be written"):
        files.write_file(tmp_path / "nowhere" / "a.png", b"x", overwrite=False)
    (tmp_path / "folder").mkdir()
    with pytest.raises(SinkError, match="cannot be written"):
        files.write_file(tmp_path / "folder", b"x", overwrite=True)
    with pytest.raises(OSError, match="directory"):
        files.replace_file(tmp_path / "folder", b"x")
    assert os.listdir(tmp_path) == ["folder"]


@needs_links
def test_what_appears_meanwhile_stays(tmp_path: Path) -> None:
    partial, path = tmp_path / ".a.partial", tmp_path / "a"
    partial.write_bytes(b"new")
    path.write_bytes(b"the user's")
    with pytest.raises(FileExistsError):
        files.give_name(partial, path, overwrite=False)
    assert (partial.read_bytes(), path.read_bytes()) == (b"new", b"the user's")
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")  # a name that is taken, too
    with pytest.raises(OutputExists):
        files.refuse_existing(path, overwrite=False)
    with pytest.raises(FileExistsError):
        files.give_name(partial, path, overwrite=False)
    files.give_name(partial, path, overwrite=True)
    assert path.read_bytes() == (tmp_path / "nowhere").read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == ["a", "nowhere"]


@needs_links
def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    far, near = tmp_path / "far", tmp_path / "near"
    far.mkdir()
    near.mkdir()
    (far / "real.png").write_bytes(b"old")
    (far / "step.png").symlink_to("real.png")
    (near / "a.png").symlink_to(far / "step.png")
    assert files.partial_path(near / "a.png") == far.resolve() / ".real.partial.png"  # on the same disk
    with pytest.raises(OutputExists):
        files.write_file(near / "a.png", b"new", overwrite=False)
    files.check_target(near / "a.png", overwrite=True)
    files.write_file(near / "a.png", b"new", overwrite=True)
    assert (far / "real.png").read_bytes() == b"new"
    files.replace_file(near / "a.png", b"own")
    assert (far / "real.png").read_bytes() == b"own"
    assert (near / "a.png").is_symlink()
    assert (far / "step.png").is_symlink()
    assert not [name for name in os.listdir(far) + os.listdir(near) if name.startswith(".")]


@needs_links
def test_links_in_a_circle_or_into_no_folder_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to(tmp_path / "nowhere" / "c")
    for name, words in (("a", "cannot be written"), ("c", r"there is no folder .*nowhere")):
        with pytest.raises(SinkError, match=words):
            files.check_target(tmp_path / name, overwrite=True)
        with pytest.raises(SinkError, match="cannot be written"):
            files.write_file(tmp_path / name, b"x", overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "c"]


@needs_links
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_devices_and_pipes_are_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path in (tmp_path / "pipe", tmp_path / "link"):
        with pytest.raises(SinkError, match="a device or a pipe"):
            files.check_target(path, overwrite=True)
        with pytest.raises(SinkError, match="a device or a pipe"):
            files.write_file(path, b"x", overwrite=True)
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_that_cannot_lose_its_name_gets_no_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partial, path = tmp_path / ".a.partial", tmp_path / "a"
    partial.write_bytes(b"new")

    def in_use(*_: object) -> None:
        raise PermissionError(13, "in use")

    with monkeypatch.context() as patched:  # as Windows has it
        patched.setattr(sys, "platform", "win32")
        patched.setattr(os, "rename", in_use)
        with pytest.raises(PermissionError):
            files.give_name(partial, path, overwrite=False)
    unlink = Path.unlink
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda one: in_use() if one == partial else unlink(one))
        with pytest.raises(PermissionError):
            files.give_name(partial, path, overwrite=False)
    assert os.listdir(tmp_path) == [partial.name]


def test_several_may_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    texts = [bytes([letter]) * 100_000 for letter in b"abcdefgh"]
    threads = [
        threading.Thread(target=files.replace_file, args=(path, text), kwargs={"shared": True}) for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in texts
    assert os.listdir(tmp_path) == ["a.json"]


def test_an_unfinished_file_is_none_of_its_kind(tmp_path: Path) -> None:
    """What a crash leaves behind is not listed among the finished ones."""
    (tmp_path / ".000000.piece.partial").mkdir()  # in the way of just that name
    with pytest.raises(OSError, match="directory"):
        files.replace_file(tmp_path / "000000.piece", b"x")
    assert not list(tmp_path.glob("*.piece"))


def test_names_are_no_longer_than_file_systems_allow(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250 + ".png")
    assert len(os.fsencode(files.hidden_name(path, ".partial.png"))) <= 255
    files.write_file(path, b"x", overwrite=False)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["nul", "CON.mp4", "Aux .tar.gz", "com1", "lpt³.png", "conin$"])
def test_names_of_windows_devices_are_known(name: str) -> None:
    assert files.is_reserved(name)


@pytest.mark.parametrize("name", ["a.nul", "console", "com10.mp4", "COM", "", ".con"])
def test_names_like_those_of_devices_are_none(name: str) -> None:
    assert not files.is_reserved(name)


def test_names_are_cut_by_bytes_between_characters() -> None:
    assert files.cut_name("会议.mp4", 10) == "会议.mp4"
    assert [files.cut_name("会议.mp4", most) for most in (9, 8, 7, 6)] == ["议.mp4", "议.mp4", "议.mp4", ".mp4"]


def test_a_target_is_looked_at_before_anything_is_made(tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    source.write_bytes(b"x")
    (tmp_path / "hard.png").hardlink_to(source)
    (tmp_path / "folder").mkdir()
    files.check_target(tmp_path / "out.png", overwrite=False, sources=[source, None])
    for name, words in [("in.png", "same file as the input"), ("hard.png", "same file"), ("folder", "is a folder"),
                        ("nowhere/a.png", "there is no folder"), ("x" * 300, "cannot be written")]:  # fmt: skip
        with pytest.raises(SinkError, match=words):
            files.check_target(tmp_path / name, overwrite=True, sources=[source])
    with pytest.raises(OutputExists):
        files.check_target(source, overwrite=False)
    hidden = source.rename(tmp_path / ".out.partial.png")
    with pytest.raises(SinkError, match="same file"):
        files.check_target(tmp_path / "out.png", overwrite=True, sources=[hidden])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
def test_one_at_a_time_writes_a_file(tmp_path: Path) -> None:
    held = files.lock_file(tmp_path / "lock", tmp_path / "out.mp4")
    os.close(free := os.dup(0))
    with pytest.raises(SinkError, match=r"out\.mp4: is being written by another output of this run \(lock\)"):
        files.lock_file(tmp_path / "lock", tmp_path / "out.mp4")
    os.close(again := os.dup(0))
    assert again == free  # nothing was left open
    files.unlock_file(held)
    files.unlock_file(files.lock_file(tmp_path / "lock", tmp_path / "out.mp4"))
    with pytest.raises(SinkError, match="cannot be written in"):
        files.lock_file(tmp_path / "nowhere" / "lock", tmp_path / "out.mp4")


def test_folders_are_made(tmp_path: Path) -> None:
    files.make_folder(tmp_path / "a")
    files.make_folder(tmp_path / "a")
    with pytest.raises(SinkError, match="cannot be made a folder"):
        files.make_folder(tmp_path / "b" / "c")
    files.make_folder(tmp_path / "b" / "c", parents=True)
    assert (tmp_path / "b" / "c").is_dir()


@pytest.mark.parametrize("name", [300 * "x", f"{300 * 'x'}.onnx", "a\0b", "a\0b.onnx", f"{__file__}/a.onnx"])
def test_a_model_is_never_looked_for_in_vain_without_an_error_of_ours(name: str) -> None:
    with pytest.raises(NotFound):
        gancam.load(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("T-shirt/top", "T-shirt_top"), ("../../etc", "_.._etc"), ("/etc/passwd", "_etc_passwd"), ("..", ""), ("", ""),
        ("C:\\x", "C__x"), ("con", "_con"), ("a. ", "a"), ("\0", "_"), ("x" * 300, "x" * 120), ("会" * 300, "会" * 66),
        ("Urlaub 🏖️ 👩‍👧", "Urlaub 🏖️ 👩‍👧"), ("cafe\u0301", "cafe\u0301"), ("हिन्दी", "हिन्दी"), ("صورة", "صورة"),
        ("9.41\u202fAM – “a’s”", "9.41\u202fAM – “a’s”"), ("a\u202egpj.exe", "a_gpj.exe"),
        ("a\u200bb\ue000\ud800", "a_b__"), ("a%06d&'`^~#", "a_06d______"), ("a\u2028b", "a_b"),
    ],
)  # fmt: skip
def test_any_text_becomes_one_name(text: str, name: str) -> None:
    assert files.clean_name(text) == name


def test_no_two_names_are_one_to_a_disk() -> None:
    texts = ["top", "Top", "a/b", "a\\b", "a_b-2", "caf\u00e9", "cafe\u0301", "", ".."]
    names = files.distinct_names(texts)
    assert names == ["top", "Top-2", "a_b", "a_b-2", "a_b-2-2", "caf\u00e9", names[6], "_", "_-2"]
    assert len({files.folded(name) for name in names}) == len(texts)


def test_what_would_do_for_a_file_that_is_there_is_said_for_the_command_line_and_for_python(tmp_path: Path) -> None:
    with pytest.raises(OutputExists, match=r"exists; give another name, or --overwrite \(in Python overwrite=True\)$"):
        files.write_file(tmp_path, b"", overwrite=False)
