// The Models page: what is there, how good, how fast here; new models; and what works on this machine.
import { attempt, loadModels, request, send, told } from "./api.js"
import { $, button, dress, el, toast } from "./dom.js"
import { icon } from "./icons.js"

const ENDINGS = ".onnx,.pth,.pt,.ckpt,.safetensors"
let filled = false

export function startModels() {
  const input = el("input", { type: "file", accept: ENDINGS, "aria-label": "Import a model", title: "Import a model", onchange: () => {
    const [file] = input.files
    input.value = ""
    if (file) importModel(file)
  } })
  $("models-actions").replaceChildren(
    el("span", { class: "pick button accent" }, icon("upload"), el("span", {}, "Import a model"), input))
  dress($("doctor-run"), "eye", "Check this machine")
  $("doctor-run").onclick = () => examine(true)
  const panel = $("panel-models")
  panel.addEventListener("dragover", (event) => { event.preventDefault(); panel.classList.add("dropping") })
  panel.addEventListener("dragleave", (event) => { if (!panel.contains(event.relatedTarget)) panel.classList.remove("dropping") })
  panel.addEventListener("drop", (event) => {
    event.preventDefault()
    panel.classList.remove("dropping")
    if (event.dataTransfer.files[0]) importModel(event.dataTransfer.files[0])
  })
  const opened = (name) => { if (name === "models" && !filled) { filled = true; fill() } }
  addEventListener("section", ({ detail }) => opened(detail))
  opened($("panel-models").hidden ? "" : "models")
}

async function fill() {
  if (!$("models-list").querySelector(".model-card"))
    $("models-list").replaceChildren(el("li", { class: "quiet-text" }, "Reading the models …"))
  const answer = await attempt("GET", "/api/catalogue")
  if (answer) $("models-list").replaceChildren(...answer.models.map(card))
  else { // the next look at the page asks again, and so does its coming back
    filled = false
    $("models-list").replaceChildren(el("li", { class: "quiet-text" }, "The models could not be read."))
  }
}

/** How large its pictures are: "x1" and "x2" are times the frame, "64x64" is pixels. */
function sizeText(size) {
  if (size === "x1") return "same as the frame"
  return size.startsWith("x") ? `${size.slice(1)} times the frame` : size.replace("x", " × ")
}

/** "cpu int8 5.1 ms", a line for each device, as it stands where speed was measured. */
function timeText(time) {
  return time.split("\n").map((line) => {
    const [device, precision, ...took] = line.split(" ")
    return `${took.join(" ")} for 192 × 160 (${precision}, ${device})`
  }).join("; ")
}

function card(model) {
  if (model.error) { // it is there and cannot be used: that hides no other
    return el("li", { class: "model-card", "data-model": model.name },
      el("header", {}, el("h3", {}, model.name)), el("p", {}, `cannot be used: ${model.error}`))
  }
  const speed = el("dd", {}, model.time ? timeText(model.time) : "not tried yet")
  const task = told.models.find((one) => one.name === model.name)?.task ?? model.task // as the menu of effects calls it
  const measure = button("test", "Measure", { class: "button small", onclick: async () => {
    measure.disabled = true
    speed.textContent = "measuring …"
    const found = await attempt("POST", `/api/catalogue/${encodeURIComponent(model.name)}/speed`)
    speed.textContent = found ? `${found.fps} fps, ${found.ms} ms for ${found.size.join(" × ")} (${found.precision}, ${found.device})` : "not measured"
    measure.disabled = false
  } })
  const use = button("plus", "Use in Live", { class: "button small", onclick: async () => {
    if (await attempt("POST", "/api/effects", { model: model.name })) { toast(`${model.name} is in the chain`); location.hash = "live" }
  } })
  const better = { higher: "higher is better", lower: "lower is better" }[model.better]
  const facts = [
    ["Licence", model.licence, model.restricted ? "limit" : ""],
    ["Quality", model.figure && (better ? `${model.figure} (${better})` : model.figure)],
    ["Size", `${sizeText(model.size)}, ${model.mb} MB (${Object.keys(model.variants).join(", ")})`],
    ["Trained on", model.data, "long"],
  ].filter(([, text]) => text)
  return el("li", { class: "model-card", "data-model": model.name },
    el("header", {}, el("h3", {}, model.name), el("span", { class: "kind" }, model.own ? `${task}, yours` : task)),
    el("p", {}, model.summary),
    el("dl", {}, ...facts.flatMap(([name, text, kind]) => [el("dt", {}, name), kind === "long" ? long(text) : el("dd", { class: kind }, text)]),
      el("dt", {}, "Speed here"), speed),
    el("footer", {}, measure, use))
}

/** What may be cut off; a click shows all of it, as a description of an effect's knob does. */
function long(text) {
  const cell = el("dd", { class: "long", title: text, onclick: () => cell.classList.toggle("whole") }, text)
  return cell
}

/** Whether a file is a model, by its ending. */
export const isModel = (file) => ENDINGS.split(",").some((ending) => file.name.toLowerCase().endsWith(ending))

/** Make one of the user's models of a file, and tell so. */
export async function importModel(file) {
  if (!isModel(file)) {
    toast(`${file.name}: a model's file ends in ${ENDINGS.replaceAll(",", ", ")}`, "error")
    return
  }
  let reference = null
  let over = () => {}
  try {
    reference = (await send(file)).reference
    over = toast(`Trying ${file.name} out; that may take a minute …`, "note", el("progress", { "aria-label": `Trying ${file.name} out` }))
    const found = await request("POST", "/api/catalogue", { reference })
    toast(`${found.name} is one of your models now${found.convention.doubts?.length ? `; not certain: ${found.convention.doubts.join("; ")}` : ""}`)
    await Promise.all([fill(), loadModels()])
  } catch (error) {
    toast(error.message, "error")
  } finally {
    over()
    // the model is a copy of it, and no list on the page names it
    if (reference) request("DELETE", `/api/files/${reference.split("/").map(encodeURIComponent).join("/")}`).catch(() => {})
  }
}

async function examine(again) {
  const run = $("doctor-run")
  run.disabled = true
  $("doctor-table").replaceChildren(el("li", { class: "quiet-text" }, "Checking; that takes some seconds …"))
  const answer = await attempt("GET", `/api/doctor?again=${again ? 1 : 0}`)
  run.disabled = false
  $("doctor-table").replaceChildren(...(answer?.checks ?? []).map((check) =>
    el("li", {}, el("span", { class: `verdict ${check.verdict}` }, check.verdict), el("b", {}, check.name),
      el("span", {}, check.seen, check.cure ? el("small", {}, check.cure) : null))))
}
