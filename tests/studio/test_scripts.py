"""The page's scripts without a browser, in Node."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

import gancam.studio
from gancam.studio.jobs import State

NODE = shutil.which("node")
SCRIPTS = Path(gancam.studio.__file__).parent / "static" / "js"
PAGE = """
const element = () => ({
  append() {}, setAttribute() {}, getAttribute: () => null,
  addEventListener() {}, remove() {}, replaceChildren() {}, contains: () => false,
  querySelector: () => null, closest: () => null, play: async () => {}, children: [], dataset: {}, style: {},
  classList: { toggle() {}, add() {}, remove() {} },
})
globalThis.document = { getElementById: element, createElement: element, createElementNS: element }
globalThis.sessionStorage = { getItem: () => null, setItem() {}, removeItem() {} }
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
        capture_output=True, text=True, timeout=300,
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


def test_a_camera_that_went_with_the_studio_plays_again_once_it_is_back() -> None:
    code = (
        CAMERA
        + """
      document.createElement = () => ({ ...element(), play: async () => {} })
      globalThis.location = { host: "here" }
      globalThis.OffscreenCanvas = class { getContext() {} }
      globalThis.setTimeout = () => 0  // a browser without requestVideoFrameCallback
      const sockets = []
      globalThis.WebSocket = class { constructor() { sockets.push(this) } close() {} }
      let back = null
      globalThis.addEventListener = (name, call) => { if (name === "back") back = call }
      const { sendCamera, startCamera } = await load("camera.js")
      const api = await load("api.js")
      startCamera()
      const settle = () => new Promise((done) => setImmediate(() => setImmediate(done)))
      const state = async (kind) => { api.tell("state", { source: { kind } }); await settle() }
      const counts = []
      const count = () => counts.push(sockets.length)
      await state(null)
      await sendCamera({ width: 960 })
      sockets[0].onclose({ code: 1006 })  // by itself: the studio goes on
      await state("browser"); back(); await state("browser"); count()
      await sendCamera({ width: 960 })
      sockets[1].onclose({ code: 1006 }); back(); await state(null); count()
      sockets[2].onclose({ code: 4000 }); back(); await state("browser"); count()
      await sendCamera()
      sockets[3].onclose({ code: 1006 }); back(); await state("file"); count()
      tell(counts)
    """
    )
    assert told(code) == [1, 3, 3, 4]


TOASTS = """
const named = new Map()
const made = () => {
  const one = element()
  const textContent = {
    get: () => one.children.map((child) => child.textContent ?? child).join(""),
    set: (text) => { one.children.splice(0, one.children.length, text) },
  }
  one.value = ""
  Object.defineProperties(one, { children: { value: [] }, textContent })
  one.append = (...added) => {
    one.children.push(...added)
    for (const child of added) if (child.style) child.parent = one
  }
  one.remove = () => one.parent.children.splice(one.parent.children.indexOf(one), 1)
  return one
}
document.createElement = document.createElementNS = made
document.getElementById = (id) => named.get(id) ?? named.set(id, made()).get(id)
globalThis.setTimeout = () => 0
const shown = () => named.get("toasts").children.map((one) => one.textContent)
"""


def test_an_error_that_is_shown_is_not_shown_again() -> None:
    code = """
      const { toast } = await load("dom.js")
      for (const text of ["gone", "gone", "other"]) toast(text, "error")
      tell(shown())
    """
    assert told(TOASTS + code) == ["gone", "other"]


def test_an_upload_is_shown_until_it_is_over_and_names_the_file_once_where_it_fails() -> None:
    code = """
      const { send } = await load("api.js")
      let sending = null
      globalThis.XMLHttpRequest = class { upload = {}; open() {} send() { sending = this } }
      const heard = []
      globalThis.addEventListener = (name) => heard.push(`+${name}`)
      globalThis.removeEventListener = (name) => heard.push(`-${name}`)
      const going = send({ name: "a.mp4" })
      sending.upload.onprogress({ lengthComputable: true, loaded: 3, total: 4 })
      const [text, bar] = named.get("toasts").children[0].children[0].children
      const during = [text, bar.value]
      sending.onerror()
      sending.onloadend()
      let why = ""
      await going.catch((error) => { why = error.message })
      tell([...during, why, shown(), heard])
    """
    assert told(TOASTS + code) == [
        "Uploading a.mp4 …", 0.75, "a.mp4: could not be sent", [], ["+beforeunload", "-beforeunload"],
    ]  # fmt: skip


