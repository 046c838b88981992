// The Files page: choose, look, process, fetch.
import { about, attempt, listen, request, TITLES, upload } from "./api.js"
import { $, button, dress, droppedFiles, el, iconButton, toast } from "./dom.js"
import { icon } from "./icons.js"
import { startJobs, watchJobs } from "./jobs.js"
import { showMarks, startMarks } from "./marks.js"
import { importModel, isModel } from "./models.js"
import { startPreview } from "./preview.js"

const few = () => (innerWidth > 1000 ? 10 : 5) // files of a folder that are shown at first
const TRIED = 3 // seconds of a trial
const MORE = 50 // that a click adds

let chosen = null // what is looked at
let together = [] // what was uploaded at once, the last time
let preview = null
let folders = [] // [name, its files], as they were listed last
const shown = new Map() // how many files of a folder, where that is not `few`

export function startFiles() {
  const input = el("input", { type: "file", multiple: true, accept: "video/*,image/*", "aria-label": "Choose videos or images", onchange: () => {
    const files = [...input.files]
    input.value = ""
    take(files)
  } })
  $("files-drop").append(icon("upload"), el("b", {}, "Drop videos or images here"), el("span", {}, "or a folder of them, or click to choose"), input)
  const panel = $("panel-files")
  panel.addEventListener("dragover", (event) => { event.preventDefault(); $("files-drop").classList.add("dropping") })
  panel.addEventListener("dragleave", () => $("files-drop").classList.remove("dropping"))
  panel.addEventListener("drop", (event) => {
    event.preventDefault()
    $("files-drop").classList.remove("dropping")
    droppedFiles(event.dataTransfer).then(take).catch((error) => toast(error.message, "error"))
  })
  $("files-filter").oninput = () => { shown.clear(); draw() }
  preview = startPreview()
  startJobs(list)
  const quality = $("prepare-quality")
  quality.oninput = () => {
    quality.style.setProperty("--at", `${quality.value}%`)
    $("quality-text").textContent = quality.value
  }
  dress($("prepare-add"), "plus", "Process")
  $("prepare-add").onclick = add
  $("prepare-all").onclick = addAll
  dress($("prepare-try"), "play", "Try 3 seconds")
  $("prepare-try").onclick = tryOut
  startMarks(() => chosen && { entry: chosen, at: preview.at(), kind: chosen.facts?.kind })
  dress($("prepare-live"), "play", "Play in Live")
  $("prepare-live").onclick = async () => {
    if (await attempt("POST", "/api/source", { kind: "file", value: chosen.reference })) location.hash = "live"
  }
  listen("state", ({ effects }) => {
    const on = effects.filter((effect) => effect.on)
    $("prepare-effects").replaceChildren(...(on.length ? on.map((effect) => el("li", { class: "kind" }, effect.name))
      : [el("li", { class: "quiet-text" }, "No effect yet")]))
    const effect = $("prepare-effect")
    dress(effect, on.length ? "right" : "plus", on.length ? "Change" : "Add effect")
    effect.classList.toggle("accent", !on.length)
    effect.title = on.length ? "To the effects and their settings, on the Live page" : ""
    effect.onclick = () => { if (on.length) location.hash = "live"; else dispatchEvent(new CustomEvent("menu", { detail: preview.frame() })) }
    showMarks()
    preview.effects(JSON.stringify(on.map((effect) => [effect.name, effect.values])))
    $("prepare-add").disabled = $("prepare-all").disabled = $("prepare-try").disabled = !on.length
  })
  const opened = (on) => { watchJobs(on); if (on) list() }
  addEventListener("section", ({ detail }) => opened(detail === "files"))
  opened(!panel.hidden)
}

