// What is drawn and placed on the picture with the pointer.
import { attempt, listen, told } from "./api.js"
import { $, el, iconButton, isTyping, toast } from "./dom.js"
import { stage } from "./stage.js"

const SVG = "http://www.w3.org/2000/svg"
let mode = null // what the pointer does: { kind, ... }
let tool = "brush"
let radius = 0.03

const overlay = $("overlay")

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}

/** Where a pointer is, in shares of the picture. */
function point(event) {
  const box = overlay.getBoundingClientRect()
  const clamp = (share) => Math.min(Math.max(share, 0), 1)
  return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)]
}

const inPixels = ([x, y]) => [Math.round(x * stage.inputSize[0]), Math.round(y * stage.inputSize[1])]
const drawer = () => told.state?.effects.find((effect) => effect.draws && effect.on)

/** Have the user choose a region, box, polygon or colour on the picture; its text, or null. */
export function choose(kind, { value = "", change = () => {} } = {}) {
  mode?.end?.(null)
  if (!stage.inputSize) { toast("Choose a source first", "error"); return Promise.resolve(null) }
  return new Promise((resolve) => {
    mode = { kind, value, change, points: [], end: (chosen) => { mode = null; render(); resolve(chosen) } }
    if (kind === "region") startRegion(value)
    $("hint").textContent = { region: "Drag the frame or its corners. Esc or a click outside ends.", box: "Drag a box. Esc cancels.",
      polygon: "Click the corners, then the first one again. Esc cancels.", colour: "Click a colour. Esc cancels." }[kind]
    render()
    $("stage").scrollIntoView({ block: "nearest", behavior: "smooth" })
  })
}

function startRegion(value) {
  const parts = value === "full" || !value ? [0, 0, 1, 1] : value.split("/").map(Number)
  mode.region = parts.length === 4 && parts.every(Number.isFinite) ? parts : [0.74, 0.05, 0.23, 0.41] // of auto: its first corner
}

const regionText = (region) => region.map((share) => Number(share.toFixed(3))).join("/")

/** Move one of the sides (or all) of the region by shares. */
function moveRegion([left, top, width, height], grip, dx, dy) {
  const least = 0.02
  let [x0, y0, x1, y1] = [left, top, left + width, top + height]
  if (grip === "all") {
    const moveX = Math.min(Math.max(dx, -x0), 1 - x1)
    const moveY = Math.min(Math.max(dy, -y0), 1 - y1)
    return [x0 + moveX, y0 + moveY, width, height]
  }
  if (grip.includes("w")) x0 = Math.min(Math.max(x0 + dx, 0), x1 - least)
  if (grip.includes("e")) x1 = Math.max(Math.min(x1 + dx, 1), x0 + least)
  if (grip.includes("n")) y0 = Math.min(Math.max(y0 + dy, 0), y1 - least)
  if (grip.includes("s")) y1 = Math.max(Math.min(y1 + dy, 1), y0 + least)
  return [x0, y0, x1 - x0, y1 - y0]
}

function setRegion(region) {
  mode.region = region
  mode.change(regionText(region))
  render()
}

function render(cursor = null) {
  const drawing = !mode && drawer()
  const busy = mode !== null || Boolean(drawing)
  overlay.classList.toggle("busy", busy)
  $("picture").classList.toggle("busy", busy)
  $("hint").hidden = !mode
  const shapes = []
  if (mode?.region) shapes.push(...regionShapes(mode.region))
  if (mode?.kind === "box" && mode.points.length === 2) shapes.push(rectangle(...mode.points))
  if (mode?.kind === "polygon" && mode.points.length) {
    const text = [...mode.points, ...(cursor ? [cursor] : [])].map(([x, y]) => `${x * 1000},${y * 1000}`).join(" ")
    shapes.push(shape("polyline", { points: text, class: "line-shape" }))
  }
  if (drawing && tool === "box" && stroke?.length > 1) shapes.push(rectangle(stroke[0], stroke.at(-1)))
  if (drawing && stroke && (tool !== "box" || erasing)) shapes.push(shape("polyline", {
    points: stroke.map(([x, y]) => `${x * 1000},${y * 1000}`).join(" "), class: `stroke-shape ${erasing ? "erases" : ""}`,
    "stroke-width": 2 * radius * overlay.getBoundingClientRect().height }))
  if (drawing && cursor && (tool !== "box" || erasing)) {
    const box = overlay.getBoundingClientRect()
    shapes.push(shape("ellipse", { cx: cursor[0] * 1000, cy: cursor[1] * 1000, class: "line-shape",
      rx: (radius * 1000 * box.height) / box.width, ry: radius * 1000 }))
  }
  overlay.replaceChildren(...shapes)
}