def test_a_file_that_is_dropped_beside_its_place_does_not_replace_the_page() -> None:
    code = """
      const taken = {}
      globalThis.addEventListener = (name, call) => { taken[name] = call }
      const { ignoreStrayDrops } = await load("dom.js")
      ignoreStrayDrops()
      const after = (name, defaultPrevented, input) => {
        const event = { defaultPrevented, target: { closest: () => input }, dataTransfer: { dropEffect: "copy" } }
        event.preventDefault = () => { event.defaultPrevented = true }
        taken[name](event)
        return [event.defaultPrevented, event.dataTransfer.dropEffect]
      }
      const beside = [after("dragover", false, null), after("drop", false, null)]
      tell([...beside, after("dragover", true, null), after("drop", false, {})])
    """
    assert told(code) == [[True, "none"], [True, "none"], [True, "copy"], [False, "copy"]]


def test_a_folder_that_is_dropped_gives_its_videos_and_images() -> None:
    code = """
      const { droppedFiles } = await load("dom.js")
      const file = (name, type) => ({ name, isFile: true, file: (done) => done({ name, type }) })
      const reader = (rounds) => ({ readEntries: (done) => done(rounds.shift() ?? []) })
      const folder = (name, ...rounds) => ({ name, createReader: () => reader(rounds) })
      const inner = folder("inner", [file("d.png", "image/png")])
      const outer = folder("outer", [file("c.jpg", "image/jpeg"), file(".DS_Store", "")],
                           [file("b.mkv", ""), file("a.txt", "text/plain"), inner])
      const getAsFile = () => null
      const entries = [outer, file("z.txt", "text/plain"), null]
      const items = entries.map((entry) => ({ webkitGetAsEntry: () => entry, getAsFile }))
      tell((await droppedFiles({ items })).map(({ name }) => name))
    """
    assert told(code) == ["b.mkv", "c.jpg", "d.png", "z.txt"]


STAGE = """
let press = null  // a key, as the script that was started last hears it
const named = new Map()
const part = () => ({ ...element(), getContext: () => ({}), style: { setProperty() {} }, getAttribute: () => "",
                      querySelectorAll: () => [], getBoundingClientRect: () => ({ width: 0, height: 0 }) })
document.getElementById = (id) => named.get(id) ?? named.set(id, part()).get(id)
document.createElement = document.createElementNS = part
globalThis.addEventListener = (name, call) => { if (name === "keydown") press = call }
globalThis.ResizeObserver = class { observe() {} }
globalThis.devicePixelRatio = 1
"""


def test_what_acts_on_the_picture_is_out_of_reach_of_keys_too_while_there_is_none() -> None:
    code = """
      const { lost, startStage } = await load("stage.js")
      const api = await load("api.js")
      let recorded = 0
      startStage()
      named.get("record").click = () => { recorded += 1 }
      const inert = (state, recording = false) => {
        const source = { state, label: "", error: "", mirrored: false }
        api.tell("state", { source, recording, said: [], saidCount: 0 })
        press({ key: "r", preventDefault() {}, target: { closest: () => null } })
        return named.get("acts").inert
      }
      const found = [inert("idle"), inert("playing"), inert("failed"), inert("failed", true), recorded]
      lost()
      tell([...found, named.get("acts").inert, named.get("begin").hidden])
    """
    assert told(STAGE + code) == [True, False, True, False, 2, True, True]


