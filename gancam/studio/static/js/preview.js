// A frame of the chosen file before and after, and the timeline on which a range is picked.
import { $ } from "./dom.js"

const encoded = (reference) => reference.split("/").map(encodeURIComponent).join("/")
const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`

export function startPreview() {
  let reference = null
  let facts = null
  let effects = ""
  let shown = "" // the address of the frame before the effects
  let at = 0
  let range = [0, 0]
  let asked = 0
  let asking = new AbortController()
  const before = $("preview-before")
  const after = $("preview-after")

  function place(share) {
    $("preview").style.setProperty("--split", `${100 * Math.min(Math.max(share, 0), 1)}%`)
  }
  for (const name of ["pointerdown", "pointermove"]) $("preview").addEventListener(name, (event) => {
    const box = $("preview").getBoundingClientRect()
    place((event.clientX - box.left) / box.width)
  })
  $("preview-split").oninput = (event) => place(event.target.value / 100)

  /** Take away what the effects made: it is of another picture. */
  function forget() {
    $("preview").classList.add("plain")
    if (after.src?.startsWith("blob:")) URL.revokeObjectURL(after.src)
    after.removeAttribute("src")
  }

  /** Fetch the frame at `at` and what the effects make of it; the newest question counts. */
  async function look() {
    if (!reference) return
    const mine = (asked += 1)
    asking.abort() // so that the server makes none that nobody waits for
    asking = new AbortController()
    await new Promise((later) => setTimeout(later, 120))
    if (mine !== asked || $("panel-files").hidden) return
    const query = `?at=${at.toFixed(3)}`
    const frame = `/api/frames/${encoded(reference)}${query}`
    if (frame !== shown || effects === "[]") forget()
    before.src = shown = frame
    $("preview-error").hidden = true
    $("preview").classList.toggle("working", effects !== "[]")
    if (effects === "[]") return
    const fetched = fetch(`/api/previews/${encoded(reference)}${query}&effects=${asked}`, { signal: asking.signal })
    const gone = () => new Response('{"error": "the studio does not answer: is it still running?"}', { status: 503 })
    const answer = await fetched.catch(gone)
    if (mine !== asked) return
    $("preview").classList.remove("working")
    const error = answer.ok ? "" : (await answer.json().catch(() => ({}))).error ?? "no preview"
    const made = answer.ok ? await answer.blob().catch(() => null) : null
    if (mine !== asked) return
    $("preview-error").textContent = error
    $("preview-error").hidden = !error
    if (!made) return forget()
    const old = after.src
    after.src = URL.createObjectURL(made)
    if (old?.startsWith("blob:")) URL.revokeObjectURL(old)
    $("preview").classList.remove("plain")
  }

  function show() {
    if (!facts) return
    const [first, end] = range
    const whole = facts.seconds || 1
    $("range-first").max = $("range-end").max = $("range-at").max = whole
    $("range-first").value = first
    $("range-end").value = end
    $("range-at").value = at
    $("timeline").style.setProperty("--first", `${(100 * first) / whole}%`)
    $("timeline").style.setProperty("--end", `${(100 * end) / whole}%`)
    $("timeline").style.setProperty("--at", `${(100 * at) / whole}%`)
    $("range-text").textContent = first > 0 || end < whole ? `${clock(first)} – ${clock(end)} of ${clock(whole)}` : `all ${clock(whole)}`
    $("at-text").textContent = clock(at)
  }

  $("range-first").oninput = () => { range[0] = Math.min(Number($("range-first").value), range[1] - 0.1); at = range[0]; show(); look() }
  $("range-end").oninput = () => { range[1] = Math.max(Number($("range-end").value), range[0] + 0.1); at = range[1]; show(); look() }
  $("range-at").oninput = () => { at = Number($("range-at").value); show(); look() }

  // by the keyboard a hundredth of the video, with Shift a tenth of a second; the step of a pointer would take all day
  for (const id of ["range-first", "range-end", "range-at"]) $(id).addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key]
    if (!step) return
    event.preventDefault()
    $(id).value = Number($(id).value) + step * (event.shiftKey ? 0.1 : Math.max(facts.seconds / 100, 0.1))
    $(id).oninput()
  })

  addEventListener("section", ({ detail }) => detail === "files" && look()) // the effects may be others now
  return {
    show(name, about) {
      reference = name
      facts = about
      at = about.seconds / 3
      range = [0, about.seconds]
      $("timeline").hidden = about.kind !== "video"
      if (about.kind === "video") $("strip").src = `/api/strips/${encoded(name)}?count=14`
      $("preview").style.setProperty("--shape", about.size[0] / about.size[1])
      before.removeAttribute("src")
      forget()
      place(0.5)
      show()
      look()
    },
    effects(text) {
      if (text === effects) return
      effects = text
      look()
    },
    /** The seconds of the frame that is shown. */
    at: () => at,
    /** The frame that is shown, as a question of an address. */
    frame: () => `?${new URLSearchParams({ reference, at: at.toFixed(3) })}`,
    range: () => ({ start: range[0] > 0.05 ? range[0] : 0, end: facts && range[1] < facts.seconds - 0.05 ? range[1] : 0 }),
  }
}
