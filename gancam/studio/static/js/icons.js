// Icons: strokes of 24 x 24, drawn for this page.
const PATHS = {
  camera: "M3 8.5A2.5 2.5 0 0 1 5.5 6h8A2.5 2.5 0 0 1 16 8.5v7a2.5 2.5 0 0 1-2.5 2.5h-8A2.5 2.5 0 0 1 3 15.5zM16 10.5l5-3v9l-5-3",
  device: "M4 5h16v10H4zM8 19h8M12 15v4",
  file: "M6 3h8l4 4v14H6zM14 3v4h4M10 11.5v5l4-2.5z",
  image: "M4 5h16v14H4zM4 16.5l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  stream: "M12 13a1 1 0 1 0 0-2 1 1 0 0 0 0 2zM8.5 15.5a5 5 0 0 1 0-7M15.5 8.5a5 5 0 0 1 0 7M5.6 18.4a9 9 0 0 1 0-12.8M18.4 5.6a9 9 0 0 1 0 12.8",
  test: "M4 5h16v14H4zM8 5v9M12 5v9M16 5v9M4 14h16",
  split: "M4 5h16v14H4zM12 3v18M7 9v6",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  mirror: "M12 3.5v3M12 10.5v3M12 17.5v3M8.5 7v10.5H3zM15.5 7v10.5H21z",
  snapshot: "M4 8h3l1.5-2.5h7L17 8h3v11H4zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
  record: "M12 18a6 6 0 1 0 0-12 6 6 0 0 0 0 12z",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  left: "M14.5 6l-6 6 6 6",
  right: "M9.5 6l6 6-6 6",
  more: "M6 9.5l6 6 6-6",
  trash: "M4.5 7h15M9 7V4.5h6V7M6.5 7l1 13h9l1-13M10.5 11v5.5M13.5 11v5.5",
  grip: "M9 6h.01M9 12h.01M9 18h.01M15 6h.01M15 12h.01M15 18h.01",
  reset: "M4.5 12a7.5 7.5 0 1 0 2.4-5.5L4.5 8.8M4.5 4.5v4.3h4.3",
  brush: "M20 4c-4 1-8.5 5-10.5 8.5l2 2C15 12.5 19 8 20 4zM9 13c-3 0-3.5 2.5-3.5 4.5L4 19.5c3 1 7.5.5 7-4.5",
  box: "M5 5h14v14H5z",
  eraser: "M9 19.5h10.5M5 14.5l8.5-9 5.5 5.5-8 8.5H8.5L5 16z",
  undo: "M8.5 5L4.5 9l4 4M4.5 9h9.5a5.5 5.5 0 0 1 0 11H9",
  clear: "M6 6l12 12M18 6L6 18",
  dice: "M5 5h14v14H5zM9 9h.01M15 15h.01M12 12h.01",
  place: "M4 4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 8V4M8.5 8.5h7v7h-7z",
  polygon: "M6 8l7-4 6 6-3 9-9-1z",
  folder: "M3.5 6.5h6l2 2.5h9v10h-17z",
  upload: "M12 16V5M7.5 9.5L12 5l4.5 4.5M5 19h14",
  download: "M12 5v11M7.5 11.5L12 16l4.5-4.5M5 19h14",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.5V5M12 19v2.5M2.5 12H5M19 12h2.5M5.3 5.3L7 7M17 17l1.7 1.7M18.7 5.3L17 7M7 17l-1.7 1.7",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  auto: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 3.5v17a8.5 8.5 0 0 0 0-17z",
  play: "M8 5.5v13l10-6.5z",
  pause: "M8.5 6v12M15.5 6v12",
  stop: "M7 7h10v10H7z",
  sheet: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  pipette: "M14 6l4 4M11.5 8.5l4 4L8 20H4v-4zM15 5l1.5-1.5a2 2 0 0 1 3 3L18 9",
}

/** An icon as an SVG element, hidden from screen readers: what carries it has a label. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("viewBox", "0 0 24 24")
  svg.setAttribute("class", `icon icon-${name}`)
  svg.setAttribute("aria-hidden", "true")
  const path = document.createElementNS(svg.namespaceURI, "path")
  path.setAttribute("d", PATHS[name])
  svg.append(path)
  return svg
}