def test_lists_are_read_anew_once_the_studio_is_back() -> None:
    code = """
      const said = []
      globalThis.dispatchEvent = (event) => said.push(event.type)
      globalThis.setTimeout = (call, after) => after === 1000 && call()
      globalThis.location = { host: "here" }
      let socket = null
      globalThis.WebSocket = class { constructor() { socket = this } }
      const { connect } = await load("socket.js")
      connect()
      socket.onopen()
      const first = [...said]
      socket.onclose()
      socket.onclose()
      socket.onopen()
      tell([first, said])
    """
    assert told(STAGE + code) == [[], ["back"]]


def test_that_the_studio_does_not_answer_is_said_for_as_long_as_it_is_so() -> None:
    code = """
      const { answers, attempt } = await load("api.js")
      const gone = document.getElementById("gone")
      gone.hidden = true
      const found = []
      const look = () => found.push([!gone.hidden, shown()])
      document.getElementById("toasts")
      globalThis.fetch = down
      await attempt("GET", "/api/jobs"); look()
      answers("socket", false); look()
      globalThis.fetch = answer({})
      await attempt("GET", "/api/jobs"); look()
      answers("socket", true); look()
      tell(found)
    """
    assert told(TOASTS + code) == [[True, []], [True, []], [True, []], [False, []]]


def test_a_server_that_says_nothing_for_long_does_not_answer() -> None:
    code = """
      globalThis.location = { host: "here" }
      globalThis.dispatchEvent = () => {}
      let late = null
      globalThis.setTimeout = (call) => { late = call }
      let socket = null
      let closed = 0
      globalThis.WebSocket = class { constructor() { socket = this } close() { closed += 1 } }
      const { connect } = await load("socket.js")
      const gone = document.getElementById("gone")
      gone.hidden = true
      const found = []
      const look = () => found.push(!gone.hidden)
      connect(); socket.onopen(); look()
      late(); look()
      socket.onmessage({ data: "{}" }); look()
      socket.onclose(); look()
      tell([...found, closed])
    """
    assert told(STAGE + code) == [False, True, False, True, 1]


def test_what_a_model_was_imported_from_is_not_kept_among_the_uploads() -> None:
    code = """
      const panel = document.getElementById("panel-models")
      panel.addEventListener = (name, call) => { panel[name] = call }
      globalThis.XMLHttpRequest = class {
        upload = {}
        open() {}
        send() { Object.assign(this, { status: 200, responseText: '{"reference": "uploads/a b.pth"}' }).onload() }
      }
      const asked = []
      const shown = () => named.get("toasts").children.map((one) => one.textContent)
      let during = null
      globalThis.fetch = async (path, { method }) => {
        asked.push(`${method} ${path}`)
        if (method !== "POST") return answer({})()
        during = shown()
        return new Response('{"error": "a b.pth: no model"}', { status: 400 })
      }
      const { startModels } = await load("models.js")
      panel.hidden = true
      startModels()
      const drop = (name) => panel.drop({ preventDefault() {}, dataTransfer: { files: [{ name }] } })
      drop("letter.pdf")
      drop("a b.pth")
      for (let times = 0; times < 40; times += 1) await new Promise(setImmediate)
      tell([asked, during[1].split(";")[0], shown()])
    """
    found = told(TOASTS.replace("const shown", "const _") + "globalThis.addEventListener = () => {}\n" + code)
    assert found == [
        ["POST /api/catalogue", "DELETE /api/files/uploads/a%20b.pth"],
        "Trying a b.pth out",
        ["letter.pdf: a model's file ends in .onnx, .pth, .pt, .ckpt, .safetensors", "a b.pth: no model"],
    ]


