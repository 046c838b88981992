// The page: its sections, its theme, and what begins it all.
import { loadModels } from "./api.js"
import { startCamera } from "./camera.js"
import { startChain } from "./chain.js"
import { startCompare } from "./compare.js"
import { $, dress, ignoreStrayDrops } from "./dom.js"
import { startFiles } from "./files.js"
import { startMenu } from "./menu.js"
import { startModels } from "./models.js"
import { startOverlay } from "./overlay.js"
import { connect } from "./socket.js"
import { startSources } from "./sources.js"
import { startStage } from "./stage.js"

const TABS = ["live", "files", "models"]

/** The section that the address names. */
const named = () => TABS.find((name) => location.hash === `#${name}`) ?? "live"

function show(name, focus = false) {
  for (const tab of TABS) {
    const chosen = tab === name
    $(`tab-${tab}`).setAttribute("aria-selected", chosen)
    $(`tab-${tab}`).tabIndex = chosen ? 0 : -1
    $(`panel-${tab}`).hidden = !chosen
  }
  if (focus) $(`tab-${name}`).focus()
  if (named() !== name) history.pushState(null, "", `#${name}`) // so that the browser's Back leads to the section before
  dispatchEvent(new CustomEvent("section", { detail: name }))
}

function startTabs() {
  TABS.forEach((name, place) => {
    const tab = $(`tab-${name}`)
    tab.type = "button"
    tab.onclick = () => show(name)
    tab.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
      const to = step ? (place + step + TABS.length) % TABS.length : { Home: 0, End: TABS.length - 1 }[event.key]
      if (to !== undefined) { event.preventDefault(); show(TABS[to], true) }
    }
  })
  show(named())
  addEventListener("back", () => show(TABS.find((name) => !$(`panel-${name}`).hidden))) // its lists are read anew
  addEventListener("hashchange", () => show(named()))
}

const THEMES = { auto: "as the system has it", light: "light", dark: "dark" }

function startTheme() {
  let theme = localStorage.getItem("theme")
  if (!(theme in THEMES)) theme = "auto"
  const apply = () => {
    if (theme === "auto") delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
    $("theme").setAttribute("aria-label", `Theme: ${THEMES[theme]}`)
    dress($("theme"), { auto: "auto", light: "sun", dark: "moon" }[theme])
  }
  $("theme").onclick = () => {
    const names = Object.keys(THEMES)
    theme = names[(names.indexOf(theme) + 1) % names.length]
    localStorage.setItem("theme", theme)
    apply()
  }
  apply()
}

function startSheets() {
  for (const sheet of document.querySelectorAll("dialog.sheet")) {
    const close = sheet.querySelector("[data-close]")
    dress(close, "close")
    close.onclick = () => sheet.close()
    sheet.addEventListener("pointerdown", (event) => event.target === sheet && sheet.close())
  }
}

ignoreStrayDrops()
startTheme()
startTabs()
startSheets()
startStage()
startOverlay()
startSources()
startCamera()
startMenu()
startChain()
startModels()
startFiles()
startCompare()
addEventListener("back", loadModels)
await loadModels()
connect()
