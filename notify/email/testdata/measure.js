// Measures every mail on the page once all are loaded, and leaves what it found
// in the page's title, as JSON in base64.
function luminance([r, g, b]) {
  const [x, y, z] = [r, g, b].map((c) => {
    c /= 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}

function colour(text) {
  return text.match(/[\d.]+/g).map(Number);
}

function background(element, view) {
  for (; element; element = element.parentElement) {
    const c = colour(view.getComputedStyle(element).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c.slice(0, 3);
  }
  return [255, 255, 255];
}

// contrast is as https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio has it.
function contrast(element, view) {
  const front = luminance(colour(view.getComputedStyle(element).color).slice(0, 3));
  const back = luminance(background(element, view));
  return (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
}

function hasText(element) {
  return [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim() !== "");
}

function copied(element, view) {
  if (!element) return "";
  view.getSelection().selectAllChildren(element);
  const text = view.getSelection().toString();
  view.getSelection().removeAllRanges();
  return text;
}

function measure(frame) {
  const view = frame.contentWindow, page = frame.contentDocument;
  const texts = [...page.body.querySelectorAll("*")].filter(hasText);
  frame.style.height = page.documentElement.scrollHeight + "px";
  const band = page.querySelector(".band");
  return {
    width: view.innerWidth,
    needed: page.documentElement.scrollWidth,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    page: luminance(background(page.querySelector(".card"), view)),
    fetched: view.performance.getEntriesByType("resource").map((r) => r.name),
    faint: texts.filter((e) => contrast(e, view) < 4.5).map((e) => e.textContent),
    small: texts.filter((e) => parseFloat(view.getComputedStyle(e).fontSize) < 13).map((e) => e.textContent),
    fold: band.getBoundingClientRect().bottom + page.querySelector("h1").offsetHeight,
    command: copied(page.querySelector("pre"), view),
  };
}

addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(measure);
  document.title = btoa(unescape(encodeURIComponent(JSON.stringify(found))));
});