def test_keys_of_drawing_are_heard_on_the_live_page_alone_and_choose_tools_that_there_are() -> None:
    code = """
      const api = await load("api.js")
      const { startOverlay } = await load("overlay.js")
      const sent = []
      globalThis.fetch = async (path, { body }) => { sent.push(JSON.parse(body).act); return answer({})() }
      startOverlay()
      const chosen = []
      const brush = { dataset: { tool: "brush" }, setAttribute: (name, on) => chosen.push(on) }
      document.getElementById("tools").querySelectorAll = () => [brush]
      const effects = (brushes) => [{ name: "a", draws: true, on: true, brushes }]
      const drawer = (brushes) => api.tell("state", { source: { size: [64, 48] }, effects: effects(brushes) })
      const hit = (key) => press({ key, preventDefault() {}, target: { closest: () => null } })
      drawer(false)
      chosen.length = 0
      hit("b")
      hit("x")
      const boxes = [...chosen]
      named.get("panel-live").hidden = true
      hit("u")
      const away = [...sent]
      named.get("panel-live").hidden = false
      hit("u")
      tell([boxes, away, sent])
    """
    assert told(STAGE + code) == [[False], [], ["undo"]]


@pytest.mark.parametrize("state", get_args(State))
def test_the_state_of_a_job_is_styled_in_jobs_alone(state: str) -> None:
    for sheet in (SCRIPTS.parent / "css").glob("*.css"):
        found = re.findall(rf"[^\s,}}]*\.{state}(?![\w-])", sheet.read_text(encoding="utf-8"))
        assert [selector for selector in found if not selector.startswith(".job")] == [], sheet.name


PREVIEW = (
    STAGE
    + """
const look = () => {
  const one = { ...part(), classes: new Set(), heard: {}, removeAttribute: (name) => delete one[name] }
  one.addEventListener = (name, call) => { one.heard[name] = call }
  one.classList = { add: (name) => one.classes.add(name), remove: (name) => one.classes.delete(name),
                    toggle: (name, on) => one.classes[on ? "add" : "delete"](name) }
  return one
}
document.getElementById = (id) => named.get(id) ?? named.set(id, look()).get(id)
const asked = []
globalThis.fetch = async (path) => { asked.push(path); return new Response("a picture") }
const settle = () => new Promise((done) => setTimeout(done, 200))
const { startPreview } = await load("preview.js")
const preview = startPreview()
const state = () => [Boolean(document.getElementById("preview-after").src),
                     document.getElementById("preview").classes.has("plain")]
"""
)


def test_what_was_made_of_one_file_is_not_shown_over_the_next() -> None:
    code = """
      preview.effects('["sketch"]')
      preview.show("a.png", { size: [4, 3], kind: "image" })
      await settle()
      const first = state()
      preview.show("b.png", { size: [4, 3], kind: "image" })
      tell([first, state()])
    """
    assert told(PREVIEW + code) == [[True, False], [False, True]]


def test_nothing_is_asked_to_be_made_by_no_effects() -> None:
    code = """
      preview.effects("[]")
      preview.show("a.png", { size: [4, 3], kind: "image" })
      await settle()
      tell([asked, document.getElementById("preview").classes.has("working"), state()])
    """
    assert told(PREVIEW + code) == [[], False, [False, True]]


def test_a_range_is_picked_by_keyboard_in_steps_that_suit_the_video() -> None:
    code = """
      preview.show("a.mp4", { size: [4, 3], kind: "video", seconds: 200 })
      const end = document.getElementById("range-end")
      const hit = (key, shiftKey = false) => {
        let prevented = false
        end.heard.keydown({ key, shiftKey, preventDefault() { prevented = true } })
        return [prevented, preview.range().end]
      }
      tell([hit("ArrowLeft"), hit("ArrowLeft"), hit("ArrowRight", true), hit("Tab")])
    """
    assert told(PREVIEW + code) == [[True, 198], [True, 196], [True, 196.1], [False, 196.1]]