/** Send files to the server one after the other, until the user stops it; show the first that it takes. */
async function take(files) {
  if (files.length === 1 && isModel(files[0])) return importModel(files[0])
  const stored = []
  const stop = new AbortController()
  for (const [place, file] of files.entries()) {
    const bar = el("progress", { max: 1, value: 0, "aria-label": file.name })
    const far = el("small", {}, "0 %")
    const among = files.length > 1 ? `${place + 1} of ${files.length}: ` : ""
    const line = el("li", { class: "sending" }, el("span", {}, `${among}${file.name}`), far,
      iconButton("close", `Stop the upload of ${file.name}`, { class: "icon-button small", onclick: () => stop.abort() }), bar)
    $("files-sending").append(line)
    try {
      stored.push(await upload(file, (share) => { bar.value = share; far.textContent = `${Math.round(100 * share)} %` }, "media", stop.signal))
      if (stored.length === 1) choose(stored[0])
      list()
    } catch (error) {
      toast(about(file, error), stop.signal.aborted ? "note" : "error")
    }
    if (line.contains(document.activeElement)) $("files-drop").querySelector("input").focus()
    line.remove()
    if (stop.signal.aborted) break
  }
  if (stored.length) together = stored
  offerAll()
}

/** Offer to process what was uploaded together with the file that is looked at. */
function offerAll() {
  const among = together.length > 1 && together.some(({ reference }) => reference === chosen?.reference)
  $("prepare-all").hidden = !among
  if (among) dress($("prepare-all"), "plus", `Process all ${together.length}`)
}

