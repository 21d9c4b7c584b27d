// Lets long names break after "_" and ".", and before a capital, never within a word.
// Calls in tables may also break before their arguments and between these.
"use strict"

document.addEventListener("DOMContentLoaded", () => {
  const places = ".bd-sidebar-primary a, .bd-sidebar-secondary a, .bd-article h1, .sig,"
    + " .autosummary td:first-child"
  for (const place of document.querySelectorAll(places)) {
    const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT)
    const texts = []
    while (walker.nextNode()) texts.push(walker.currentNode)
    for (const text of texts) {
      const parts = text.data.split(
        /(?<=_)(?=\w)|(?<=\.)(?=[A-Za-z_])|(?<=[a-z])(?=[A-Z])|(?<=\xa0)|(?=\()/
      )
      if (text.data.startsWith("(")) parts.unshift("")
      if (parts.length === 1) continue
      text.replaceWith(...parts.flatMap((part, i) =>
        i ? [document.createElement("wbr"), part] : [part]))
    }
  }
})
