"""Several workers make what one makes, also when some of them die."""

import os
import signal
import sys
import time
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

import gancam
from gancam.cli.main import main
from gancam.effects import EffectSlot, EffectSpec
from gancam.effects.translation.pan import Pan
from gancam.errors import GancamError, InputError, SinkError
from gancam.jobs import process
from gancam.jobs.batch import is_own_fault, process_all
from gancam.jobs.checks import late_searches
from gancam.jobs.eta import worker_count
from gancam.jobs.events import to_json
from gancam.jobs.inputs import find_inputs
from gancam.jobs.local_pool import LocalPool
from gancam.jobs.process import process_video
from gancam.jobs.ray_pool import RayPool
from gancam.jobs.spec import EffectChainSpec, LoadedChain, ProcessOptions
from gancam.jobs.worker import WorkItem, WorkResult
from gancam.pipeline import Report
from gancam.sinks.piece_store import pieces_of
from gancam.sinks.pieces import PieceCollector
from gancam.sinks.video import VideoOptions
from gancam.sources import TestPattern
from tests.helpers.children import interruptible
from tests.helpers.clips import make_clip, packets_of, times_of
from tests.helpers.command import here
from tests.helpers.jobs import Alone, by, cut_short, same_pictures
from tests.helpers.small import (
    generator,
    network,
    still,
    translator_network,
    write_generator,
    write_models,
    write_translator,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 frames: pieces of 7, 23, 90, 120 and 60 at this size, of a rate that varies."""
    images = [frame.image for frame in TestPattern((96, 64), frames=300)]
    ticks = [512 * index + index % 7 * 13 for index in range(300)]
    return make_clip(tmp_path_factory.mktemp("long") / "long.mp4", images=images, ticks=ticks, audio=[("aac", 0.0)])


@pytest.mark.parametrize("ending", [".mp4", *(pytest.param(one, marks=pytest.mark.slow) for one in (".ts", ".webm"))])
def test_pieces_from_a_worker_are_those_of_one_run(tmp_path: Path, long: Path, model: Path, ending: str) -> None:
    whole, out = tmp_path / f"whole{ending}", tmp_path / f"out{ending}"
    chain_spec = EffectChainSpec((EffectSpec.parse(f"{model}:strength=0.5"),))
    process_video(long, whole, chain_spec.load(), ProcessOptions(), Report(), notify=lambda note: None)
    report, notes = by(pool := Alone(chain_spec, tmp_path, deaths=2), long, out, chain_spec, ProcessOptions())
    assert report.frames == 300
    assert [order.number for order in pool.orders] == [0, 1, 1, 2, 2, 3, 4]
    assert sum("a worker died" in note for note in notes) == 2
    assert same_pictures(whole, out)
    assert times_of(whole) == times_of(out)
    assert packets_of(whole) == packets_of(out)
    assert sorted(os.listdir(tmp_path)) == sorted([whole.name, out.name])


def test_effects_that_remember_see_every_frame(tmp_path: Path, long: Path) -> None:
    path = write_generator(tmp_path, generator())
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    chain_spec = EffectChainSpec((EffectSpec.parse(f"{path}:drive=motion"),))
    process_video(long, whole, chain_spec.load(), ProcessOptions(), Report(), notify=lambda note: None)
    report, notes = by(Alone(chain_spec, tmp_path, deaths=1), long, out, chain_spec, ProcessOptions())
    name = chain_spec.load()[0].name
    why = f"{name} needs the frames in order, so one worker makes this video; with {name}:drive=time several share it"
    assert [note for note in notes if "in order" in note] == [why]
    assert why not in report.notes
    assert same_pictures(whole, out)


@pytest.mark.parametrize(
    ("chain", "says"),
    [
        (
            ["sr-x2-fast:threshold=4"],
            "sr-x2-fast needs the frames in order; with sr-x2-fast:threshold=off several share it",
        ),
        (
            ["inpaint:key=red"],
            "inpaint needs the frames in order; with inpaint:letters=off:memory=off several share it",
        ),
        (["inpaint:mask=person"], "inpaint needs the frames in order; several are for several videos"),
        (["style-comic"], ""),
        (["sketch:stabilise=0.5"], "sketch needs the frames in order; with sketch:stabilise=0 several share it"),
        (["sr-x2-fast", "sketch"], "sketch needs the frames in order; several are for several videos"),
        (
            ["restore-x2", "sr-x2-fast:threshold=4"],
            "restore-x2 and sr-x2-fast need the frames in order; "
            "with restore-x2:stabilise=0 and sr-x2-fast:threshold=off several share it",
        ),
    ],
)
def test_it_is_said_which_effect_keeps_workers_from_sharing_a_video_and_what_would_do(
    chain: list[str], says: str
) -> None:
    effects = EffectChainSpec(tuple(map(EffectSpec.parse, chain)), device="cpu", precision="fp32", threads=1).load()
    before = [effect.params.values() for effect in effects]
    said = process.why_in_order(effects, ProcessOptions())
    assert said.replace(", so one worker makes this video", "") == says
    assert [effect.params.values() for effect in effects] == before


def test_a_recording_of_parameters_keeps_workers_from_sharing(tmp_path: Path) -> None:
    said = process.why_in_order([], ProcessOptions(params=tmp_path / "a.jsonl"))
    assert said.startswith(f"--params {tmp_path / 'a.jsonl'} needs the frames in order, so one worker makes this video")


def test_a_note_is_printed_in_one_place(tmp_path: Path, long: Path) -> None:
    out = tmp_path / "out.mp4"
    effect = "sr-x2-fast:threshold=4"
    cut_short(long, out, 130, effects=EffectChainSpec((EffectSpec.parse(effect),)).load())
    done = here("process", long, out, "-e", effect, "--jobs", "2", "--resume")
    assert done.returncode == 0, done.stderr
    printed = done.stdout + done.stderr
    assert printed.count("needs the frames in order") == printed.count("continues after 120 frames") == 1
    assert done.stderr.count("needs the frames in order") == 1


def test_one_goes_on_where_the_other_stopped(tmp_path: Path, long: Path) -> None:
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    process_video(long, whole, [], ProcessOptions(), Report(), notify=lambda note: None)
    cut_short(long, out, 130)
    report, notes = by(Alone(EffectChainSpec(), tmp_path), long, out, EffectChainSpec(), ProcessOptions(resume=True))
    assert report.frames == 300 - 120
    assert f"{out}: continues after 120 frames" in notes
    assert same_pictures(whole, out)
    out.unlink()
    with pytest.raises(KeyboardInterrupt):
        by(Stopping(EffectChainSpec(), tmp_path), long, out, EffectChainSpec(), ProcessOptions())
    assert sorted(file.name for file in pieces_of(out).iterdir()) == [
        "000000.piece", "000001.piece", "manifest.json", "so-far.mp4",
    ]  # fmt: skip
    report = Report()
    process_video(long, out, [], ProcessOptions(resume=True), report, notify=lambda note: None)
    assert report.frames == 300 - 30
    assert same_pictures(whole, out)


class Stopping(Alone):
    """Ctrl-C comes after two orders."""

    def take(self) -> tuple[int, WorkResult | None]:
        if len(self.orders) > 2:
            raise KeyboardInterrupt
        return super().take()


def test_an_order_that_kills_everybody_is_given_up(tmp_path: Path, long: Path) -> None:
    class Doomed(Alone):
        def take(self) -> tuple[int, WorkResult | None]:
            self._order = None
            self._number += 1
            return self._number - 1, None

    with pytest.raises(GancamError, match="3 workers died over it"):
        by(Doomed(EffectChainSpec(), tmp_path), long, tmp_path / "out.mp4", EffectChainSpec(), ProcessOptions())
    assert not (tmp_path / "out.mp4").exists()


def test_a_piece_that_begins_on_the_tick_of_the_last_is_made_again(tmp_path: Path, long: Path) -> None:
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    process_video(long, whole, [], ProcessOptions(), Report(), notify=lambda note: None)

    class Wrong(Alone):
        """Takes the frame before the third piece for a later one."""

        def give(self, worker: int, order: WorkItem) -> None:
            if order.number == 2 and order.after is None:
                order = WorkItem(order.source, order.target, order.options, order.plan, 2, 10**9)
            super().give(worker, order)

    pool = Wrong(EffectChainSpec(), tmp_path)
    by(pool, long, out, EffectChainSpec(), ProcessOptions())
    assert [order.number for order in pool.orders] == [0, 1, 2, 3, 4, 2]
    assert same_pictures(whole, out)
    assert times_of(whole) == times_of(out)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_processes_make_a_folder_and_one_is_killed(tmp_path: Path, long: Path, model: Path) -> None:
    folder, out, alone = tmp_path / "in", tmp_path / "out", tmp_path / "alone"
    folder.mkdir()
    (folder / "long.mp4").symlink_to(long)
    make_clip(folder / "short.mkv")
    cv2.imwrite(str(folder / "still.png"), still("sign"))
    (folder / "broken.png").write_bytes(b"no image")
    (folder / "broken.mp4").write_bytes(b"no video")
    chain_spec = EffectChainSpec((EffectSpec.parse(f"{model}"),))
    events: list[dict[str, object]] = []

    class Killing(LocalPool):
        """Kills the worker that gets the second piece of a video."""

        killed = 0

        def give(self, worker: int, order: WorkItem) -> None:
            super().give(worker, order)
            if order.number == 1 and not self.killed:
                self.killed = self.pids[worker]
                os.kill(self.killed, signal.SIGKILL)

    make_pool = lambda one: Killing(one, 2)
    notify = lambda event: events.append(to_json(event))
    summary = process_all(
        find_inputs([str(folder)], out),
        out,
        chain_spec,
        ProcessOptions(resume=True),
        notify=notify,
        make_pool=make_pool,
    )
    assert sorted(path.name for path, _ in summary.failed) == ["broken.mp4", "broken.png"]
    assert summary.made == 3
    assert sum("a worker died" in str(event.get("note")) for event in events) == 1
    again = process_all(
        find_inputs([str(folder)], alone), alone, chain_spec, ProcessOptions(resume=True), notify=notify
    )
    assert again.made == 3
    assert all(same_pictures(alone / name, out / name) for name in ("long.mp4", "short.mkv"))
    assert (alone / "still.png").read_bytes() == (out / "still.png").read_bytes()
    assert (
        process_all(find_inputs([str(folder)], out), out, chain_spec, ProcessOptions(resume=True), notify=notify).done
        == 3
    )


def test_what_is_lost_of_an_image_is_told_by_workers_too(tmp_path: Path) -> None:
    source, notes = tmp_path / "a.png", list[str]()
    cv2.imwrite(str(source), np.full((8, 8, 4), 128, np.uint8))
    _, notes = by(Alone(EffectChainSpec(), tmp_path), source, tmp_path / "a.jpg", EffectChainSpec(), ProcessOptions())
    assert notes == [f"{source}: its transparency is left out: .jpg cannot hold it, .png can"]


def test_a_fault_in_a_worker_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "a.png"
    cv2.imwrite(str(source), still("sign"))
    monkeypatch.setattr(process, "read_pictures", lambda path: 1 // 0)
    with pytest.raises(SinkError, match="ZeroDivisionError") as caught:
        by(Alone(EffectChainSpec(), tmp_path), source, tmp_path / "b.png", EffectChainSpec(), ProcessOptions())
    assert is_own_fault(caught.value)
    assert "read_pictures" in caught.value.__notes__[0]
    assert not is_own_fault(SinkError("disk full"))


def test_more_workers_where_one_leaves_cores_idle() -> None:
    assert worker_count(busy=1.5, cores=8, left=100, room=100) == 5
    assert worker_count(busy=0.1, cores=8, left=100, room=100) == 8  # others have the cores, or the disk is slow
    assert worker_count(busy=1.9, cores=2, left=100, room=100) == 1
    assert worker_count(busy=1.1, cores=2, left=100, room=100) == 2
    assert worker_count(busy=1.0, cores=8, left=3, room=100) == 3
    assert worker_count(busy=1.0, cores=8, left=100, room=2) == 2
    assert worker_count(busy=1.0, cores=8, left=100, room=0) == 1


def test_what_a_collector_refuses(tmp_path: Path) -> None:
    with closing(PieceCollector(tmp_path / "a.mp4", VideoOptions(fps=30, size=(96, 64)))) as sink:
        with pytest.raises(GancamError, match="a piece was damaged on its way"):
            sink.place(0, b"nothing that was a piece")
        assert sink.there == {}
    assert os.listdir(tmp_path) == []


def test_a_chain_is_fresh_for_each_file(model: Path) -> None:
    chain = LoadedChain(EffectChainSpec((EffectSpec.parse(f"{model}:strength=0.5"),)))
    effect = chain.fresh()[0]
    before = effect(np.asarray(still("sign"), np.uint8))
    effect.params.strength = 0.0
    assert np.array_equal(chain.fresh()[0](still("sign")), before)


@pytest.mark.slow
def test_several_workers_share_a_file_whose_texture_goes_along_with_the_scene(tmp_path: Path) -> None:
    wide = np.asarray(cv2.resize(still("otters"), (400, 64)), np.uint8)
    images = [np.ascontiguousarray(wide[:, step : step + 96]) for step in range(132)]  # pieces of 120 in all, and some
    pan = Pan()
    assert any([pan(image) for image in images][-1])
    source, whole, out = make_clip(tmp_path / "in.mp4", images=images), tmp_path / "whole.mp4", tmp_path / "out.mp4"
    model = write_translator(tmp_path, translator_network(grain="hatching"), int8=False, keeps="black")
    spec = EffectChainSpec((EffectSpec.parse(str(model)),), device="cpu", threads=1)
    process_video(source, whole, spec.load(), ProcessOptions(), Report(), notify=lambda note: None)
    (tmp_path / "pool").mkdir()
    _, notes = by(pool := Alone(spec, tmp_path / "pool", deaths=3), source, out, spec, ProcessOptions())
    orders = [order.number for order in pool.orders]
    assert orders == [0, 1, 1, 2, 2, 3, 3], "all but the first by a worker that has made none before"
    assert not any("in order" in note for note in notes)
    assert same_pictures(whole, out)
    out.unlink()
    cut_short(source, out, 125, effects=spec.load())
    process_video(source, out, spec.load(), ProcessOptions(resume=True), Report(), notify=lambda note: None)
    assert same_pictures(whole, out)


def test_a_style_takes_its_time_for_files() -> None:
    image = np.asarray(cv2.resize(still("otters"), (960, 540)), np.uint8)
    chain = LoadedChain(EffectChainSpec((EffectSpec.parse("style-comic"),), device="cpu", threads=2))
    finer = gancam.load("style-comic", device="cpu", threads=2, work_size=960)
    assert np.array_equal(chain.fresh()[0](image), finer(image))


def test_what_an_effect_that_remembers_did_is_told(tmp_path: Path, long: Path, model: Path) -> None:
    chain_spec = EffectChainSpec((EffectSpec.parse(f"{model}:threshold=4"),), precision="fp32", threads=1)
    process_video(
        long, tmp_path / "whole.mp4", chain_spec.load(), ProcessOptions(), alone := Report(), notify=lambda note: None
    )
    did = [note for note in alone.notes if "of the pixels were computed" in note]
    assert len(did) == 1
    report, _ = by(Alone(chain_spec, tmp_path), long, tmp_path / "out.mp4", chain_spec, ProcessOptions())
    assert [note for note in report.notes if "of the pixels were computed" in note] == did


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `some.mp4`, in whose first frames alone somebody is, and `none.mp4`: pieces of 7 and 2."""
    folder = tmp_path_factory.mktemp("shown")
    people = np.asarray(cv2.imread(str(Path(__file__).parents[2] / "samples" / "people.jpg")), np.uint8)
    person, lake = (np.asarray(cv2.resize(image, (160, 96)), np.uint8) for image in (people, still("lake")))
    make_clip(folder / "some.mp4", images=[person] * 2 + [lake] * 7)
    make_clip(folder / "none.mp4", images=[lake] * 9)
    return folder


def nobody(report: Report, name: str) -> bool:
    return any(note.startswith(f"{name}: no person was found in it, so all of it was") for note in report.notes)


@pytest.mark.parametrize("name", ["some.mp4", "none.mp4"])
def test_what_was_found_in_no_frame_is_told_of_the_whole_file(tmp_path: Path, shown: Path, name: str) -> None:
    """Whoever makes which of its pieces: here another worker each."""
    spec = EffectChainSpec((EffectSpec.parse("background:stabilise=0"),), "cpu", "fp32", 1)
    report, _ = by(Alone(spec, tmp_path, deaths=1), shown / name, tmp_path / "a.mp4", spec, ProcessOptions())
    assert nobody(report, name) == (name == "none.mp4")


@pytest.mark.slow
@pytest.mark.parametrize("stabilise", [0, 0.7])
@pytest.mark.parametrize("name", ["some.mp4", "none.mp4"])
def test_what_was_found_by_an_earlier_run_counts(tmp_path: Path, shown: Path, name: str, stabilise: float) -> None:
    spec = EffectChainSpec((EffectSpec.parse(f"background:stabilise={stabilise}"),), "cpu", "fp32", 1)
    process_video(shown / name, tmp_path / "a.mp4", spec.load(), ProcessOptions(), alone := Report(), notify=print)
    assert nobody(alone, name) == (name == "none.mp4")
    known = name == "none.mp4"  # the frames of the first run are looked at again
    options = ProcessOptions(resume=True)
    cut_short(shown / name, tmp_path / "b.mp4", 8, spec.load())
    process_video(shown / name, tmp_path / "b.mp4", spec.load(), options, again := Report(), notify=print)
    assert nobody(again, name) == known
    cut_short(shown / name, tmp_path / "c.mp4", 8, spec.load())
    report, _ = by(Alone(spec, tmp_path), shown / name, tmp_path / "c.mp4", spec, options)
    assert nobody(report, name) == known


def test_of_an_image_it_is_told_that_nobody_was_found(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), still("lake"))
    done = here("process", tmp_path / "in.png", tmp_path / "out.png", "-e", "background")
    assert f"note: {tmp_path / 'in.png'}: no person was found in it, so all of it was blurred;" in done.stderr


