// A parameter's declaration as the control that suits it. Nothing here knows any effect.
import { attempt, send } from "./api.js"
import { button, el, iconButton, toast } from "./dom.js"
import { icon } from "./icons.js"
import { choose } from "./overlay.js"
import { seedSheet } from "./seeds.js"

let count = 0

/**
 * Make the control of one parameter.
 *
 * entry: its declaration; effect: { name, model }; set(value): asks the server for it.
 * Gives { node, show(value) }; show leaves alone what the user is just changing.
 */
export function control(entry, effect, set) {
  const id = `control-${(count += 1)}`
  const context = { id, entry, effect, set, title: entry.name.replaceAll("_", " ") }
  const made = (MAKERS[kind(entry)])(context)
  const reset = iconButton("reset", `Reset ${context.title}`, { class: "icon-button small reset", onclick: () => set(entry.default) })
  const help = el("p", { class: "help", id: `${id}-help`, title: entry.help, onclick: () => help.classList.toggle("whole") }, entry.help)
  const label = made.grouped ? el("span", { class: "name", id: `${id}-label` }, context.title)
                             : el("label", { class: "name", for: id }, context.title)
  const node = el("div", { class: `control ${made.wide ? "wide" : ""} ${entry.kind === "draw" ? "draws" : ""}`, "data-parameter": entry.name },
    el("div", { class: "control-head" }, label, reset, made.head ?? null), made.node, help)
  return {
    node,
    show(value) {
      reset.style.visibility = value === entry.default ? "hidden" : "visible"
      made.show(value)
    },
  }
}

function kind(entry) {
  if (entry.kind === "draw") return "bool"
  if (entry.kind) return entry.kind
  if (entry.choices.length) return "choice"
  if (entry.type === "bool") return "bool"
  if (entry.type === "str") return "text"
  return entry.minimum !== null && entry.maximum !== null ? "slider" : "number"
}

const described = (id) => ({ id, "aria-describedby": `${id}-help` })

