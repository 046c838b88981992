// The queue of what is processed: progress, pause, go on, fetch, and what was kept.
import { attempt } from "./api.js"
import { compare } from "./compare.js"
import { $, button, dress, el, toast } from "./dom.js"
import { icon } from "./icons.js"

let watching = false
let timer = null
let asked = 0
let done = new Set()
let finished = () => {}
let known = [] // as they were told last, the oldest first
const opened = new Map() // tables of verify by job

export function startJobs(onDone) {
  finished = onDone
  $("jobs-fetch").append(icon("download"), el("span", {}, "Download all"))
  dress($("jobs-pause"), "pause", "Pause all")
  dress($("jobs-resume"), "play", "Go on with all")
  dress($("jobs-clear"), "close", "Clear done")
  $("jobs-pause").onclick = async () => {
    for (const state of ["waiting", "running"]) // so that none begins meanwhile
      await each(state, (job) => attempt("POST", `/api/jobs/${job.number}/pause`))
  }
  $("jobs-resume").onclick = () => each("paused", (job) => attempt("POST", `/api/jobs/${job.number}/resume`))
  $("jobs-clear").onclick = () => each("done", (job) => attempt("DELETE", `/api/jobs/${job.number}`))
}

/** Do something with all jobs that are in a state, the oldest first. */
async function each(wanted, act) {
  for (const job of known.filter(({ state }) => state === wanted)) if (!(await act(job))) break
  poll()
}

/** Ask for the queue every second while somebody looks. */
export function watchJobs(on) {
  watching = on
  clearTimeout(timer)
  if (on) poll()
}

async function poll() {
  const mine = (asked += 1)
  clearTimeout(timer)
  const answer = await attempt("GET", "/api/jobs")
  if (mine !== asked) return // somebody asked anew, who goes on asking
  if (answer) show(answer.jobs)
  const busy = answer?.jobs.some((job) => job.state === "running" || job.state === "waiting")
  if (watching) timer = setTimeout(poll, busy ? 700 : 4000)
}

/** Those that are to be made first, in their order; then the others, the newest first. */
function inOrder(jobs) {
  const under = ["running", "waiting", "paused"]
  return [...under.flatMap((state) => jobs.filter((job) => job.state === state)),
          ...jobs.filter(({ state }) => !under.includes(state)).toReversed()]
}

/** Say of a queue of several how many are in which state, and offer what acts on several. */
function summarise(jobs) {
  const count = (wanted) => jobs.filter(({ state }) => state === wanted).length
  const parts = Object.keys(WORDS).filter((state) => count(state)).map((state) => `${count(state)} ${WORDS[state].toLowerCase()}`)
  $("jobs-summary").textContent = jobs.length > 1 ? parts.join(" · ") : ""
  $("jobs-fetch").hidden = jobs.filter(({ state, trial }) => state === "done" && !trial).length < 2
  $("jobs-pause").hidden = count("waiting") + count("running") < 2
  $("jobs-resume").hidden = count("paused") < 2
  $("jobs-clear").hidden = count("done") < 2
}

function show(jobs) {
  known = jobs
  summarise(jobs)
  const now = new Set(jobs.filter((job) => job.state === "done").map((job) => job.number))
  if ([...now].some((number) => !done.has(number))) finished()
  const tried = jobs.find((job) => now.has(job.number) && job.number === sessionStorage.getItem("trial"))
  if (tried) {
    sessionStorage.removeItem("trial")
    if (watching && !document.querySelector("dialog[open]")) look(tried)
  }
  done = now
  $("jobs-section").hidden = !jobs.length
  const list = $("jobs-list")
  const rows = inOrder(jobs).map((job) => {
    const old = list.querySelector(`[data-job="${job.number}"]`)
    const text = JSON.stringify({ ...job, frame: 0, eta: null, seconds: 0, doing: "" })
    if (old?.dataset.text === text) { refresh(old, job); return old } // a button that is made anew loses the press that is under way
    const focus = old?.contains(document.activeElement) ? document.activeElement.dataset.act : null
    const row = make(job)
    row.dataset.text = text
    if (focus) queueMicrotask(() => row.querySelector(`[data-act="${focus}"], [data-act]`)?.focus())
    return row
  })
  if (rows.length === list.children.length && rows.every((row, place) => list.children[place] === row)) return
  const focused = document.activeElement // which moves with its row, and loses the focus by that
  const place = [...list.children].findIndex((row) => row.contains(focused))
  list.replaceChildren(...rows)
  if (list.contains(focused)) focused.focus()
  else if (place >= 0) (rows[Math.min(place, rows.length - 1)] ?? $("files-drop")).querySelector("[data-act], input").focus()
}

