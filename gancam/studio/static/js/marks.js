// What is drawn on the chosen file: where, and whether it follows.
import { attempt, told } from "./api.js"
import { $, dress, say, toast } from "./dom.js"

let chosen = () => null // { entry, at, kind } of the file that is looked at

export function startMarks(ask) {
  chosen = ask
  dress($("prepare-draw"), "brush", "Draw on this frame")
  $("prepare-draw").onclick = draw
}

/** The effects that can be drawn for. */
const drawn = () => (told.state?.effects ?? []).filter((effect) => effect.on
  && (told.effects[effect.effect] ?? []).some((entry) => entry.kind === "draw" && entry.name in effect.values))

const drawing = (effect) => told.effects[effect.effect].find((entry) => entry.kind === "draw").name

/** Show the frame on the Live page, where it stands still, with the brush in hand. */
async function draw() {
  const { entry, at, kind } = chosen()
  const [effect] = drawn()
  const asked = { kind: "file", value: entry.reference, ...(kind === "video" ? { at } : {}) }
  if (!(await attempt("POST", "/api/source", asked))) return
  if (!effect.draws && !(await attempt("PATCH", "/api/controls", { [`${effect.name}.${drawing(effect)}`]: true }))) return
  location.hash = "live"
  toast("Draw over what is to go, then go back to Files")
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`

/** Say what is drawn on the file that is looked at, and offer to draw. */
export function showMarks() {
  const file = chosen()
  const able = drawn()
  $("prepare-marks").hidden = !file || !able.length
  if ($("prepare-marks").hidden) return
  const strokes = told.state.drawnOn
  const here = strokes.filter((one) => one.reference === file.entry.reference && one.at !== null)
  const video = file.kind === "video"
  $("marks-follow").hidden = !video || !here.length
  const times = [...new Set(here.map(({ at }) => clock(at)))]
  say($("marks-text"), !strokes.length ? (able.some((effect) => effect.draws) ? "Nothing is drawn yet." : "")
    : !video ? "What is drawn is filled."
      : here.length ? `Drawn at ${times.slice(0, 3).join(", ")}; what moves is followed when it is processed, not in the picture above.`
        : "It was drawn on another picture, and stays where it is.")
}
