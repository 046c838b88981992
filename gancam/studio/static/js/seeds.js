// A sheet of a generator's pictures, by seed, to choose from.
import { el, iconButton } from "./dom.js"

const PAGE = 24

/** Let the user choose seeds (several, in order, or one); null where nothing was chosen. */
export function seedSheet(model, chosen, several) {
  let first = 0
  let pickOne = () => {}
  let picked = [...chosen]
  const grid = el("ul", { class: "seeds" })
  const order = el("p", { class: "quiet-text", role: "status" })
  const done = el("button", { class: "button accent", type: "button" }, "Use these")
  const sheet = el("dialog", { class: "sheet wide", "aria-label": "Pictures by seed" },
    el("div", { class: "sheet-head" }, el("h2", {}, several ? "Keyframes" : "Seed"),
      iconButton("close", "Close", { onclick: () => sheet.close() })),
    el("div", { class: "sheet-body" }, grid,
      el("div", { class: "line spread" },
        el("span", { class: "line" },
          iconButton("left", "Earlier seeds", { onclick: () => { first = Math.max(first - PAGE, 0); fill() } }),
          iconButton("right", "Later seeds", { onclick: () => { first += PAGE; fill() } })),
        several ? order : null, several ? done : null)))
  const mark = () => {
    order.textContent = picked.length ? picked.join(" → ") : "Choose pictures in the order in which they come"
    for (const tile of grid.querySelectorAll("button")) {
      const places = picked.flatMap((seed, place) => (String(seed) === tile.dataset.seed ? [place + 1] : []))
      tile.setAttribute("aria-pressed", places.length > 0)
      tile.querySelector("b").textContent = places.join(", ")
    }
  }
  const fill = () => {
    grid.replaceChildren(...Array.from({ length: PAGE }, (_, place) => {
      const seed = first + place
      const image = el("img", { src: `/api/seeds/${encodeURIComponent(model)}/${seed}`, alt: "", width: 96, height: 96, loading: "lazy" })
      return el("li", {}, el("button", { type: "button", "data-seed": seed, "aria-label": `Seed ${seed}`,
        onclick: () => pick(seed) }, image, el("b", {}), el("small", {}, String(seed))))
    }))
    mark()
  }
  return new Promise((resolve) => {
    let result = null
    pickOne = (seed) => { result = [seed]; sheet.close() }
    done.onclick = () => { result = picked; sheet.close() }
    sheet.addEventListener("close", () => { sheet.remove(); resolve(result) })
    document.body.append(sheet)
    sheet.showModal()
    fill()
  })

  function pick(seed) {
    if (!several) { pickOne(seed); return }
    picked = picked.includes(seed) ? picked.filter((one) => one !== seed) : [...picked, seed]
    mark()
  }
}

