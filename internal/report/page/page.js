"use strict";
(() => {
  const filter = document.getElementById("filter"), says = document.getElementById("filtered");
  const tables = [...document.querySelectorAll("table.acts")];
  const rows = tables.flatMap(table => [...table.tBodies[0].rows]);
  const texts = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));

  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every(word => texts.get(row).includes(word));
      shown += !row.hidden;
    }
    says.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  };

  const value = (row, column) => {
    const cell = row.cells[column], time = cell.querySelector("time");
    return time ? time.dateTime : cell.textContent;
  };

  const sort = (table, heading) => {
    const down = heading.getAttribute("aria-sort") === "ascending", column = heading.cellIndex;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = [...table.tBodies[0].rows].map(row => [value(row, column), row]);
    keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1));
    table.tBodies[0].append(...keyed.map(([, row]) => row));
  };

  for (const table of tables) {
    for (const heading of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(table, heading));
    }
  }
  if (rows.length > 1) filter.form.hidden = false;
  filter.form.addEventListener("submit", event => event.preventDefault());
  filter.addEventListener("input", show);
})();
