// The picture: before and after, full screen, snapshot, recording, and the figures over it.
import { attempt, listen, save, told, unseen } from "./api.js"
import { $, dress, isTyping, say, toast } from "./dom.js"
import { wantOriginal, wantRoom } from "./socket.js"

const view = $("view")
const paper = view.getContext("2d", { alpha: false })
let now = null // the newest picture
let split = false
let at = 0.5
let held = false
let drawing = () => false // whether the pointer is a brush
const moments = []
let age = null

export const stage = {
  /** (width, height) of the picture in pixels of the effects' input; null before the first. */
  get inputSize() { return told.state?.source.size ?? null },
  set drawing(ask) { drawing = ask },
  /** The pixel [r, g, b] of the original at shares x, y. */
  async pixel(x, y) {
    const source = now?.before ?? now?.after
    if (!source) return null
    const canvas = new OffscreenCanvas(1, 1)
    const pen = canvas.getContext("2d")
    pen.drawImage(source, -Math.round(x * source.width), -Math.round(y * source.height))
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3)
  },
}

/** Show a picture, and keep it so that the split can move over it. */
export function showPicture(picture) {
  if (now && picture.number < now.number && now.number - picture.number < 1000) {
    picture.after.close(); picture.before?.close()
    return
  }
  now?.after.close(); now?.before?.close()
  now = picture
  if (view.width !== picture.after.width || view.height !== picture.after.height) {
    view.width = picture.after.width
    view.height = picture.after.height
    fit()
  }
  paint()
  const moment = performance.now()
  age = picture.age < 0 ? null : picture.age // the way here and the drawing are in it
  moments.push(moment)
  while (moments.length > 2 && moment - moments[0] > 2000) moments.shift()
  view.dispatchEvent(new CustomEvent("picture", { detail: { number: picture.number, age } }))
}

function paint() {
  if (!now) return
  const { width, height } = view
  const before = now.before
  paper.imageSmoothingQuality = "high"
  if (held && before) paper.drawImage(before, 0, 0, width, height)
  else {
    paper.drawImage(now.after, 0, 0, width, height)
    if (split && before) {
      paper.save()
      paper.beginPath()
      paper.rect(0, 0, Math.round(at * width), height)
      paper.clip()
      paper.drawImage(before, 0, 0, width, height)
      paper.restore()
    }
  }
}

/** Make the picture as large as the stage allows, of its own shape. */
function fit() {
  const room = $("stage").getBoundingClientRect()
  if (room.width) wantRoom(room.width * devicePixelRatio, room.height * devicePixelRatio)
  if (!now) return // a canvas that nothing was drawn on has a size of its own
  const share = Math.min(room.width / view.width, room.height / view.height)
  const near = (length, most) => (most - length < 2 ? most : Math.floor(length))
  $("picture").style.width = `${near(view.width * share, room.width)}px`
  $("picture").style.height = `${near(view.height * share, room.height)}px`
  $("stage").style.setProperty("--shape", `${view.width} / ${view.height}`)
}

function place(share) {
  at = Math.min(Math.max(share, 0), 1)
  $("split-bar").style.left = `${100 * at}%`
  $("split-at").value = Math.round(100 * at)
  paint()
}

function setSplit(on) {
  split = on
  $("split").setAttribute("aria-pressed", on)
  for (const id of ["split-bar", "split-at", "tag-before", "tag-after"]) $(id).hidden = !on
  wantOriginal(split || held)
  paint()
}

function setHeld(on) {
  held = on
  $("hold").setAttribute("aria-pressed", on)
  $("picture").classList.toggle("held", on)
  wantOriginal(split || held)
  paint()
}

function startPointer() {
  const picture = $("picture")
  picture.addEventListener("pointermove", (event) => {
    if (!split || drawing()) return
    const box = picture.getBoundingClientRect()
    place((event.clientX - box.left) / box.width)
  })
  picture.addEventListener("pointerdown", (event) => {
    if (drawing() || event.button !== 0 || split) return
    setHeld(true)
    addEventListener("pointerup", () => setHeld(false), { once: true })
    addEventListener("pointercancel", () => setHeld(false), { once: true })
  })
  const hold = $("hold")
  hold.onpointerdown = () => setHeld(true)
  hold.onpointerup = hold.onpointerleave = hold.onblur = () => { if (held) setHeld(false) }
  // with braces: a handler that gives false keeps Tab from leaving the button
  hold.onkeydown = (event) => { if (event.key === " " || event.key === "Enter") setHeld(true) }
  hold.onkeyup = () => setHeld(false)
}

