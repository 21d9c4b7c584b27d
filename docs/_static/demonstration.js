// Draws the maps of the demonstration, and moves their points from one training to
// another. The data are in demonstration_data.js, which is written with the pages.
"use strict"

document.addEventListener("DOMContentLoaded", () => {
  const root = document.getElementById("demonstration")
  const data = window.demonstrationData
  if (!root || !data) return

  const MILLISECONDS = 700
  const MARGIN = 0.04
  const still = window.matchMedia("(prefers-reduced-motion: reduce)")

  const seed = root.querySelector("#demonstration-seed")
  const leftOut = root.querySelector("#demonstration-left-out")
  const seedName = root.querySelector("output")
  seed.max = data.seeds.length - 1
  for (const name of data.leftOut) leftOut.add(new Option(name))

  const panels = data.methods.map(method => {
    const figure = document.createElement("figure")
    const canvas = document.createElement("canvas")
    canvas.setAttribute("role", "img")
    const caption = document.createElement("figcaption")
    const name = document.createElement("strong")
    name.textContent = method.name
    const moved = document.createElement("span")
    caption.append(name, moved)
    figure.append(canvas, caption)
    root.querySelector(".maps").append(figure)
    return { method, canvas, moved, points: method.maps[0] }
  })

  const chosen = () => Number(seed.value) * data.leftOut.length + leftOut.selectedIndex

  function draw({ canvas, points }) {
    const width = canvas.clientWidth * window.devicePixelRatio
    if (canvas.width !== Math.round(width)) {
      canvas.width = canvas.height = Math.round(width)
    }
    const context = canvas.getContext("2d")
    context.clearRect(0, 0, canvas.width, canvas.height)
    context.globalAlpha = 0.75
    const scale = (canvas.width * (1 - 2 * MARGIN)) / data.resolution
    const radius = Math.max(canvas.width / 170, 1)
    points.forEach(([x, y], i) => {
      context.fillStyle = data.colors[data.labels[i]]
      context.beginPath()
      context.arc(
        MARGIN * canvas.width + scale * x,
        (1 - MARGIN) * canvas.width - scale * y,
        radius, 0, 2 * Math.PI
      )
      context.fill()
    })
  }

  const percent = value => {
    if (value < 0.005) return value > 0 ? "less than 0.01 %" : "0 %"
    return `${value.toPrecision(value < 100 ? 2 : 3)} %`
  }

  function explain({ method, canvas, moved }, i) {
    const { raw, aligned } = method.moved[i]
    moved.textContent = i
      ? `moved by ${percent(raw)} of its variance, ${percent(aligned)} after the best` +
        " rigid alignment"
      : "the first training"
    canvas.setAttribute("aria-label", `Map by ${method.name}: ${moved.textContent}`)
  }

  let frame = 0
  function show() {
    const i = chosen()
    seedName.textContent = data.seeds[Number(seed.value)]
    panels.forEach(panel => explain(panel, i))
    const starts = panels.map(panel => panel.points)
    const ends = panels.map(panel => panel.method.maps[i])
    const begin = performance.now()
    cancelAnimationFrame(frame)
    const step = now => {
      // A frame may have begun before its request.
      const passed = Math.max((now - begin) / MILLISECONDS, 0)
      const part = still.matches ? 1 : Math.min(passed, 1)
      const eased = part ** 2 * (3 - 2 * part)
      panels.forEach((panel, k) => {
        panel.points = part === 1 ? ends[k] : starts[k].map(([x, y], j) => [
          x + eased * (ends[k][j][0] - x),
          y + eased * (ends[k][j][1] - y),
        ])
        draw(panel)
      })
      if (part < 1) frame = requestAnimationFrame(step)
      else root.dataset.shown = i
    }
    frame = requestAnimationFrame(step)
  }

  seed.addEventListener("input", show)
  leftOut.addEventListener("change", show)
  new ResizeObserver(() => panels.forEach(draw)).observe(root)
  show()
})
