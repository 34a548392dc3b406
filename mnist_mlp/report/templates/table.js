"use strict";
const runs = document.getElementById("runs-table");
const body = runs.querySelector("tbody");
const headings = [...runs.querySelectorAll("th")];
headings.forEach((heading, index) => {
  heading.querySelector("button").addEventListener("click", () => {
    const isNumber = !heading.classList.contains("text");
    const current = heading.getAttribute("aria-sort");
    const isDescending = current ? current === "ascending" : isNumber;  // numbers are sorted largest first
    headings.forEach(other => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    const value = row => row.cells[index].dataset.value;
    const rows = [...body.rows].sort((one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === "" || b === "") return (a === "") - (b === "");  // unknown values go last
      const order = isNumber ? Number(a) - Number(b) : a.localeCompare(b, "en", {numeric: true});
      return isDescending ? -order : order;
    });
    body.append(...rows);
  });
});
const onlyDifferences = document.getElementById("only-differences");
if (onlyDifferences) {
  onlyDifferences.addEventListener("change", () => runs.classList.toggle("only-differences", onlyDifferences.checked));
  onlyDifferences.checked = true;
}