async function snapshot() {
  const stamp = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-")
  if (await save("/api/snapshot", `gancam-${stamp}.png`)) toast("Picture saved")
}

function startKeys() {
  addEventListener("keydown", (event) => {
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || $("panel-live").hidden || $("acts").inert) return
    const act = { s: () => $("split").click(), m: () => $("mirror").click(), f: () => $("full").click(), p: () => $("snapshot").click(),
                  r: () => $("record").click(), o: () => event.repeat || setHeld(true) }[event.key]
    if (act) { event.preventDefault(); act() }
  })
  addEventListener("keyup", (event) => event.key === "o" && held && setHeld(false))
}

export function startStage() {
  dress($("split"), "split"); dress($("mirror"), "mirror"); dress($("hold"), "eye"); dress($("snapshot"), "snapshot")
  dress($("record"), "record"); dress($("full"), "full")
  $("split").onclick = () => setSplit(!split)
  $("split-at").oninput = (event) => place(event.target.value / 100)
  $("mirror").onclick = () => attempt("POST", "/api/mirror", { on: !told.state?.source.mirrored })
  $("snapshot").onclick = snapshot
  $("record").onclick = () => attempt("POST", "/api/recording", { on: !told.state?.recording })
  $("full").hidden = !document.fullscreenEnabled // on iPhones
  $("full").onclick = () => {
    if (document.fullscreenElement) document.exitFullscreen()
    else document.querySelector(".watch").requestFullscreen?.()
  }
  new ResizeObserver(fit).observe($("stage"))
  startPointer()
  startKeys()
  place(0.5)
  listen("state", showState)
  setInterval(showFigures, 500)
}

let said = null // how many lines about recordings were shown

function showState(state) {
  const { source } = state
  const playing = source.state === "playing"
  const chose = $("begin").contains(document.activeElement) // by the keyboard, say, whose focus would be nowhere
  const over = source.state === "ended" // a stream, or the camera of a page that was closed
  const why = over ? `${source.label} has ended.` : source.error
  $("begin").hidden = !over && source.state !== "idle" && source.state !== "failed"
  if (chose && $("begin").hidden) $("source").focus({ preventScroll: true })
  say($("begin-error"), why)
  $("begin-error").hidden = !why
  $("picture").hidden = !playing || !now
  $("figures").hidden = $("picture").hidden
  $("acts").inert = !playing && !state.recording // for keys, too
  const words = { opening: `Opening ${source.label} …`, resting: "Resting",
                  playing: now ? "" : "Waiting for the first picture …" }[source.state] ?? ""
  $("waiting").textContent = words
  $("waiting").hidden = !words
  if (!playing && source.state !== "opening") { now?.after.close(); now?.before?.close(); now = null; moments.length = 0 }
  $("mirror").setAttribute("aria-pressed", source.mirrored)
  $("record").setAttribute("aria-pressed", state.recording)
  $("record").setAttribute("aria-label", state.recording ? "Stop recording" : "Record")
  if (said !== null) for (const line of unseen(state.said, state.saidCount, said)) toast(`${line} (Files, recordings)`)
  said = state.saidCount
}

view.addEventListener("picture", () => {
  if ($("picture").hidden && told.state?.source.state === "playing") { showState(told.state); fit() }
})

function showFigures() {
  const recent = moments.filter((moment) => moment > performance.now() - 2000)
  const fps = recent.length > 1 ? (1000 * (recent.length - 1)) / (recent.at(-1) - recent[0]) : 0
  const stands = told.state?.source.stands // one picture has no rate
  const parts = stands ? [] : [fps ? `${fps.toFixed(fps < 10 ? 1 : 0)} fps` : "under 1 fps"]
  if (age !== null && !stands) parts.push(age < 1000 ? `${Math.round(age)} ms delay` : `${(age / 1000).toFixed(1)} s delay`)
  if (now) parts.push(`${now.width} × ${now.height}`)
  $("figures").textContent = parts.join("  ·  ")
}

/** Offer nothing while the server is gone; the state that it tells once it is back says more. */
export function lost() {
  $("begin").hidden = $("waiting").hidden = true
  $("acts").inert = true
}
