"""The page's scripts without a browser, in Node."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import gancam.studio

NODE = shutil.which("node")
SCRIPTS = Path(gancam.studio.__file__).parent / "static" / "js"
PAGE = """
const element = () => ({
  append() {}, setAttribute() {}, addEventListener() {}, remove() {}, replaceChildren() {}, contains: () => false,
  querySelector: () => null, closest: () => null, play: async () => {}, children: [], dataset: {}, style: {},
  classList: { toggle() {}, add() {}, remove() {} },
})
globalThis.document = { getElementById: element, createElement: element, createElementNS: element }
const headers = { "Content-Type": "application/json" }
const answer = (said) => async () => new Response(JSON.stringify(said), { headers })
const down = async () => { throw new Error("gone") }
const load = (name) => import(SCRIPTS + name)
"""

CAMERA = """
let open = 0  // cameras
const stream = () => {
  open += 1
  const tracks = [{ stop() { open -= 1 }, getSettings: () => ({}) }]
  return { getTracks: () => tracks, getVideoTracks: () => tracks }
}
const mediaDevices = { getUserMedia: async () => stream() }
Object.defineProperty(globalThis, "navigator", { value: { mediaDevices }, configurable: true })
"""


def told(code: str) -> object:
    """What `code` gives to ``tell``, with a page whose elements do nothing."""
    if NODE is None:
        pytest.skip("needs Node")
    text = f"const SCRIPTS = {json.dumps(SCRIPTS.as_uri() + '/')}\n{PAGE}\n"
    text += f"const tell = (found) => {{ console.log(JSON.stringify(found)); process.exit(0) }}\n{code}"
    found = subprocess.run(
        [NODE, "--experimental-default-type=module", "--no-warnings", "--input-type=module", "-e", text],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    if "bad option" in found.stderr:
        pytest.skip("needs Node 20")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_parameters_are_sent_again_once_the_studio_answers() -> None:
    code = """
      const api = await load("api.js")
      api.listen("state", ({ effects }) => effects)
      globalThis.fetch = down
      await api.turn({ "a.b": 1 })
      let sent = []
      globalThis.fetch = async (path, { body }) => { sent.push(JSON.parse(body)); return answer({})() }
      await api.turn({ "a.b": 2 })
      tell(sent)
    """
    assert told(code) == [{"a.b": 2}]


def test_the_queue_is_asked_for_once_at_a_time() -> None:
    code = """
      const jobs = await load("jobs.js")
      const timers = new Map()
      let last = 0
      globalThis.setTimeout = (call) => { last += 1; timers.set(last, call); return last }
      globalThis.clearTimeout = (timer) => timers.delete(timer)
      globalThis.fetch = answer({ jobs: [] })
      const settle = () => new Promise((done) => setImmediate(() => setImmediate(() => setImmediate(done))))
      for (let times = 0; times < 5; times += 1) jobs.watchJobs(true)
      for (let times = 0; times < 20; times += 1) await settle()
      const waiting = timers.size
      jobs.watchJobs(true)
      jobs.watchJobs(false)
      for (let times = 0; times < 20; times += 1) await settle()
      tell([waiting, timers.size])
    """
    assert told(code) == [1, 0]


def test_what_is_said_is_shown_once_however_much_there_was() -> None:
    code = """
      const { unseen } = await load("api.js")
      tell([unseen(["a", "b"], 2, 0), unseen(["a", "b"], 2, 1), unseen(["y", "z"], 40, 39), unseen(["y", "z"], 40, 40),
            unseen(["y", "z"], 40, 30), unseen(["a"], 1, 40)])
    """
    assert told(code) == [["a", "b"], ["b"], ["z"], [], ["y", "z"], []]


def test_a_camera_that_cannot_be_shown_is_let_go() -> None:
    code = (
        CAMERA
        + """
      document.createElement = () => ({ ...element(), play: async () => { throw new Error("interrupted") } })
      const { sendCamera } = await load("camera.js")
      let why = ""
      try { await sendCamera() } catch (error) { why = error.message }
      tell([open, why])
    """
    )
    assert told(code) == [0, "no camera: interrupted"]


def test_of_two_cameras_that_are_asked_for_at_once_one_is_kept() -> None:
    code = (
        CAMERA
        + """
      document.createElement = () => ({ ...element(), requestVideoFrameCallback() {} })
      globalThis.location = { host: "here" }
      globalThis.WebSocket = class { close() {} }
      globalThis.OffscreenCanvas = class { getContext() {} }
      const { sendCamera } = await load("camera.js")
      await Promise.all([sendCamera(), sendCamera()])
      tell(open)
    """
    )
    assert told(code) == 1
