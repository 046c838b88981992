// Choosing what plays.
import { attempt, listen, request, send, told, TITLES } from "./api.js"
import { sendCamera } from "./camera.js"
import { $, button, dress, el, toast } from "./dom.js"
import { icon } from "./icons.js"
import { importModel, isModel } from "./models.js"

const ICONS = { browser: "camera", camera: "device", file: "file", stream: "stream", test: "test" }

const SIZES = ["640x360", "960x540", "1280x720", "1920x1080"]
let address = "" // of the stream that was asked for last
let size = SIZES.includes(localStorage.getItem("size")) ? localStorage.getItem("size") : SIZES[0]
const measures = () => { const [width, height] = size.split("x").map(Number); return { width, height } }

async function play(kind, value = "") {
  $("sources").close()
  await attempt("POST", "/api/source", { kind, value, ...measures() })
}

/** Play the browser's camera; where it has several, and tells their names, let the user choose. */
async function chooseCamera() {
  const found = (await navigator.mediaDevices?.enumerateDevices() ?? []).filter((one) => one.kind === "videoinput" && one.label)
  if (found.length < 2) return playCamera()
  const rows = found.map((one) => el("li", {}, button("camera", one.label, { class: "row", onclick: () => playCamera(one.deviceId) })))
  $("sources-body").replaceChildren(el("div", { class: "form" }, el("ul", { class: "rows" }, ...rows), back()))
  if (!$("sources").open) $("sources").showModal()
}

async function playCamera(deviceId) {
  $("sources").close()
  try { await sendCamera({ ...measures(), deviceId }) } catch (error) { toast(error.message, "error") }
}

function choice(name, title, about, onclick) {
  return el("button", { type: "button", class: "choice", onclick },
    icon(name), el("span", {}, el("b", {}, title), el("small", {}, about)))
}

function choices() {
  return [
    choice("camera", "Browser camera", "The camera of this browser", chooseCamera),
    choice("device", "This machine’s camera", "Where gancam runs", () => openSheet("camera")),
    choice("file", "Video or photo", "Drop it here, or choose", () => openSheet("file")),
    choice("stream", "Stream", "RTSP, HTTP, SRT, RTMP", () => openSheet("stream")),
    choice("test", "Test pattern", "Always there", () => play("test")),
  ]
}

/** Open the sheet of sources, at one of its parts. */
async function openSheet(part) {
  const body = $("sources-body")
  body.replaceChildren(el("div", { class: "form" }, el("div", { class: "choices" }, ...choices()), sizes(), stopButton()))
  if (part === "camera") body.replaceChildren(await cameras())
  if (part === "file") body.replaceChildren(await files())
  if (part === "stream") body.replaceChildren(stream())
  if (!$("sources").open) $("sources").showModal()
}

function sizes() {
  const select = el("select", { id: "source-size", onchange: () => { size = select.value; localStorage.setItem("size", size) } },
    ...SIZES.map((one) => el("option", { value: one, selected: one === size }, one.replace("x", " × "))))
  return el("div", { class: "line" }, el("label", { for: "source-size", class: "quiet-text" }, "Cameras and test pattern at"), select)
}

function stopButton() {
  if (!told.state?.source.kind) return null
  return button("stop", "Stop", { onclick: () => { $("sources").close(); attempt("DELETE", "/api/source") } })
}

function back() {
  return button("undo", "Other sources", { onclick: () => openSheet(""), class: "button quiet" })
}

async function cameras() {
  const found = (await attempt("GET", "/api/sources"))?.cameras ?? []
  const number = el("input", { type: "number", min: 0, max: 63, value: "0", id: "camera-number" })
  return el("div", { class: "form" },
    el("ul", { class: "rows" }, ...found.map((path) =>
      el("li", {}, button("device", path, { class: "row", onclick: () => play("camera", path) })))),
    found.length ? null : el("p", { class: "quiet-text" }, "No camera was found on this machine. If there is one, give its number (the first is 0):"),
    el("form", { class: "line", onsubmit: (event) => { event.preventDefault(); play("camera", number.value) } },
      el("label", { for: "camera-number" }, "Number"), number, el("button", { class: "button accent" }, "Play")),
    back())
}

function stream() {
  const url = el("input", { type: "text", id: "stream-url", placeholder: "rtsp://host/name", value: address, autocomplete: "off",
                            spellcheck: "false", inputmode: "url", required: true })
  return el("div", { class: "form" },
    el("form", { class: "line", onsubmit: (event) => { event.preventDefault(); address = url.value.trim(); play("stream", address) } },
      el("label", { for: "stream-url" }, "Address"), url, el("button", { class: "button accent" }, "Play")),
    back())
}

async function files() {
  const list = el("ul", { class: "rows" })
  for (const root of (await attempt("GET", "/api/files"))?.roots ?? []) {
    const entries = (await attempt("GET", `/api/files/${encodeURIComponent(root)}?all=1`))?.entries ?? []
    for (const entry of entries)
      list.append(el("li", {}, el("button", { type: "button", class: "row", onclick: () => play("file", entry.reference) },
        icon(entry.kind === "video" ? "file" : "image"), el("span", { title: entry.name }, entry.name), el("small", {}, TITLES[root] ?? root))))
  }
  const input = el("input", { type: "file", accept: "video/*,image/*", id: "source-file", onchange: () => playFile(input.files) })
  return el("div", { class: "form" },
    el("label", { class: "drop", for: "source-file" }, icon("upload"), el("b", {}, "Choose a video or photo"),
      el("span", {}, "or drop one anywhere on the picture"), input),
    list, back())
}

async function playFile(list) {
  const file = list?.[0]
  if (!file) return
  $("sources").close()
  if (isModel(file)) return importModel(file)
  try {
    const stored = await send(file, "media")
    await request("POST", "/api/source", { kind: "file", value: stored.reference })
  } catch (error) {
    toast(error.message, "error")
  }
}

export function startSources() {
  $("begin-choices").replaceChildren(...choices())
  $("source").onclick = () => openSheet("")
  const stage = $("stage")
  stage.addEventListener("dragover", (event) => { event.preventDefault(); stage.classList.add("dropping") })
  stage.addEventListener("dragleave", () => stage.classList.remove("dropping"))
  stage.addEventListener("drop", (event) => {
    event.preventDefault()
    stage.classList.remove("dropping")
    playFile(event.dataTransfer.files)
  })
  showSource({ kind: null })
  listen("state", ({ source }) => showSource(source))
}

function showSource(source) {
  const label = source.kind ? source.label : "Choose a source"
  $("source").setAttribute("aria-label", `Source: ${label}`)
  dress($("source"), ICONS[source.kind] ?? "device", label)
  $("source").append(icon("more"))
}
