// The Files page: choose, look, process, fetch.
import { attempt, listen, request, upload } from "./api.js"
import { $, dress, el, iconButton, toast } from "./dom.js"
import { icon } from "./icons.js"
import { startJobs, watchJobs } from "./jobs.js"
import { startPreview } from "./preview.js"

let chosen = null // what is looked at
let preview = null

export function startFiles() {
  const input = el("input", { type: "file", multiple: true, accept: "video/*,image/*", "aria-label": "Choose videos or images", onchange: () => {
    const files = [...input.files]
    input.value = ""
    take(files)
  } })
  $("files-drop").append(icon("upload"), el("b", {}, "Drop videos or images here"), el("span", {}, "or click to choose"), input)
  const panel = $("panel-files")
  panel.addEventListener("dragover", (event) => { event.preventDefault(); $("files-drop").classList.add("dropping") })
  panel.addEventListener("dragleave", () => $("files-drop").classList.remove("dropping"))
  panel.addEventListener("drop", (event) => {
    event.preventDefault()
    $("files-drop").classList.remove("dropping")
    take([...event.dataTransfer.files])
  })
  preview = startPreview()
  startJobs(list)
  const quality = $("prepare-quality")
  quality.oninput = () => {
    quality.style.setProperty("--at", `${quality.value}%`)
    $("quality-text").textContent = quality.value
  }
  dress($("prepare-add"), "plus", "Process")
  $("prepare-add").onclick = add
  listen("state", ({ effects }) => {
    const on = effects.filter((effect) => effect.on)
    $("prepare-effects").replaceChildren(...(on.length ? on.map((effect) => el("li", { class: "kind" }, effect.name))
      : [el("li", { class: "quiet-text" }, "None: choose them on the Live page")]))
    preview.effects(JSON.stringify(on.map((effect) => [effect.name, effect.values])))
    $("prepare-add").disabled = !on.length
  })
  const opened = (on) => { watchJobs(on); if (on) list() }
  addEventListener("section", ({ detail }) => opened(detail === "files"))
  opened(!panel.hidden)
}

/** Send files to the server one after the other; show the first. */
async function take(files) {
  for (const [place, file] of files.entries()) {
    const bar = el("progress", { max: 1, value: 0, "aria-label": file.name })
    const line = el("li", { class: "sending" }, el("span", {}, file.name), bar)
    $("files-sending").append(line)
    try {
      const stored = await upload(file, (share) => { bar.value = share })
      if (!place) choose(stored)
    } catch (error) {
      toast(`${file.name}: ${error.message}`, "error")
    }
    line.remove()
  }
  list()
}

const TITLES = { uploads: "Uploaded", recordings: "Recorded", results: "Made here" }
const megabytes = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`)
export const download = (reference) => `/api/downloads/${reference.split("/").map(encodeURIComponent).join("/")}`

async function list() {
  const roots = (await attempt("GET", "/api/files"))?.roots ?? []
  const groups = []
  for (const root of roots) {
    const entries = (await attempt("GET", `/api/files/${encodeURIComponent(root)}?all=1`))?.entries ?? []
    if (entries.length) groups.push(el("section", {}, el("h2", { class: "group-title" }, TITLES[root] ?? root), el("ul", { class: "file-rows" },
      ...entries.slice(0, 200).map((entry) => row(entry, root in TITLES, entries.filter(({ name }) => name === entry.name).length > 1)))))
  }
  $("files-list").replaceChildren(...(groups.length ? groups : [el("p", { class: "quiet-text" }, "Nothing here yet.")]))
  mark()
}

/** When a file was changed: the time of today, or the day. */
function when(entry) {
  const changed = new Date(1000 * entry.changed)
  const today = changed.toDateString() === new Date().toDateString()
  return today ? changed.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : changed.toLocaleDateString()
}

/** Make a row of the list; one of several of its name (a video that was processed twice) says when it was made. */
function row(entry, own, among) {
  const called = among ? `${entry.name}, ${when(entry)}` : entry.name
  return el("li", { "data-reference": entry.reference },
    el("button", { type: "button", class: "file-row", onclick: () => choose(entry) },
      icon(entry.kind === "video" ? "file" : "snapshot"), el("span", {}, entry.name),
      el("small", {}, among ? `${when(entry)} · ${megabytes(entry.size)}` : megabytes(entry.size))),
    el("a", { class: "icon-button small", href: download(entry.reference), download: "", "aria-label": `Download ${called}`, title: "Download" }, icon("download")),
    own ? iconButton("trash", `Delete ${called}`, { class: "icon-button small", onclick: () => remove(entry, called) }) : null)
}

async function remove(entry, called) {
  if (!confirm(`Delete ${called}?`)) return
  await attempt("DELETE", `/api/files/${entry.reference.split("/").map(encodeURIComponent).join("/")}`)
  if (chosen?.reference === entry.reference) { chosen = null; $("prepare").hidden = true }
  list()
}

function mark() {
  for (const one of $("files-list").querySelectorAll("[data-reference]"))
    one.classList.toggle("chosen", one.dataset.reference === chosen?.reference)
}

async function choose(entry) {
  chosen = entry
  mark()
  try {
    const facts = await request("GET", `/api/media/${entry.reference.split("/").map(encodeURIComponent).join("/")}`)
    if (chosen !== entry) return
    $("prepare").hidden = false
    $("prepare-name").textContent = entry.name
    $("prepare-facts").textContent = [facts.size.join(" × "), facts.fps && `${Number(facts.fps.toFixed(2))} fps`,
      facts.seconds && `${facts.seconds.toFixed(1)} s`].filter(Boolean).join(" · ")
    $("prepare-options").hidden = facts.kind !== "video"
    preview.show(entry.reference, facts)
    if (innerWidth < 1000) $("prepare").scrollIntoView({ behavior: "smooth" })
  } catch (error) {
    if (chosen !== entry) return
    chosen = null // what is shown no longer stands for what would be processed
    mark()
    $("prepare").hidden = true
    toast(error.message, "error")
  }
}

async function add() {
  if (!chosen) return
  const { first, end } = preview.range()
  const job = await attempt("POST", "/api/jobs", { reference: chosen.reference, first, end, codec: $("prepare-codec").value,
                                                   quality: Number($("prepare-quality").value) })
  if (job) { toast(`${job.name} is in the queue`); watchJobs(true) }
}