function rectangle([x0, y0], [x1, y1]) {
  return shape("rect", { x: 1000 * Math.min(x0, x1), y: 1000 * Math.min(y0, y1), width: 1000 * Math.abs(x1 - x0),
                         height: 1000 * Math.abs(y1 - y0), class: "line-shape" })
}

function regionShapes([left, top, width, height]) {
  const box = overlay.getBoundingClientRect()
  const [rx, ry] = [7000 / box.width, 7000 / box.height]
  const grips = { nw: [left, top], ne: [left + width, top], sw: [left, top + height], se: [left + width, top + height] }
  return [
    shape("rect", { x: left * 1000, y: top * 1000, width: width * 1000, height: height * 1000, class: "region-shape", "data-grip": "all" }),
    ...Object.entries(grips).map(([name, [x, y]]) =>
      shape("ellipse", { cx: x * 1000, cy: y * 1000, rx, ry, class: `grip-shape ${name}`, "data-grip": name })),
  ]
}

// The pointer

let stroke = null
let erasing = false
let dragged = null
const acts = [] // what is drawn and not sent yet, in order
let sending = false

/** Send what is drawn, in order and one at a time; what a stroke gains meanwhile is sent at once. */
async function draw(act, points = null) {
  const effect = drawer()
  if (!effect) return
  const last = acts.at(-1)
  if (points && act !== "box" && last?.act === act) last.points.push(...points.slice(1))
  else acts.push({ effect: effect.name, act, radius, points })
  if (sending) return
  sending = true
  while (acts.length) {
    const { effect: name, ...message } = acts.shift()
    if (!message.points) delete message.points
    await attempt("POST", `/api/effects/${encodeURIComponent(name)}/draw`, message)
  }
  sending = false
}

/** Draw the newest part of the stroke. */
function brush() {
  draw(erasing ? "erase" : "brush", stroke.slice(-2))
}

function down(event) {
  if (event.button > 2) return
  const at = point(event)
  if (mode?.kind === "region") {
    const grip = event.target.dataset?.grip
    if (!grip) { mode.end(regionText(mode.region)); return }
    dragged = { grip, at, from: mode.region }
  } else if (mode?.kind === "box") {
    mode.points = [at, at]
  } else if (mode?.kind === "polygon") {
    const [first] = mode.points
    const closes = first && mode.points.length > 2 && Math.hypot(at[0] - first[0], at[1] - first[1]) < 0.03
    if (closes) { mode.end(mode.points.flatMap(inPixels).join("/")); return }
    mode.points.push(at)
  } else if (mode?.kind === "colour") {
    const { end } = mode
    stage.pixel(...at).then((rgb) => end(rgb && `#${rgb.map((part) => part.toString(16).padStart(2, "0")).join("")}`))
    return
  } else if (drawer()) {
    if (event.button === 2 && !drawer().brushes) return // nothing to erase with
    erasing = event.button === 2 || tool === "erase"
    stroke = [at]
    draw("down")
    if (tool !== "box" || erasing) brush()
  } else return
  event.preventDefault()
  overlay.setPointerCapture(event.pointerId)
  render(at)
}