const megabytes = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`)
export const download = (reference) => `/api/downloads/${reference.split("/").map(encodeURIComponent).join("/")}`

async function list() {
  const roots = (await attempt("GET", "/api/files"))?.roots
  if (!roots) return
  const found = await Promise.all(roots.map((root) => attempt("GET", `/api/files/${encodeURIComponent(root)}?all=1`)))
  folders = roots.map((root, place) => [root, found[place]?.entries ?? []])
  draw()
}

/** Show the first files of each folder, of those that the filter names. */
function draw() {
  const focused = document.activeElement?.closest?.("[data-reference]") // which is made anew
  const act = [...(focused?.children ?? [])].indexOf(document.activeElement)
  const place = rows().indexOf(focused)
  const wanted = $("files-filter").value.trim().toLowerCase()
  const all = folders.reduce((sum, [, entries]) => sum + entries.length, 0)
  $("files-filter").hidden = all <= few() && !wanted
  const groups = folders.map(([root, entries]) => group(root, entries, wanted)).filter(Boolean)
  const none = all ? "No file is called so." : "Nothing here yet."
  $("files-list").replaceChildren(...(groups.length ? groups : [el("p", { class: "quiet-text" }, none)]))
  mark()
  if (!focused) return
  const again = rows().find(({ dataset }) => dataset.reference === focused.dataset.reference) ?? rows()[Math.min(place, rows().length - 1)]
  ;(again?.children[act] ?? again?.children[0] ?? $("files-drop").querySelector("input")).focus()
}

function group(root, entries, wanted) {
  const found = wanted ? entries.filter(({ name }) => name.toLowerCase().includes(wanted)) : entries
  if (!found.length) return null
  const most = shown.get(root) ?? few()
  const count = found.length > few() ? ` · ${found.length}` : ""
  const names = new Map() // how often each
  for (const { name } of entries) names.set(name, (names.get(name) ?? 0) + 1)
  const more = () => {
    shown.set(root, most + MORE)
    draw()
    rows().find(({ dataset }) => dataset.reference === found[most].reference)?.children[0].focus()
  }
  return el("section", {}, el("h2", { class: "group-title" }, `${TITLES[root] ?? root}${count}`),
    el("ul", { class: "file-rows" }, ...found.slice(0, most).map((entry) => row(entry, root in TITLES, names.get(entry.name) > 1))),
    found.length > most ? button("more", `${Math.min(MORE, found.length - most)} more of ${found.length}`, { class: "button small quiet", onclick: more }) : null)
}

const rows = () => [...$("files-list").querySelectorAll("[data-reference]")]

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
    el("button", { type: "button", class: "file-row", onclick: ({ detail }) => choose(entry, !detail) },
      icon(entry.kind === "video" ? "file" : "image"), el("span", { title: entry.name }, entry.name),
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
  for (const one of rows()) {
    one.classList.toggle("chosen", one.dataset.reference === chosen?.reference)
    one.children[0].setAttribute("aria-current", one.dataset.reference === chosen?.reference)
  }
}

/** Look at a file; by the `keyboard`, which would else have to pass all files that are listed behind it. */
async function choose(entry, keyboard = false) {
  chosen = entry
  mark()
  offerAll()
  try {
    const facts = await request("GET", `/api/media/${entry.reference.split("/").map(encodeURIComponent).join("/")}`)
    if (chosen !== entry) return
    entry.facts = facts
    $("prepare").hidden = false
    $("prepare-try").hidden = facts.seconds <= 2 * TRIED
    showMarks()
    $("prepare-name").textContent = entry.name
    $("prepare-facts").textContent = [facts.size.join(" × "), facts.fps && `${Number(facts.fps.toFixed(2))} fps`,
      facts.seconds && `${facts.seconds.toFixed(1)} s`].filter(Boolean).join(" · ")
    $("prepare-options").hidden = facts.kind !== "video"
    preview.show(entry.reference, facts)
    if (keyboard) $("prepare-name").focus({ preventScroll: true })
    $("prepare").scrollIntoView({ behavior: "smooth", block: innerWidth > 1000 ? "nearest" : "start" })
  } catch (error) {
    if (chosen !== entry) return
    chosen = null // what is shown no longer stands for what would be processed
    mark()
    $("prepare").hidden = true
    toast(error.message, "error")
    list() // it may have been deleted
  }
}

/** Put a file at the end of the queue; what it is there, null where it is refused. */
function queue(entry, { start, end }, more = {}) {
  const options = { codec: $("prepare-codec").value, quality: Number($("prepare-quality").value), follow: $("prepare-follow").value, ...more }
  return attempt("POST", "/api/jobs", { reference: entry.reference, start, end, ...options })
}

async function add() {
  if (!chosen) return
  const job = await queue(chosen, preview.range())
  if (job) { toast(`${job.name} is in the queue`); watchJobs(true) }
}

/** Process a few seconds around the frame that is shown, before all that is in the queue. */
async function tryOut() {
  const start = Math.max(Math.min(preview.at() - TRIED / 2, chosen.facts.seconds - TRIED), 0)
  const job = await queue(chosen, { start, end: start + TRIED }, { trial: true })
  if (!job) return
  sessionStorage.setItem("trial", job.number) // so that this tab shows it, though its page is loaded anew
  toast(`Trying ${TRIED} seconds of ${job.name}: they are shown once they are done`)
  watchJobs(true)
}

/** Of what was uploaded at once, what can be processed; the user is asked where that is not all. */
async function able() {
  const answer = await attempt("POST", "/api/jobs/check", { references: together.map(({ reference }) => reference) })
  if (!answer?.refused.length) return answer ? together : []
  const refused = new Map(answer.refused.map(({ reference, error }) => [reference, error]))
  const why = together.filter(({ reference }) => refused.has(reference)).map(({ name, reference }) => `${name}: ${refused.get(reference)}`)
  const left = together.filter(({ reference }) => !refused.has(reference))
  if (!left.length) toast(`None can be processed. ${why[0]}`, "error")
  const told = [...why.slice(0, 5), ...(why.length > 5 ? [`and ${why.length - 5} more`] : [])].join("\n")
  return left.length && confirm(`${why.length} of ${together.length} cannot be processed:\n\n${told}\n\nProcess the other ${left.length}?`) ? left : []
}

/** Queue all that was uploaded at once, from beginning to end. */
async function addAll() {
  $("prepare-all").hidden = true // once: another click would make them again
  const files = await able()
  if (!files.length) offerAll()
  let count = 0
  for (const entry of files) if (await queue(entry, { start: 0, end: 0 })) count += 1
  if (count) { toast(`${count} files are in the queue`); watchJobs(true) }
}
