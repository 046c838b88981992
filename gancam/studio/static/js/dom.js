// Small help with elements.
import { icon } from "./icons.js"

export const $ = (id) => document.getElementById(id)

/** Make an element: el("button", { class: "x", onclick }, "text", child). */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") && typeof value === "boolean") made.setAttribute(name, String(value))
    else if (value === undefined || value === null || value === false) continue
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value)
    else if (name === "value" || name === "checked" || name === "indeterminate") made[name] = value
    else made.setAttribute(name, value === true ? "" : value)
  }
  made.append(...children.filter((child) => child !== null && child !== undefined))
  return made
}

/** A button with an icon and a text. */
export function button(name, text, properties = {}) {
  return el("button", { type: "button", class: "button", ...properties }, icon(name), el("span", {}, text))
}

/** A button that is an icon only; the label is what screen readers and the tooltip say. */
export function iconButton(name, label, properties = {}) {
  return el("button", { type: "button", class: "icon-button", "aria-label": label, title: label, ...properties }, icon(name))
}

/** Put an icon (and a text) into a button of the page. */
export function dress(target, name, text) {
  target.type = "button"
  target.replaceChildren(icon(name), ...(text ? [el("span", {}, text)] : []))
  const label = target.getAttribute("aria-label")
  const key = target.getAttribute("aria-keyshortcuts")
  if (label && !text) target.title = key ? `${label} (${key})` : label
}

/** Lay a part of the page over sheets that are open and over a picture that fills the screen. */
export function raise(part) {
  if (!part.showPopover) return // an older browser, where it lies below them
  if (part.matches(":popover-open")) part.hidePopover()
  part.showPopover()
}

/** Tell the user something for a while; with a `bar` of progress until the function that is given is called, or `stop`. */
export function toast(text, kind = "note", bar = null, stop = null) {
  if (kind === "error" && [...$("toasts").children].some((one) => one.textContent === text)) return // it is still there to read
  const box = el("div", { class: `toast ${kind}` }, el("span", {}, text, bar))
  const gone = () => box.remove()
  box.append(iconButton("close", stop ? "Stop" : "Dismiss", { onclick: stop ?? gone }))
  $("toasts").append(box)
  raise($("toasts"))
  while ($("toasts").children.length > 4) $("toasts").firstChild.remove()
  if (!bar) setTimeout(gone, Math.max(kind === "error" ? 9000 : 4000, 70 * text.length))
  return gone
}

/** Have files that are dropped beside what takes them ignored: the browser would open them instead of the page. */
export function ignoreStrayDrops() {
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => {
    if (event.defaultPrevented || event.target.closest?.("input")) return
    event.preventDefault()
    event.dataTransfer.dropEffect = "none"
  })
}

/** The files that were dropped, of folders those that may be videos or images, by name. Only while the event is heard. */
export function droppedFiles({ items }) {
  const found = [...items].map((item) => {
    const entry = item.webkitGetAsEntry()
    return entry ? filesIn(entry) : item.getAsFile() // the second of what a script made, and null of a text
  })
  return Promise.all(found).then((files) => files.flat().filter(Boolean))
}

async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))]
  const reader = entry.createReader()
  const inside = []
  for (let some = null; !some || some.length; inside.push(...some)) // which gives a hundred at a time
    some = await new Promise((done, failed) => reader.readEntries(done, failed))
  const seen = inside.filter(({ name }) => !name.startsWith(".")).sort((one, other) => (one.name < other.name ? -1 : 1))
  const files = (await Promise.all(seen.map(filesIn))).flat()
  return files.filter(({ type }) => /^(image|video)\/|^$/.test(type)) // browsers do not know all of them
}

/** Give an alert its text, if that is another: screen readers read it aloud whenever it is set. */
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text
}

/** Whether a key belongs to what the user is typing into, or to a sheet over the page. */
export function isTyping(event) {
  return Boolean(event.target.closest("input:not([type=checkbox], [type=radio], [type=range]), select, textarea, dialog"))
}