const WORDS = { waiting: "Waiting", running: "Processing", paused: "Paused", done: "Done", failed: "Failed" }
const time = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`)

const share = (job) => (job.frames ? Math.min(job.frame / job.frames, 1) : 0)

/** Say through which effects a job goes, and how far it is. */
function about(job) {
  const effects = job.options.filter((_, place) => job.options[place - 1] === "-e").map((text) => text.split(":")[0])
  const frames = job.frames > 1 ? `${job.frame} of ${job.frames} frames` : "" // a picture is one
  const said = { running: job.doing ? job.doing : share(job) === 1 && job.frames > 1 ? "finishing" : job.eta === null ? frames : `${Math.round(100 * share(job))} %, ${time(job.eta)} left`,
                 paused: frames, done: `in ${time(job.seconds)}` }[job.state] ?? ""
  return [effects.join(" → "), said].filter(Boolean).join(" · ")
}

const look = (job) => compare(job).catch((error) => toast(error.message, "error"))

function refresh(row, job) {
  row.querySelector("header small").textContent = about(job)
  const bar = row.querySelector("progress")
  if (bar) bar.value = share(job)
}

/** Remove a job; what it made is deleted with it, unless it is done. */
async function remove(job, row) {
  const begun = job.state !== "done" && row.querySelector("progress").value > 0
  if (begun && !confirm(`Remove ${job.name}, and delete what is processed of it?`)) return
  await attempt("DELETE", `/api/jobs/${job.number}`)
  poll()
}

function make(job) {
  const act = (name) => async () => { await attempt("POST", `/api/jobs/${job.number}/${name}`); poll() }
  const acts = []
  if (job.state === "running" || job.state === "waiting") acts.push(button("pause", "Pause", { class: "button small", "data-act": "pause", onclick: act("pause") }))
  if (job.state === "paused") acts.push(button("play", "Go on", { class: "button small", "data-act": "resume", onclick: act("resume") }))
  if (job.state === "failed") acts.push(button("reset", "Try again", { class: "button small", "data-act": "resume", onclick: act("resume") }))
  if (job.state === "done" && job.target) {
    acts.push(el("a", { class: "button small accent", href: `/api/downloads/${job.target.split("/").map(encodeURIComponent).join("/")}`, download: "", "data-act": "fetch" },
      icon("download"), el("span", {}, "Download")))
    acts.push(el("a", { class: "button small", href: `/api/downloads/${job.target.split("/").map(encodeURIComponent).join("/")}?show=1`, target: "_blank", rel: "noopener", "data-act": "show" },
      icon("full"), el("span", {}, "Open")))
    if (job.source) acts.push(button("split", "Compare", { class: "button small", "data-act": "compare", onclick: () => look(job) }))
    acts.push(button("eye", "What was kept", { class: "button small", "data-act": "verify", "aria-expanded": opened.has(job.number), onclick: () => verify(job) }))
  }
  acts.push(button("trash", "Remove", { class: "button small quiet danger", "data-act": "remove",
    onclick: () => remove(job, row) }))
  for (const one of acts) one.setAttribute("aria-describedby", `job-${job.number}`) // which file they are of
  const row = el("li", { class: `job ${job.state}`, "data-job": job.number },
    el("header", {}, el("b", { id: `job-${job.number}` }, job.trial ? `${job.name}, tried` : job.name), el("span", { class: `verdict ${{ done: "ok", failed: "problem" }[job.state] ?? ""}` }, WORDS[job.state]), el("small", {}, about(job))),
    job.state === "done" ? null : el("progress", { max: 1, value: share(job), "aria-label": `Progress of ${job.name}` }),
    job.error ? el("p", { class: "error" }, job.error) : null,
    ...job.notes.map((note) => el("p", { class: "quiet-text" }, note)),
    el("footer", {}, ...acts), opened.get(job.number) ?? null)
  return row
}

async function verify(job) {
  if (opened.has(job.number)) opened.delete(job.number)
  else {
    const answer = await attempt("GET", `/api/jobs/${job.number}/verify`)
    if (!answer) return
    opened.set(job.number, el("div", { class: "table", tabindex: 0, role: "region", "aria-label": `What ${job.name} kept` }, el("table", {},
      el("thead", {}, el("tr", {}, ...["Property", "", "Before", "After"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...answer.differences.map((one) => el("tr", {}, el("th", { scope: "row" }, one.name),
        el("td", {}, el("span", { class: `verdict ${{ kept: "ok", lost: "problem" }[one.verdict] ?? ""}` }, one.verdict)),
        el("td", {}, one.before), el("td", {}, one.after)))))))
  }
  const row = $("jobs-list").querySelector(`[data-job="${job.number}"]`)
  if (row) row.dataset.text = ""
  poll()
}
