// Measures the pages in the frames, uses the one whose scripts may run, and
// leaves what it found in the title, as JSON in base64.
function luminance([r, g, b]) {
  const [x, y, z] = [r, g, b].map((c) => {
    c /= 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}

const colour = (text) => text.match(/[\d.]+/g).map(Number);

function background(element, view) {
  for (; element; element = element.parentElement) {
    const c = colour(view.getComputedStyle(element).backgroundColor);
    if (c.length === 3 || c[3] > 0) return luminance(c);
  }
  return luminance(view.matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255]);
}

// contrast is as https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio has it.
function contrast(front, back) {
  return (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
}

const shown = (element) => element.getClientRects().length > 0 && element.getBoundingClientRect().right > 0;
const texts = (page) => [...page.body.querySelectorAll("*")].filter((e) =>
  !["SCRIPT", "title", "desc"].includes(e.tagName) && shown(e) && [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim() !== ""));

// outside are the elements that stick out and cannot be scrolled to.
function outside(page, width) {
  return [...page.body.querySelectorAll("*")].filter((e) => shown(e) && !e.closest(".wide") && e.getBoundingClientRect().right > width + 1).map((e) => e.outerHTML.slice(0, 100));
}

function measure(frame) {
  const view = frame.contentWindow, page = frame.contentDocument;
  const style = (e) => view.getComputedStyle(e);
  return {
    width: view.innerWidth,
    needed: page.documentElement.scrollWidth,
    outside: outside(page, view.innerWidth),
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    page: background(page.body, view),
    fetched: view.performance.getEntriesByType("resource").map((r) => r.name),
    faint: texts(page).filter((e) => contrast(luminance(colour(style(e).color)), background(e, view)) < 4.5).map((e) => e.textContent),
    dim: [...page.querySelectorAll("rect")].filter((e) => contrast(luminance(colour(style(e).fill)), background(page.body, view)) < 3).length,
    small: texts(page).filter((e) => parseFloat(style(e).fontSize) < 12).map((e) => e.textContent),
    controls: shown(page.getElementById("filter")) || page.querySelector("th button") !== null,
    rows: page.querySelectorAll(".acts tbody tr").length,
  };
}

const visible = (table) => [...table.querySelectorAll("tbody tr")].filter(shown).map((row) => row.querySelector(".when code").textContent);

// use sorts and filters the grants as a person would.
function use(page) {
  const table = page.querySelector("#grants table"), [when, , who] = table.querySelectorAll("th button");
  const said = () => [...table.querySelectorAll("th")].map((h) => h.getAttribute("aria-sort")).join();
  const steps = [];
  const note = () => steps.push({ rows: visible(table).slice(0, 4), sorted: said(), filtered: page.getElementById("filtered").textContent });
  const filter = page.getElementById("filter");
  const type = (text) => {
    filter.value = text;
    filter.dispatchEvent(new page.defaultView.Event("input"));
    note();
  };
  note();
  for (const button of [when, who, who, when]) {
    button.click();
    note();
  }
  type("GRANTED shared");
  type("no such thing");
  type("");
  when.focus();
  steps.push({ rows: [page.activeElement.tagName], sorted: "", filtered: "" });
  return steps;
}

addEventListener("load", () => {
  const frames = [...document.querySelectorAll("iframe")];
  const found = { views: frames.map(measure), steps: use(frames[0].contentDocument) };
  document.title = btoa(unescape(encodeURIComponent(JSON.stringify(found))));
});