function move(event) {
  const at = point(event)
  if (dragged) setRegion(moveRegion(dragged.from, dragged.grip, at[0] - dragged.at[0], at[1] - dragged.at[1]))
  else if (mode?.kind === "box" && mode.points.length && event.buttons) mode.points[1] = at
  else if (stroke) {
    stroke.push(at)
    if (tool !== "box" || erasing) brush()
  }
  render(at)
}

function up() {
  if (mode?.kind === "box" && mode.points.length === 2) {
    const [[x0, y0], [x1, y1]] = mode.points.map(inPixels)
    const text = [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)]
    if (text[2] && text[3]) mode.end(text.join("/"))
  }
  if (stroke) {
    const [first, last] = [stroke[0], stroke.at(-1)]
    stroke = null
    if (tool === "box" && !erasing && Math.hypot(last[0] - first[0], last[1] - first[1]) > 0.01) draw("box", [first, last])
    draw("up")
    erasing = false
  }
  dragged = null
  render()
}

function keys(event) {
  if ($("panel-live").hidden) return // keys of another section are not for a picture that nobody sees
  if (mode && event.key === "Escape") {
    event.preventDefault()
    mode.end(mode.region ? regionText(mode.region) : null)
    return
  }
  const typing = isTyping(event)
  if (mode?.region && !typing) {
    const step = event.altKey ? 0.001 : 0.01
    const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key] ?? []
    if (dx === undefined) return
    event.preventDefault()
    setRegion(moveRegion(mode.region, event.shiftKey ? "se" : "all", dx, dy))
  }
  if (!mode && drawer() && !typing && !event.ctrlKey && !event.metaKey) {
    if (event.key === "u") draw("undo")
    const name = { b: "brush", e: "erase", x: "box" }[event.key]
    if (name && (name === "box" || drawer().brushes)) setTool(name)
  }
}

// The tools

function setTool(name) {
  tool = name
  for (const one of $("tools").querySelectorAll("[data-tool]")) one.setAttribute("aria-pressed", one.dataset.tool === name)
}

function showTools(effect) {
  const tools = $("tools")
  const key = effect ? `${effect.name} ${effect.brushes}` : ""
  if (tools.dataset.key === key) return
  tools.dataset.key = key
  tools.hidden = !effect
  if (!effect) return
  const tooled = (name, label, picture = name) =>
    iconButton(picture, label, { "data-tool": name, onclick: () => setTool(name) })
  const size = el("input", { type: "range", min: 5, max: 150, value: radius * 1000, "aria-label": "Size of the brush",
                             oninput: () => { radius = size.value / 1000 } })
  tools.replaceChildren(
    ...(effect.brushes ? [tooled("brush", "Brush (b)"), tooled("box", "Box (x)"), tooled("erase", "Eraser (e)", "eraser"), size]
                       : [tooled("box", "Box (x)")]),
    iconButton("undo", "Undo (u)", { onclick: () => draw("undo") }),
    iconButton("trash", "Clear all", { onclick: () => draw("clear") }))
  setTool(effect.brushes ? "brush" : "box")
}

export function startOverlay() {
  overlay.setAttribute("viewBox", "0 0 1000 1000")
  overlay.setAttribute("preserveAspectRatio", "none")
  overlay.addEventListener("pointerdown", down)
  overlay.addEventListener("pointermove", move)
  overlay.addEventListener("pointerup", up)
  overlay.addEventListener("pointercancel", up)
  overlay.addEventListener("pointerleave", () => render())
  overlay.addEventListener("contextmenu", (event) => drawer() && event.preventDefault())
  overlay.addEventListener("wheel", (event) => {
    if (!drawer() || mode) return
    event.preventDefault()
    radius = Math.min(Math.max(radius * (event.deltaY > 0 ? 0.85 : 1.18), 0.005), 0.15)
    const size = $("tools").querySelector("input")
    if (size) size.value = radius * 1000
    render(point(event))
  }, { passive: false })
  addEventListener("keydown", keys)
  stage.drawing = () => mode !== null || Boolean(drawer())
  listen("state", () => { showTools(stage.inputSize ? drawer() : undefined); render() })
}
