// The menu of models, each with what it does to the picture that is shown now.
import { attempt, loadModels, told } from "./api.js"
import { expectFresh } from "./chain.js"
import { $, el } from "./dom.js"

let task = "All"
let newest = 0

/** Offer all models; `frame` is the question of an address for the picture of a file, else it is the one that plays. */
export async function openMenu(frame = "") {
  $("menu").showModal()
  if (!told.models.length) await loadModels()
  showTasks()
  showCards()
  const answer = await attempt("POST", `/api/thumbnails${frame}`)
  if (!answer) return
  newest = answer.number
  fill()
}

function showTasks() {
  const tasks = ["All", ...new Set(told.models.map((model) => model.task))]
  $("menu-tasks").replaceChildren(...tasks.map((name) =>
    el("button", { type: "button", class: "chip", "aria-pressed": name === task, onclick: () => choose(name) }, name)))
}

function choose(name) {
  task = name
  for (const chip of $("menu-tasks").children) chip.setAttribute("aria-pressed", chip.textContent === name) // which keeps the focus
  filter()
}

function filter() {
  for (const card of $("menu-cards").children) card.hidden = task !== "All" && card.dataset.task !== task
}

function showCards() {
  $("menu-cards").replaceChildren(...told.models.map((model) => {
    const image = el("img", { alt: "", width: 256, height: 144, "data-model": model.name })
    return el("li", { "data-task": model.task }, el("button", { type: "button", class: "model", onclick: () => add(model.name) },
      el("span", { class: "thumb" }, image),
      el("span", { class: "model-title" }, el("b", {}, model.name), el("small", {}, model.own ? `${model.task}, own` : model.task)),
      el("span", { class: "model-about" }, model.summary),
      model.restricted ? el("span", { class: "model-limit" }, `Licence: ${model.licence}`) : null))
  }))
  filter()
}

/** Fetch the thumbnails one after the other, those that are seen first. */
async function fill() {
  const number = newest
  const images = [...$("menu-cards").querySelectorAll("img")]
  images.sort((one, other) => one.closest("li").hidden - other.closest("li").hidden)
  for (const image of images) {
    if (!$("menu").open || number !== newest) return
    await new Promise((done) => {
      image.onload = () => { image.classList.add("there"); done() }
      image.onerror = image.onload // or it would shimmer as if it were still to come
      image.src = `/api/thumbnails/${number}/${encodeURIComponent(image.dataset.model)}`
    })
  }
}

async function add(model) {
  $("menu").close()
  expectFresh(true)
  $("add").classList.add("busy")
  await attempt("POST", "/api/effects", { model })
  $("add").classList.remove("busy")
  setTimeout(() => expectFresh(false), 500)
}

export function startMenu() {
  addEventListener("menu", ({ detail }) => openMenu(detail)) // of the Files page
  $("menu").addEventListener("close", () => $("menu-cards").replaceChildren())
}
