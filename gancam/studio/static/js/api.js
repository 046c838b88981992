// Requests to the server, and what it tells by itself.
import { $, el, raise, toast } from "./dom.js"

export class Refused extends Error {}
class Unanswered extends Refused {}

/** Say, as long as it is so, that the studio does not answer: its socket, or a request. */
const silent = { socket: false, request: false }
export function answers(by, yes) {
  silent[by] = !yes
  const gone = silent.socket || silent.request
  if ($("gone").hidden !== gone) return
  $("gone").hidden = !gone
  if (gone) raise($("gone"))
}

/** Send a request; the JSON that answers it. Throws Refused with the server's own words. */
export async function request(method, path, body, { raw = false, signal } = {}) {
  const options = { method, signal, headers: {} }
  if (body !== undefined) {
    options.body = raw ? body : JSON.stringify(body)
    options.headers["Content-Type"] = raw ? "application/octet-stream" : "application/json"
  }
  let answer
  try {
    answer = await fetch(path, options)
  } catch (error) {
    if (error.name === "AbortError") throw error
    answers("request", false)
    throw new Unanswered("the studio does not answer: is it still running?")
  }
  answers("request", true)
  if (!answer.ok) {
    const text = await answer.text()
    let said = text.trim()
    try { said = JSON.parse(text).error } catch {}
    throw new Refused(said || `error ${answer.status}`)
  }
  return (answer.headers.get("Content-Type") || "").includes("json") ? answer.json() : answer
}

/** The same, but an error is shown to the user and gives null; that there is no answer is shown already. */
export async function attempt(method, path, body, options) {
  try {
    return await request(method, path, body, options)
  } catch (error) {
    if (error.name !== "AbortError" && !(error instanceof Unanswered)) toast(error.message, "error")
    return null
  }
}

/** What the studio's own folders are called on the page. */
export const TITLES = { uploads: "Uploaded", recordings: "Recorded", results: "Made here" }

let sent = 0 // files that are under way

/** Have the browser ask before it leaves the page while a file is sent: that would be lost. */
function stay(event) {
  event.preventDefault()
}

/** Send a file to the server, with progress from 0 to 1; its description. Throws Refused; "media" is videos and images. */
export function upload(file, progress, only, signal) {
  return new Promise((done, failed) => {
    const sending = new XMLHttpRequest()
    signal.addEventListener("abort", () => sending.abort())
    sending.open("POST", `/api/uploads?name=${encodeURIComponent(file.name)}&only=${only}`)
    sending.upload.onprogress = (event) => { if (event.lengthComputable) progress(event.loaded / event.total) }
    sending.onload = () => {
      let said = {}
      try { said = JSON.parse(sending.responseText) } catch {}
      if (sending.status === 200) done(said)
      else failed(new Refused(said.error || sending.responseText || `error ${sending.status}`))
    }
    sending.onerror = () => failed(new Refused("could not be sent"))
    sending.onabort = () => failed(new Refused("its upload was stopped"))
    sending.onloadend = () => { if (!(sent -= 1)) removeEventListener("beforeunload", stay) }
    if (!sent) addEventListener("beforeunload", stay)
    sent += 1
    sending.send(file)
  })
}

/** What became of a file that was not taken, with its name once. */
export const about = ({ name }, { message }) => (message.startsWith(name) ? message : `${name}: ${message}`)

/** The same, while a toast shows how far it is; a refusal names the file. */
export async function send(file, only = "") {
  const bar = el("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` })
  const stop = new AbortController()
  const over = toast(`Uploading ${file.name} …`, "note", bar, () => stop.abort())
  try {
    return await upload(file, (share) => { bar.value = share }, only, stop.signal)
  } catch (error) {
    throw new Refused(about(file, error))
  } finally {
    over()
  }
}

/** Have the browser save what a path of the server gives. */
export async function save(path, name) {
  const answer = await attempt("GET", path)
  if (answer === null) return false
  const link = document.createElement("a")
  link.href = URL.createObjectURL(await answer.blob())
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  return true
}

/** What the server told last; listeners are called with it. */
export const told = { state: null, stats: null, models: [], effects: {} }
const listeners = { state: new Set(), stats: new Set(), models: new Set() }

export function listen(what, call) {
  listeners[what].add(call)
  if (told[what] && (!Array.isArray(told[what]) || told[what].length)) call(told[what])
}

export function tell(what, value) {
  told[what] = value
  for (const call of listeners[what]) call(value)
}

export async function loadModels() {
  const found = await attempt("GET", "/api/models")
  if (found === null) return
  told.effects = found.effects
  tell("models", found.models)
}

/** Change parameters; while one request is under way, only the newest values of each wait. */
const waiting = {}
let turning = false
export async function turn(values) {
  Object.assign(waiting, values)
  if (turning) return
  turning = true
  try {
    while (Object.keys(waiting).length) {
      const now = { ...waiting }
      for (const name of Object.keys(now)) delete waiting[name]
      if ((await attempt("PATCH", "/api/controls", now)) === null && told.state) tell("state", told.state)
    }
  } finally {
    turning = false // whatever failed, the next change is sent
  }
}

/** What is new among the last `lines`, of `count` in all, for who knows the first `known`. */
export const unseen = (lines, count, known) => (count > known ? lines.slice(-(count - known)) : [])