JOBS = """
const buttons = []
const made = (tag) => {
  const found = { value: 0.5 }
  const one = { ...element(), tag, addEventListener: (name, call) => { one.press = call }, querySelector: () => found }
  if (tag === "button") buttons.push(one)
  return one
}
const named = new Map()
document.getElementById = (id) => named.get(id) ?? named.set(id, made(id)).get(id)
document.createElement = document.createElementNS = made
const list = document.getElementById("jobs-list")
list.replaceChildren = (...rows) => { list.querySelector = () => rows[0]; list.children = rows }
list.querySelector = () => null
globalThis.setTimeout = () => 0
const sent = []
let frame = 1
const fixed = { number: "1", name: "a.mp4", options: ["-e", "sketch"], state: "running", eta: null, notes: [] }
const job = () => ({ ...fixed, frame, frames: 9 })
globalThis.fetch = async (path, { method }) => { sent.push(method); return answer({ jobs: [job()] })() }
const settle = async () => { for (let times = 0; times < 20; times += 1) await new Promise(setImmediate) }
const jobs = await load("jobs.js")
jobs.watchJobs(true)
await settle()
"""


def test_a_job_that_goes_on_keeps_its_buttons_so_that_none_is_lost_under_the_pointer() -> None:
    code = """
      const before = [...buttons]
      frame = 5
      jobs.watchJobs(true)
      await settle()
      tell([before.length, buttons.length, list.children[0].querySelector().textContent])
    """
    assert told(JOBS + code) == [2, 2, "sketch · 5 of 9 frames"]


@pytest.mark.parametrize("asked", ["1", None])
def test_what_was_tried_is_shown_in_the_tab_that_asked_for_it(asked: str | None) -> None:
    code = f"""
      sessionStorage.getItem = () => {json.dumps(asked)}
      document.querySelector = () => null
      Object.assign(fixed, {{ state: "done", trial: true, source: "uploads/a.mp4", target: "results/.1/a.mp4" }})
      sent.length = 0
      jobs.watchJobs(true)
      await settle()
      tell(sent.length)
    """
    assert told(JOBS + code) == (3 if asked else 1)  # which asks for what it is to compare


def test_what_is_under_way_stands_before_what_is_done_and_all_that_is_paused_goes_on_at_once() -> None:
    code = """
      const states = ["done", "paused", "running", "paused", "waiting", "failed", "waiting"]
      const rest = { frame, frames: 9, seconds: 1 }
      const all = states.map((state, place) => ({ ...fixed, ...rest, number: String(place), state }))
      list.children = []
      list.querySelector = () => null
      const paths = []
      globalThis.fetch = async (path, { method }) => { paths.push(`${method} ${path}`); return answer({ jobs: all })() }
      jobs.startJobs(() => {})
      let order = []
      document.getElementById("jobs-list").replaceChildren = (...rows) => { order = rows }
      jobs.watchJobs(true)
      await settle()
      paths.length = 0
      document.getElementById("jobs-resume").onclick()
      await settle()
      const acts = paths.filter((path) => path.startsWith("POST"))
      tell([order.map((row) => row.dataset.text).map((text) => JSON.parse(text).number), acts,
            document.getElementById("jobs-summary").textContent, document.getElementById("jobs-clear").hidden])
    """
    assert told(JOBS + code) == [
        ["2", "4", "6", "1", "3", "5", "0"],
        ["POST /api/jobs/1/resume", "POST /api/jobs/3/resume"],
        "2 waiting · 1 processing · 2 paused · 1 done · 1 failed",
        True,
    ]


def test_what_is_processed_is_not_deleted_unasked() -> None:
    code = """
      const asked = []
      globalThis.confirm = (text) => { asked.push(text); return asked.length > 1 }
      sent.length = 0
      buttons[1].press()
      await settle()
      const kept = [...sent]
      buttons[1].press()
      await settle()
      tell([kept, sent[0], asked[0]])
    """
    assert told(JOBS + code) == [[], "DELETE", "Remove a.mp4, and delete what is processed of it?"]


