// The chain of effects: cards that are turned on and off, moved, opened and removed.
import { attempt, listen, request, save, told, turn } from "./api.js"
import { control } from "./controls.js"
import { $, button, dress, el, iconButton, say, toast } from "./dom.js"
import { openMenu } from "./menu.js"

const FIRST = 6 // parameters that a card shows at once
const cards = new Map() // by name
let dragged = null

export function startChain() {
  dress($("add"), "plus", "Add effect")
  dress($("preset-load"), "folder", "Load")
  dress($("preset-save"), "download", "Save")
  dress($("command"), "copy", "Command")
  $("add").onclick = () => openMenu()
  $("preset-save").onclick = () => save("/api/preset", "gancam-preset.toml")
  $("preset-load").onclick = () => $("preset-file").click()
  $("preset-file").onchange = loadPreset
  $("command").onclick = copyCommand
  listen("state", showState)
  listen("stats", showStats)
}

async function loadPreset() {
  const [file] = $("preset-file").files
  $("preset-file").value = ""
  if (file && (await attempt("PUT", "/api/preset", file, { raw: true }))) toast(`${file.name} loaded`)
}

async function copyCommand() {
  const answer = await attempt("GET", "/api/command")
  if (!answer) return
  try {
    await navigator.clipboard.writeText(answer.command)
    toast(`Copied: ${answer.command}`)
  } catch {
    toast(answer.command)
  }
}

function showState({ effects }) {
  const names = effects.map((effect) => effect.name)
  for (const [name, card] of cards) if (!names.includes(name)) { card.node.remove(); cards.delete(name) }
  for (const effect of effects) {
    if (cards.has(effect.name) && cards.get(effect.name).model !== effect.model) { cards.get(effect.name).node.remove(); cards.delete(effect.name) }
    if (!cards.has(effect.name)) cards.set(effect.name, makeCard(effect))
    cards.get(effect.name).show(effect)
  }
  const added = fresh && names.find((name) => !cards.get(name).node.isConnected)
  const list = $("chain")
  list.querySelector(".empty")?.remove()
  if (!dragged) names.forEach((name, place) => {
    const { node } = cards.get(name)
    if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null)
  })
  if (added) cards.get(added).node.scrollIntoView({ block: "nearest", behavior: "smooth" }) // it stands below the others
  if (!names.length) list.append(el("li", { class: "empty" }, el("b", {}, "No effect yet"),
    el("span", {}, "The picture is shown as it comes. Add one, and every knob it has appears here.")))
  for (const id of ["preset-save", "command"]) $(id).disabled = !names.length
}

function showStats({ ms, status }) {
  for (const [name, card] of cards) {
    card.time.textContent = !ms[name] ? "" : `${ms[name] < 10 ? ms[name].toFixed(1) : Math.round(ms[name])} ms`
    card.time.title = status[name] || "Time of a frame"
  }
}

const remembered = new Set() // cards that are open

function makeCard(effect) {
  const { name } = effect
  const about = told.models.find((model) => model.name === effect.model)
  const all = told.effects[effect.effect] ?? [] // of which some do nothing with this model
  const declared = all.filter((entry) => entry.name in effect.defaults).map((entry) => ({ ...entry, default: effect.defaults[entry.name] }))
  const entries = [...declared.filter((entry) => entry.kind === "draw"), ...declared.filter((entry) => entry.kind !== "draw")]
  const controls = {}
  for (const entry of entries) controls[entry.name] = control(entry, effect, (value) => turn({ [`${name}.${entry.name}`]: value }))
  const nodes = entries.map((entry) => controls[entry.name].node)
  const more = nodes.length > FIRST + 2 ? nodes.splice(FIRST) : []
  const body = el("div", { class: "card-body", id: `card-${name}` }, el("p", { class: "error", role: "alert", hidden: true }),
    el("ul", { class: "notes", hidden: true }), ...nodes,
    more.length ? el("details", { class: "more" }, el("summary", {}, `${more.length} more settings`), ...more) : null,
    el("div", { class: "card-foot" }, button("trash", "Remove", { class: "button quiet danger",
      onclick: async () => { if (await attempt("DELETE", `/api/effects/${encodeURIComponent(name)}`)) $("add").focus({ preventScroll: true }) } })))
  const toggle = el("button", { type: "button", class: "card-title", "aria-controls": body.id,
    onclick: () => open(toggle.getAttribute("aria-expanded") !== "true") },
    el("b", {}, name), el("small", {}, about?.task ?? effect.effect))
  const time = el("span", { class: "time" })
  const power = el("input", { type: "checkbox", role: "switch", class: "switch", "aria-label": `${name} on`,
    onchange: () => turn({ [`${name}.on`]: power.checked }) })
  const grip = iconButton("grip", `Move ${name}: arrow up or down`, { class: "icon-button grip", onkeydown: (event) => moveByKey(event, name) })
  const node = el("li", { class: "card", "data-name": name }, el("div", { class: "card-head" }, grip, toggle, time, power), body)
  grip.addEventListener("pointerdown", (event) => drag(event, node, grip))
  const open = (on) => {
    toggle.setAttribute("aria-expanded", on)
    body.hidden = !on
    if (on) remembered.add(name); else remembered.delete(name)
  }
  open(remembered.has(name) || cards.size === 0 || fresh)
  const show = (now) => {
    power.checked = now.on
    node.classList.toggle("is-off", !now.on)
    say(body.querySelector(".error"), now.error)
    body.querySelector(".error").hidden = !now.error
    const notes = body.querySelector(".notes")
    notes.replaceChildren(...now.notes.slice(-2).map((note) => el("li", {}, note)))
    notes.hidden = !now.notes.length
    for (const [key, value] of Object.entries(now.values)) controls[key]?.show(value)
  }
  return { node, show, time, model: effect.model }
}

let fresh = false
/** Say that the cards to come are new ones, to be shown open. */
export function expectFresh(on) { fresh = on }

function moveByKey(event, name) {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key]
  if (!step) return
  event.preventDefault()
  const names = told.state.effects.map((effect) => effect.name)
  const from = names.indexOf(name)
  const to = from + step
  if (to < 0 || to >= names.length) return
  names.splice(from, 1)
  names.splice(to, 0, name)
  request("PUT", "/api/effects", { names }).then(() => {
    toast(`${name} is number ${to + 1} of ${names.length} now`)
    setTimeout(() => cards.get(name)?.node.querySelector(".grip").focus(), 60)
  }, (error) => toast(error.message, "error"))
}

/** Move a card with the pointer, mouse or finger, until that is let go. */
function drag(event, node, grip) {
  if (event.button !== 0) return
  event.preventDefault()
  grip.focus()
  grip.setPointerCapture(event.pointerId)
  const before = order().join("\n")
  dragged = node
  node.classList.add("dragged")
  const move = ({ clientY }) => {
    const over = [...$("chain").querySelectorAll(".card:not(.dragged)")]
      .find((card) => clientY < card.getBoundingClientRect().top + card.offsetHeight / 2) ?? null
    if (over !== node.nextSibling) $("chain").insertBefore(node, over)
  }
  const drop = async () => {
    grip.removeEventListener("pointermove", move)
    node.classList.remove("dragged")
    dragged = null
    const names = order()
    if (names.join("\n") !== before && !(await attempt("PUT", "/api/effects", { names })) && told.state) showState(told.state)
  }
  grip.addEventListener("pointermove", move)
  grip.addEventListener("lostpointercapture", drop, { once: true })
}

const order = () => [...$("chain").querySelectorAll(".card")].map((card) => card.dataset.name)