@pytest.mark.parametrize(
    ("chain", "told"),
    [
        (["sketch", "background:blur=1"], "background looks for people in what sketch drew"),
        (["sketch", "sketch:mask=person"], "sketch looks for people in what sketch drew"),
        (["background", "sketch"], ""),
        (["colorize", "background"], ""),
    ],
)
def test_that_people_are_looked_for_in_a_drawing_is_told(chain: list[str], told: str) -> None:
    """Hair was lost and wall added, without a word."""
    said = late_searches([gancam.load(one, device="cpu", threads=1) for one in chain])
    assert [note.split(",")[0] for note in said] == ([told] if told else [])


def test_effects_are_loaded_once_beside_the_workers(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip(tmp_path / "a.mp4")
    loaded: list[EffectChainSpec] = []
    load = EffectChainSpec.load

    def counting(self: EffectChainSpec, sound: Path | None = None) -> list[EffectSlot]:
        loaded.append(self)
        return load(self, sound)

    monkeypatch.setattr(EffectChainSpec, "load", counting)
    for jobs, target in (("1", "b.mp4"), ("2", "c.mp4")):
        loaded.clear()
        with pytest.raises(SystemExit, match="0"):
            main(["process", str(source), str(tmp_path / target), "-e", str(model), "--jobs", jobs, "-q"])
        assert len(loaded) == 1


def test_a_cluster_writes_no_files_on_other_machines() -> None:
    chain_spec = EffectChainSpec((EffectSpec("inpaint", {"box": "1,1,4,4", "save": "track.json"}),))
    with pytest.raises(InputError, match=r"save=track\.json.*not with --cluster"):
        RayPool(chain_spec)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_while_workers_start_is_for_their_parent(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), TestPattern((32, 32)).image(0))
    with interruptible():
        pool = LocalPool(EffectChainSpec(), 1)
    try:
        for _ in range(100):  # it imports meanwhile
            os.kill(pool.pids[0], signal.SIGINT)
            time.sleep(0.002)
        pool.give(0, WorkItem(tmp_path / "a.png", tmp_path / "b.png", ProcessOptions()))
        _, made = pool.take()
        assert made is not None
        assert made.data
    finally:
        pool.close()