const MAKERS = {
  bool({ id, set, entry }) {
    const box = el("input", { type: "checkbox", role: "switch", class: "switch", ...described(id),
                              onchange: () => set(box.checked) })
    return { node: null, head: box, show: (value) => { box.checked = value } }
  },

  slider({ id, entry, set, title }) {
    const whole = entry.type === "int"
    const span = entry.maximum - entry.minimum
    const step = whole ? 1 : 10 ** Math.floor(Math.log10(span / 100))
    const limits = { min: entry.minimum, max: entry.maximum, step }
    let busy = false
    const range = el("input", { type: "range", ...described(id), ...limits,
      oninput: () => { number.value = range.value; fill(); set(Number(range.value)) },
      onpointerdown: () => { busy = true }, onpointerup: () => { busy = false }, onblur: () => { busy = false } })
    const number = el("input", { type: "number", class: "number", "aria-label": `${title}, number`, ...limits, step: whole ? 1 : "any",
      onchange: () => set(numberIn(number, entry)) })
    const fill = () => range.style.setProperty("--at", `${(100 * (range.value - entry.minimum)) / span}%`)
    const show = (value) => {
      if (!busy) { range.value = value; fill() }
      showNumber(number, value, entry)
    }
    return { node: range, head: unit(number, entry.unit), show }
  },

  number({ id, entry, set }) {
    const input = numberInput(id, entry, set)
    return { node: null, head: unit(input, entry.unit), show: (value) => showNumber(input, value, entry) }
  },

  seed({ id, entry, set, effect, title }) {
    const input = numberInput(id, entry, set)
    const dice = iconButton("dice", `Another ${title}`, { onclick: () => set(Math.floor(Math.random() * 10_000)) })
    const sheet = iconButton("sheet", `Choose ${title} from pictures`, {
      onclick: async () => { const [seed] = (await seedSheet(effect.model, [], false)) ?? []; if (seed !== undefined) set(seed) } })
    return { node: null, head: el("span", { class: "line" }, input, dice, sheet), show: (value) => showNumber(input, value, entry) }
  },

  seeds({ id, entry, set, effect }) {
    const input = textInput(id, entry, set)
    const sheet = button("sheet", "Choose pictures", {
      onclick: async () => {
        const chosen = await seedSheet(effect.model, input.value ? input.value.split("/").map(Number) : [], true)
        if (chosen) set(chosen.join("/"))
      } })
    return { wide: true, node: el("div", { class: "line" }, input, sheet), show: (value) => showText(input, value) }
  },

  choice({ id, entry, set }) {
    if (entry.choices.length > 4 || entry.choices.join("").length > 26) {
      const select = el("select", { ...described(id), onchange: () => set(select.value) },
        ...entry.choices.map((one) => el("option", { value: one }, one)))
      return { node: null, head: select, show: (value) => { select.value = value } }
    }
    const radios = entry.choices.map((one) =>
      el("input", { type: "radio", name: id, value: one, onchange: () => set(one) }))
    const group = el("div", { class: "segments", role: "radiogroup", "aria-labelledby": `${id}-label`, "aria-describedby": `${id}-help` },
      ...radios.map((radio, place) => el("label", {}, radio, el("span", {}, entry.choices[place]))))
    return { grouped: true, node: group, show: (value) => radios.forEach((one) => { one.checked = one.value === value }) }
  },

  text({ id, entry, set }) {
    const input = textInput(id, entry, set)
    return { wide: true, node: input, show: (value) => showText(input, value) }
  },

  colour({ id, entry, set, title }) {
    const text = textInput(id, entry, set)
    const well = el("input", { type: "color", "aria-label": `${title}, colour`, onchange: () => set(well.value) })
    const pipette = iconButton("pipette", `Take ${title} from the picture`, {
      onclick: async () => { const taken = await choose("colour"); if (taken) set(taken) } })
    return { wide: true, node: el("div", { class: "line" }, well, text, pipette), show: (value) => {
      showText(text, value)
      well.classList.toggle("none", !value)
      if (/^#[0-9a-f]{6}$/i.test(value)) well.value = value
    } }
  },

  region: (context) => placed(context, "place", "Place it on the picture"),
  box: (context) => placed(context, "box", "Draw a box on the picture"),
  polygon: (context) => placed(context, "polygon", "Draw a polygon on the picture"),

  file({ id, entry, set, title }) {
    let current = ""
    const list = el("select", { ...described(id), onfocus: fill, onpointerdown: fill, onchange: () => set(list.value) })
    const input = el("input", { type: "file", "aria-label": `${title}, another file`, title: "Another file", onchange: async () => {
      const [file] = input.files
      input.value = ""
      if (!file) return
      try { set((await send(file)).reference) } catch (error) { toast(error.message, "error") }
    } })
    const options = (references) => list.replaceChildren(el("option", { value: "" }, "None"),
      ...[...new Set([...entry.words, current, ...references])].filter(Boolean).map((one) => el("option", { value: one, selected: one === current }, one)))
    async function fill() {
      const found = []
      for (const root of (await attempt("GET", "/api/files"))?.roots ?? [])
        found.push(...((await attempt("GET", `/api/files/${encodeURIComponent(root)}`))?.entries ?? []))
      const references = found.filter((one) => one.kind !== "folder").map((one) => one.reference)
      if (references.join() !== list.dataset.filled) { list.dataset.filled = references.join(); options(references) }
    }
    const show = (value) => { if (value !== current || !list.options.length) { current = value; delete list.dataset.filled; options([]) } }
    return { wide: true, show, node: el("div", { class: "line" }, list,
      el("span", { class: "pick icon-button" }, icon("upload"), input)) }
  },

  "new-file"({ id, entry, set, title }) {
    const input = el("input", { type: "text", ...described(id), placeholder: "name.json", spellcheck: "false",
                                onchange: () => set(input.value.trim()) })
    const none = iconButton("clear", `No ${title}`, { onclick: () => set("") })
    return { wide: true, node: el("div", { class: "line" }, input, none),
             show: (value) => { showText(input, value.split("/").at(-1)); none.hidden = !value } }
  },
}

/** A text that stands for a place on the picture. */
function placed({ id, entry, set, title }, name, label) {
  const input = textInput(id, entry, set)
  const act = iconButton(name, `${label}: ${title}`, {
    onclick: async () => {
      const chosen = await choose(entry.kind, { value: input.value, change: set })
      if (chosen !== null) set(chosen)
    } })
  return { wide: true, node: el("div", { class: "line" }, input, act), show: (value) => showText(input, value) }
}

function textInput(id, entry, set) {
  const input = el("input", { type: "text", ...described(id), spellcheck: "false", autocomplete: "off", title: entry.form,
                              placeholder: entry.default === "" ? "none" : String(entry.default),
                              onchange: () => set(input.value.trim()) })
  return input
}

function numberInput(id, entry, set) {
  const step = entry.type === "int" ? 1 : "any"
  const input = el("input", { type: "number", class: "number", ...described(id), min: entry.minimum, max: entry.maximum, step,
                              onchange: () => set(numberIn(input, entry)) })
  return input
}

/** What a field holds; the default where that is nothing. */
const numberIn = (input, entry) => (input.value !== "" ? Number(input.value) : entry.below ? Math.max(entry.minimum, -1) : entry.default)

/** Write a number into its field; what is below 0 may have a word instead. */
function showNumber(input, value, entry) {
  input.placeholder = entry.below
  const text = entry.below && value < 0 ? "" : String(Number(Number(value).toPrecision(6)))
  if (document.activeElement !== input) input.value = text
}

function showText(input, value) {
  if (document.activeElement !== input || input.dataset.last === undefined) input.value = value
  else if (input.value !== String(value) && input.dataset.last !== String(value)) input.value = value
  input.dataset.last = String(value)
}

function unit(input, text) {
  return text ? el("span", { class: "line" }, input, el("span", { class: "unit" }, text)) : input
}
