// A finished result beside what it was made of: split, or one at a time; videos in step.
import { request } from "./api.js"
import { $, dress, el } from "./dom.js"

const encoded = (reference) => reference.split("/").map(encodeURIComponent).join("/")
const file = (reference) => `/api/downloads/${encoded(reference)}?show=1`
const frame = (reference, at) => `/api/frames/${encoded(reference)}?at=${Math.max(at, 0).toFixed(4)}`
const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`

let now = null // what is shown: { job, source, result, from, fps, seconds, at, before, after, videos }
let asked = 0

/** The seconds of the source at which a job begins: its first frame is not before what was asked for. */
function beginning(options, { fps, begins }) {
  const place = options.indexOf("--from")
  const from = place < 0 ? begins : Math.max(parseFloat(options[place + 1]), begins)
  return fps ? Math.ceil((from - begins) * fps - 0.01) / fps + begins : from
}

export function startCompare() {
  dress($("compare-play"), "play", "Play")
  $("compare-play").onclick = () => (now?.after.paused ? play() : pause())
  $("compare-at").oninput = (event) => { pause(); seek(Number(event.target.value)) }
  $("compare-split").oninput = (event) => split(event.target.value / 100)
  for (const name of ["pointerdown", "pointermove"]) $("compare-view").addEventListener(name, (event) => {
    const box = $("compare-view").getBoundingClientRect()
    split((event.clientX - box.left) / box.width)
  })
  for (const one of $("compare-show").querySelectorAll("input")) one.onchange = () => split({ before: 1, after: 0, both: 0.5 }[one.value])
  $("compare").addEventListener("close", end)
}

function split(share) {
  const at = Math.min(Math.max(share, 0), 1)
  $("compare-view").style.setProperty("--split", `${100 * at}%`)
  const shown = at === 1 ? "before" : at === 0 ? "after" : "both"
  $("compare-view").dataset.shown = shown
  $("compare-split").value = Math.round(100 * at)
  $("compare-split").style.setProperty("--at", `${100 * at}%`)
  $("compare-show").querySelector(`[value=${shown}]`).checked = true
}

/** Show what a job that is done made of its source. Throws Refused where one of the two is gone. */
export async function compare(job) {
  const mine = (asked += 1)
  const [source, result] = await Promise.all([job.source, job.target].map((one) => request("GET", `/api/media/${encoded(one)}`)))
  if (mine !== asked || $("compare").open) return
  const video = result.kind === "video"
  now = { job, source, result, from: video ? beginning(job.options, source) : 0, fps: result.fps || 25, seconds: result.seconds, at: 0 }
  $("compare-title").textContent = job.name
  const size = (facts) => facts.size.join(" × ")
  $("compare-facts").textContent = size(source) === size(result) ? size(result) : `${size(source)} → ${size(result)}`
  $("compare-view").style.setProperty("--shape", result.size[0] / result.size[1])
  $("compare-at").max = Math.max(result.seconds - 1 / now.fps, 0)
  $("compare-at").step = 1 / now.fps
  $("compare-time").hidden = !video
  show(video)
  split(0.5)
  $("compare").showModal()
}

/** Lay the two over one another, as videos, or as pictures. */
function show(videos) {
  const { job } = now
  const make = (reference, name) => videos
    ? el("video", { src: file(reference), muted: true, playsinline: true, preload: "auto", "aria-label": name })
    : el("img", { alt: name, src: now.result.kind === "video" ? "" : file(reference) })
  now.before = make(job.source, "Original")
  now.after = make(job.target, "Result")
  now.videos = videos
  if (videos) for (const one of [now.before, now.after]) {
    one.muted = true
    one.onerror = () => now?.videos && show(false) // of a kind that this browser does not play
    one.onloadeddata = () => (one.videoWidth ? seek(now.at) : one.onerror()) // where it plays the sound alone
  }
  $("compare-play").hidden = !videos
  $("compare-note").hidden = videos || now.result.kind !== "video"
  now.after.className = "second"
  $("compare-view").querySelectorAll("img, video").forEach((old) => old.remove())
  $("compare-view").prepend(now.before, now.after)
  seek(now.at)
}

/** Show the frames at some seconds of the result: the middle of them, which no rounding takes to another. */
function seek(at) {
  if (!now || now.result.kind !== "video") return
  now.at = at
  tellTime()
  const [before, after] = [now.from + at, now.result.begins + at]
  if (now.videos) {
    now.after.currentTime = after + 0.5 / now.fps
    now.before.currentTime = before + 0.5 / now.fps
  } else {
    now.before.src = frame(now.job.source, before - 1e-3)
    now.after.src = frame(now.job.target, after - 1e-3)
  }
}

function tellTime() {
  $("compare-at").value = now.at
  $("compare-at").style.setProperty("--at", `${(100 * now.at) / ($("compare-at").max || 1)}%`)
  $("compare-clock").textContent = `${clock(now.at)} of ${clock(now.seconds)}`
}

async function play() {
  if (now.after.ended || now.at >= Number($("compare-at").max)) seek(0)
  dress($("compare-play"), "pause", "Pause")
  await Promise.allSettled([now.before.play(), now.after.play()])
  requestAnimationFrame(step)
}

function pause() {
  if (!now?.videos) return
  now.before.pause()
  now.after.pause()
  dress($("compare-play"), "play", "Play")
}

/** Keep the original where the result is. */
function step() {
  if (!now?.videos) return
  now.at = Math.min(Math.max(now.after.currentTime - now.result.begins, 0), Number($("compare-at").max))
  if (now.after.paused || now.after.ended) {
    pause()
    seek(Math.floor(now.at * now.fps + 0.01) / now.fps)
    return
  }
  tellTime()
  const wanted = now.from + now.after.currentTime - now.result.begins
  const ahead = now.before.currentTime - wanted
  if (Math.abs(ahead) > 0.25) now.before.currentTime = wanted
  else now.before.playbackRate = Math.min(Math.max(1 - 2 * ahead, 0.7), 1.4)
  requestAnimationFrame(step)
}

function end() {
  pause()
  $("compare-view").querySelectorAll("img, video").forEach((old) => { old.removeAttribute("src"); old.remove() })
  now = null
}
