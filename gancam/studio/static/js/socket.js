// The WebSocket that brings pictures, the state and figures.
import { answers, tell, told } from "./api.js"
import { showPicture, lost } from "./stage.js"

let socket = null
let wants = false
let gone = false // whether the server did not answer

/** Ask for the frames before the effects too, or not. */
export function wantOriginal(on) {
  if (wants === on) return
  wants = on
  send({ compare: on })
}

/** Say how many pixels of the screen there are for the picture: no more need to be sent. */
let room = null
export function wantRoom(width, height) {
  const now = { width: Math.ceil(width / 32) * 32, height: Math.ceil(height / 32) * 32 }
  if (room && room.width === now.width && room.height === now.height) return
  room = now
  send({ room })
}

function send(message) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
}

const SILENT = 10_000 // ms without a word of the server, which tells figures twice a second
let silence = null

/** Take note that the server answers; where it has not for too long, say so, and have the socket opened anew. */
function heard() {
  answers("socket", true)
  clearTimeout(silence)
  silence = setTimeout(() => {
    answers("socket", false)
    socket.close() // a network may be gone without a word, and its sockets for ever
  }, SILENT)
}

export function connect() {
  socket = new WebSocket(`ws://${location.host}/api/live`)
  socket.binaryType = "arraybuffer"
  socket.onopen = () => {
    if (gone) dispatchEvent(new Event("back")) // what the server has may be other than it was
    gone = false
    heard()
    if (wants) send({ compare: true })
    if (room) send({ room })
  }
  socket.onmessage = ({ data }) => {
    heard()
    if (typeof data === "string") {
      const message = JSON.parse(data)
      if (message.state && !(told.state && told.state.version > message.state.version)) tell("state", message.state)
      if (message.stats) tell("stats", message.stats)
      return
    }
    unpack(data)
  }
  socket.onclose = () => {
    gone = true
    clearTimeout(silence)
    answers("socket", false)
    lost()
    told.state = null
    setTimeout(connect, 1000)
  }
}

const jpeg = (data) => createImageBitmap(new Blob([data], { type: "image/jpeg" }))

/** A head of 16 bytes (number, age in ms, width, height, bytes of the first JPEG), then one or two JPEGs. */
async function unpack(data) {
  const head = new DataView(data)
  const picture = { number: head.getUint32(0, true), age: head.getFloat32(4, true),
                    width: head.getUint16(8, true), height: head.getUint16(10, true) }
  const first = head.getUint32(12, true)
  // a page that nobody sees asks for no more
  if (document.hidden) await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }))
  try {
    const parts = [jpeg(new Uint8Array(data, 16, first))]
    if (data.byteLength > 16 + first) parts.push(jpeg(new Uint8Array(data, 16 + first)))
    const [after, before] = await Promise.all(parts)
    showPicture({ ...picture, after, before })
  } finally {
    send({ shown: picture.number })
  }
}
