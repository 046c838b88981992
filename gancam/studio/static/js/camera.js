// The browser's camera, sent to the server as JPEG: the newest picture only.
import { listen, Refused } from "./api.js"
import { toast } from "./dom.js"

const UNDERWAY = 2 // pictures that are sent and not taken yet
let stop = () => {}
let showing = null
let lost = null // what was asked for, of a camera that went with the studio, or with this page when it was loaded anew
const SENT = "camera" // what this tab sends, by which its page knows it again

/** The video element that shows what the camera sees; null before `sendCamera`. */
export const film = () => showing

/** Play the browser's camera; ends what this page sent before. Throws Refused. */
export async function sendCamera(wanted = {}) {
  const { deviceId, width = 640, height = 360 } = wanted
  if (!navigator.mediaDevices) throw new Refused("browsers give cameras to https and 127.0.0.1 only")
  stop()
  let stream
  try {
    const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 }, deviceId }
    stream = await navigator.mediaDevices.getUserMedia({ video, audio: false })
  } catch (error) {
    const why = { NotAllowedError: "the browser was not allowed to use it", NotFoundError: "this browser has no camera",
                  NotReadableError: "it is in use by another program" }[error.name] ?? error.message
    throw new Refused(`no camera: ${why}`)
  }
  const settings = stream.getVideoTracks()[0].getSettings()
  const film = Object.assign(document.createElement("video"), { srcObject: stream, muted: true, playsInline: true })
  const leave = () => {
    for (const track of stream.getTracks()) track.stop()
    film.srcObject = null
  }
  try {
    await film.play()
  } catch (error) {
    leave()
    throw new Refused(`no camera: ${error.message}`)
  }
  stop() // what was begun meanwhile
  showing = film
  sessionStorage.setItem(SENT, JSON.stringify(wanted))
  const socket = new WebSocket(`ws://${location.host}/api/camera?fps=${settings.frameRate ?? ""}`)
  let over = false
  stop = () => {
    over = true
    socket.close()
    leave()
  }
  const end = stop
  socket.onclose = ({ code }) => {
    if (over) return
    end()
    if (code === 4000) return sessionStorage.removeItem(SENT)
    lost = wanted
    toast("the browser's camera was ended")
  }
  pump(film, socket, () => over)
}

/** Have the camera play again that went when the studio did (the lid was closed, it was started anew), or this page. */
export function startCamera() {
  lost = JSON.parse(sessionStorage.getItem(SENT))
  let back = true
  addEventListener("back", () => { back = true })
  listen("state", ({ source }) => {
    const again = back && (source.kind ?? "browser") === "browser" ? lost : null
    lost = null
    back = false
    if (again) sendCamera(again).catch((error) => toast(error.message, "error"))
  })
}

function pump(film, socket, over) {
  let underway = 0
  let busy = false
  const canvas = new OffscreenCanvas(film.videoWidth, film.videoHeight)
  const paper = canvas.getContext("2d", { alpha: false })
  socket.onmessage = () => { underway -= 1 }
  const soon = film.requestVideoFrameCallback ? (call) => film.requestVideoFrameCallback(call)
    : (call) => setTimeout(() => call(performance.now(), {}), 33) // Firefox before 132
  const next = async (moment, about) => {
    if (over()) return
    soon(next)
    if (busy || underway >= UNDERWAY || socket.readyState !== WebSocket.OPEN) return
    busy = true
    try {
      const captured = about.captureTime ?? moment
      if (canvas.width !== film.videoWidth || canvas.height !== film.videoHeight) {
        canvas.width = film.videoWidth
        canvas.height = film.videoHeight
      }
      paper.drawImage(film, 0, 0)
      const jpeg = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 })
      if (over()) return
      const age = new Float32Array([performance.now() - captured])
      socket.send(new Blob([age, jpeg]))
      underway += 1
    } finally {
      busy = false
    }
  }
  soon(next)
}