FILES = (
    TOASTS
    + """
globalThis.removeEventListener = () => {}
document.getElementById("files-list").querySelectorAll = () => []
document.getElementById("panel-files").hidden = false
globalThis.addEventListener = () => {}
globalThis.innerWidth = 1280
const answers = { "/api/files": { roots: ["results"] }, "/api/jobs": { jobs: [] },
                  "/api/jobs/check": { refused: [] } }
const posted = []
globalThis.fetch = async (path, { body }) => {
  if (path === "/api/jobs" && body) posted.push(JSON.parse(body).reference)
  return answer(answers[path] ?? {})()
}
const listed = (entries) => { answers["/api/files/results?all=1"] = { entries } }
const entry = (name, place = 1, changed = 0) => ({ name, reference: `results/${place}/${name}`, size: 2e6, changed })
let groups = []
document.getElementById("files-list").replaceChildren = (...made) => { groups = made }
const settle = async () => { for (let times = 0; times < 60; times += 1) await new Promise(setImmediate) }
const { startFiles } = await load("files.js")
"""
)


def test_many_files_are_shown_in_parts_and_found_by_their_name() -> None:
    code = """
      listed(Array.from({ length: 200 }, (_, place) => entry(`clip-${place}.mp4`)))
      startFiles()
      await settle()
      const listing = () => [groups[0].children[0].textContent, groups[0].children[1].children.length,
                           groups[0].children[2]?.textContent ?? null]
      const found = [listing()]
      document.getElementById("files-filter").value = " CLIP-19 "
      document.getElementById("files-filter").oninput()
      found.push(listing(), document.getElementById("files-filter").hidden)
      document.getElementById("files-filter").value = "none"
      document.getElementById("files-filter").oninput()
      tell([...found, groups[0].textContent])
    """
    assert told(FILES + code) == [
        ["Made here · 200", 10, "50 more of 200"],
        ["Made here · 11", 10, "1 more of 11"],
        False,
        "No file is called so.",
    ]


@pytest.mark.parametrize(
    ("refused", "agreed", "posted"),
    [([], False, ["a", "c"]), (["a"], True, ["c"]), (["a"], False, []), (["a", "c"], True, [])],
)
def test_what_was_uploaded_at_once_is_processed_at_once(refused: list[str], agreed: bool, posted: list[str]) -> None:
    answers = [{"reference": f"results/1/{name}.png", "error": "another shape"} for name in refused]
    code = f"""
      answers["/api/jobs/check"] = {{ refused: {json.dumps(answers)} }}
      const asked = []
      globalThis.confirm = (text) => {{ asked.push(text); return {json.dumps(agreed)} }}
    """
    code += """
      let input = null
      listed([])
      const panel = document.getElementById("panel-files")
      panel.addEventListener = (name, call) => { panel[name] = call }
      globalThis.XMLHttpRequest = class {
        upload = {}
        open(method, path) { this.name = new URL(path, "http://here").searchParams.get("name") }
        send() {
          this.status = this.name === "b.pdf" ? 400 : 200
          this.responseText = JSON.stringify({ error: "no", ...entry(this.name) })
          this.onload()
        }
      }
      startFiles()
      const files = ["a.png", "b.pdf", "c.png"].map((name) => ({ name }))
      const items = files.map((file) => ({ webkitGetAsEntry: () => null, getAsFile: () => file }))
      panel.drop({ preventDefault() {}, dataTransfer: { items } })
      await settle()
      const all = document.getElementById("prepare-all")
      const offered = [all.hidden]
      all.onclick()
      await settle()
      tell([...offered, posted, shown()[0], asked])
    """
    found = [f"results/1/{name}.png" for name in posted]
    words = "1 of 2 cannot be processed:\n\na.png: another shape\n\nProcess the other 1?"
    asked = [words] if len(refused) == 1 else []
    assert told(FILES + code) == [False, found, "b.pdf: no", asked]


def test_results_of_one_name_are_told_apart() -> None:
    code = """
      const now = Date.now() / 1000
      listed([entry("a.mp4", 1, now), entry("a.mp4", 2, now - 864000), entry("b.mp4", 3, now)])
      startFiles()
      await settle()
      tell(groups[0].children[1].children.map((row) => row.textContent))
    """
    found = told(FILES + code)
    assert isinstance(found, list)
    first, second, other = found
    assert other == "b.mp42.0 MB"
    assert first != second
    assert first.startswith("a.mp4")
